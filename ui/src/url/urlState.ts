/** What of the page is worth sharing, in its address: the view, the selected delivery, the list's filter. */

import type { MapView } from '../map/createMap'
import { LIST_STATES } from '../theme/stateColours'

export interface UrlState {
  view: MapView | null
  deliveryId: string | null
  text: string
  states: string[]
}

/** `map=zoom/lat/lng`, as in OpenStreetMap's addresses. */
export function parseView(text: string | null): MapView | null {
  const parts = text?.split('/').map(Number) ?? []
  if (parts.length !== 3 || !parts.every(Number.isFinite)) return null
  const [zoom, lat, lng] = parts
  return zoom >= 0 && zoom <= 24 && Math.abs(lat) <= 86 && Math.abs(lng) <= 360 ? { zoom, lat, lng } : null
}

export function showView({ zoom, lat, lng }: MapView): string {
  const digits = Math.max(2, Math.ceil(zoom / 3.3) + 1)
  return `${zoom.toFixed(2)}/${lat.toFixed(digits)}/${lng.toFixed(digits)}`
}

export function readUrl(search: string): UrlState {
  const params = new URLSearchParams(search)
  const states = params.get('state')?.split(',') ?? []
  return {
    view: parseView(params.get('map')),
    deliveryId: params.get('delivery') || null,
    text: params.get('q') ?? '',
    states: states.filter((state) => (LIST_STATES as readonly string[]).includes(state)),
  }
}

/** Write some of the state into a query string and keep what else is in it. */
export function writeSearch(search: string, change: Partial<UrlState>): string {
  const params = new URLSearchParams(search)
  const put = (name: string, value: string | null): void => {
    if (value) params.set(name, value)
    else params.delete(name)
  }
  if ('view' in change) put('map', change.view ? showView(change.view) : null)
  if ('deliveryId' in change) put('delivery', change.deliveryId ?? null)
  if ('text' in change) put('q', change.text?.trim() ?? null)
  if ('states' in change) put('state', change.states?.join(',') ?? null)
  // Slashes and commas are allowed in a query, and much easier to read.
  const text = params.toString().replaceAll('%2F', '/').replaceAll('%2C', ',')
  return text ? `?${text}` : ''
}

export function updateUrl(change: Partial<UrlState>): void {
  const search = writeSearch(window.location.search, change)
  if (search !== window.location.search) window.history.replaceState(null, '', window.location.pathname + search + window.location.hash)
}
