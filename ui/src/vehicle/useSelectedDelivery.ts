/** What is known of the selected delivery: from the socket while it lives on the map, from the store otherwise. */

import type { LineString } from 'geojson'
import { useEffect } from 'react'
import { useSession } from '../app/context'
import { useDelivery, useRoute } from '../api/queries'
import type { Delivery } from '../api/types'
import { useLiveStatus, useSelection } from '../live/liveStatus'

const ASK_AGAIN_MS = 2_000

export interface SelectedDelivery {
  selected: boolean
  delivery: Delivery | null
  route: LineString | null
  error: Error | null
}

export function useSelectedDelivery(): SelectedDelivery {
  const session = useSession()
  const { deliveryId, vehicleId, track } = useSelection()
  const connected = useLiveStatus((state) => state.connection.phase === 'connected')
  const live = track !== null && connected
  const stored = useDelivery(deliveryId, live)
  const delivery = (live ? track : (stored.data ?? track)) ?? null
  const routeId = delivery && !track?.route ? delivery.routeId : null
  const route = useRoute(routeId)

  // A delivery that was only just asked for is not on the map yet: ask again until it is.
  const waiting = connected && deliveryId !== null && track === null && !(stored.data?.endedAt ?? null)
  useEffect(() => {
    if (!waiting) return
    const timer = setInterval(() => session.askAgain(), ASK_AGAIN_MS)
    return () => clearInterval(timer)
  }, [waiting, session])

  return { selected: deliveryId !== null || vehicleId !== null, delivery, route: track?.route ?? route.data?.geometry ?? null, error: delivery ? null : stored.error }
}
