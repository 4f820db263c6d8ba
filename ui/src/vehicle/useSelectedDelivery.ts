/** What is known of the selected delivery: from the socket while it lives on the map, from the store otherwise. */

import type { LineString } from 'geojson'
import { useEffect, useState } from 'react'
import { useSession } from '../common/context'
import { useDelivery, useRoute } from '../api/queries'
import type { Delivery } from '../api/schema'
import { useLiveStatus, useSelection } from '../live/liveStatus'
import { isMine } from '../notices/mine'

const ASK_AGAIN_MS = 2_000

/** A delivery that this page asked for is known to the store after a moment; the socket tells of it sooner. */
const EXPECTED_MS = 2_500

export interface SelectedDelivery {
  selected: boolean
  delivery: Delivery | null
  route: LineString | null
  error: Error | null
  /** Asked for by this page, and not known yet. */
  expected: boolean
}

export function useSelectedDelivery(): SelectedDelivery {
  const session = useSession()
  const { deliveryId, vehicleId, track } = useSelection()
  const connected = useLiveStatus((state) => state.connection.phase === 'connected')
  const live = track !== null && connected
  const expected = useIsExpected(deliveryId)
  const stored = useDelivery(deliveryId, live || expected)
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

  return { selected: deliveryId !== null || vehicleId !== null, delivery, route: track?.route ?? route.data?.geometry ?? null, error: delivery ? null : stored.error, expected: expected && !delivery }
}

function useIsExpected(deliveryId: string | null): boolean {
  const [waitedFor, setWaitedFor] = useState<string | null>(null)
  const mine = deliveryId !== null && isMine(deliveryId)
  useEffect(() => {
    if (!mine) return
    const timer = setTimeout(() => setWaitedFor(deliveryId), EXPECTED_MS)
    return () => clearTimeout(timer)
  }, [mine, deliveryId])
  return mine && waitedFor !== deliveryId
}
