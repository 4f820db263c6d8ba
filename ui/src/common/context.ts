/** The two long-lived objects of the page: the live session, and the map once it is there. */

import { createContext, useContext } from 'react'
import type { LiveSession } from '../live/LiveSession'
import type { LiveMap } from '../map/LiveMap'

export const SessionContext = createContext<LiveSession | null>(null)

export function useSession(): LiveSession {
  const session = useContext(SessionContext)
  if (!session) throw new Error('no live session above this component')
  return session
}

export const MapContext = createContext<LiveMap | null>(null)

/** The map, or null while it loads and where it cannot be drawn. */
export function useLiveMap(): LiveMap | null {
  return useContext(MapContext)
}
