/** What React may know of the live connection: summaries that change about once a second, never positions. */

import { create } from 'zustand'
import type { Hello, Stats, Track } from '../api/schema'
import type { Connection } from './LiveSocket'

export interface ViewSummary {
  /** Vehicles held for the view and its margin. */
  held: number
  /** Vehicles in the whole world. */
  total: number
  /** 1 of this number of vehicles is shown. */
  oneOf: number
  density: boolean
  simTimeMs: number
  simSpeed: number
}

interface LiveStatus {
  connection: Connection
  hello: Hello | null
  stats: Stats | null
  view: ViewSummary | null
}

export const useLiveStatus = create<LiveStatus>(() => ({ connection: { phase: 'connecting' }, hello: null, stats: null, view: null }))

interface Selection {
  /** The page's key of what is selected; in the URL. Null while only the vehicle's number is known. */
  deliveryId: string | null
  /** The wire's number of its vehicle; null if it is not on the map. */
  vehicleId: number | null
  /** The newest word of the server on it. */
  track: Track | null
  /** `performance.now()` of that word. */
  trackAtMs: number
  following: boolean
}

export const NOTHING_SELECTED: Selection = { deliveryId: null, vehicleId: null, track: null, trackAtMs: 0, following: false }

export const useSelection = create<Selection>(() => NOTHING_SELECTED)
