/** Named addresses of the map: what of the page's address is kept, under which id, and what opening one does. */

import type { SavedView } from '../api/schema'
import { useFilter } from '../deliveries/filter'
import type { LiveSession } from '../live/LiveSession'
import type { Camera } from '../map/Camera'
import { readUrl, writeSearch } from '../url/urlState'

/** The part of the address that another reader would see too; without what concerns this browser alone, such as the language. */
export function queryToKeep(search: string): string {
  return writeSearch('', readUrl(search)).slice(1)
}

/** The id of a title: that of the view of this title, which is thereby replaced, or a new one. */
export function idFor(title: string, views: readonly SavedView[], nowMs: number): string {
  const known = views.find((view) => view.title === title.trim())
  if (known) return known.id
  const words = title.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().match(/[a-z0-9]+/g) ?? ['view']
  return `${words.join('-').slice(0, 60)}-${nowMs.toString(36)}`
}

/** Bring the page to where a view was saved, without loading it again. */
export function openView({ query }: SavedView, session: Pick<LiveSession, 'selectDelivery' | 'deselect'>, camera: Pick<Camera, 'flyTo'> | undefined): void {
  const { view, deliveryId, text, states } = readUrl(`?${query}`)
  useFilter.setState({ text, states })
  if (deliveryId) session.selectDelivery(deliveryId)
  else session.deselect()
  if (view) camera?.flyTo(view, view.zoom)
}
