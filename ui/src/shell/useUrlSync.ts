import { useEffect } from 'react'
import { useFilter } from '../deliveries/filter'
import { useSelection } from '../live/liveStatus'
import { readUrl, updateUrl } from '../url/urlState'
import { useSession } from '../common/context'

/** Selection and filter from the address when the page opens, and into it when they change. The map keeps its own part. */
export function useUrlSync(): void {
  const session = useSession()
  useEffect(() => {
    const { deliveryId, text, states } = readUrl(window.location.search)
    if (text || states.length > 0) useFilter.setState({ text, states })
    if (deliveryId) session.selectDelivery(deliveryId)
    const stops = [
      useSelection.subscribe((now, before) => {
        if (now.deliveryId !== before.deliveryId) updateUrl({ deliveryId: now.deliveryId })
      }),
      useFilter.subscribe(({ text: wanted, states: chosen }) => updateUrl({ text: wanted, states: chosen })),
    ]
    return () => stops.forEach((stop) => stop())
  }, [session])
}
