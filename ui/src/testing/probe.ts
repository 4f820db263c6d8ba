/** What browser tests may ask of the page: `window.__sim`, only with `?test` in the address. */

import type { LiveSession } from '../live/LiveSession'
import { useLiveStatus, useSelection } from '../live/liveStatus'
import type { LiveMap } from '../map/LiveMap'

export interface Probe {
  vehicles: () => number
  /** Vehicles in the whole world, as the server counts them. */
  total: () => number
  ids: () => number[]
  /** CSS pixels relative to the page. */
  place: (vehicleId: number) => { x: number; y: number; lng: number; lat: number; state: number } | null
  selected: () => { vehicleId: number | null; deliveryId: string | null; following: boolean }
  frames: () => number
  fps: () => number
  firstVehicleMs: () => number | null
  phase: () => string
  view: () => { lng: number; lat: number; zoom: number }
  jumpTo: (view: { lng: number; lat: number; zoom: number }) => void
  delayMs: () => number
  level: () => { plain: boolean; leastMs: number }
  idle: () => boolean
  /** Points of the selected route on the map: the driven part, and what lies ahead. */
  route: () => { driven: number; ahead: number }
}

declare global {
  interface Window {
    __sim?: Probe
  }
}

export function wantsProbe(): boolean {
  return new URLSearchParams(window.location.search).has('test')
}

const FPS_OVER_MS = 2_000

export function exposeProbe(map: LiveMap, session: LiveSession): void {
  const marks: [number, number][] = []
  setInterval(() => {
    marks.push([performance.now(), map.vehicles.framesDrawn])
    while (marks.length > 2 && marks[marks.length - 1][0] - marks[0][0] > FPS_OVER_MS) marks.shift()
  }, 100)
  window.__sim = {
    vehicles: () => session.store.count,
    total: () => useLiveStatus.getState().view?.total ?? 0,
    ids: () => Array.from(session.store.data.id.subarray(0, session.store.count)),
    place: (vehicleId) => {
      const at = map.screenPlace(vehicleId)
      if (!at) return null
      const box = map.map.getContainer().getBoundingClientRect()
      const { lng, lat } = map.map.unproject([at.x, at.y])
      return { x: at.x + box.left, y: at.y + box.top, lng, lat, state: session.store.data.state[session.store.slotOf(vehicleId)] }
    },
    selected: () => {
      const { vehicleId, deliveryId, following } = useSelection.getState()
      return { vehicleId, deliveryId, following }
    },
    frames: () => map.vehicles.framesDrawn,
    fps: () => {
      const [first, last] = [marks[0], marks[marks.length - 1]]
      return first && last && last[0] > first[0] ? (1000 * (last[1] - first[1])) / (last[0] - first[0]) : 0
    },
    firstVehicleMs: () => map.firstVehicleMs,
    phase: () => useLiveStatus.getState().connection.phase,
    view: () => ({ ...map.map.getCenter(), zoom: map.map.getZoom() }),
    jumpTo: ({ lng, lat, zoom }) => map.map.jumpTo({ center: [lng, lat], zoom }),
    delayMs: () => session.clock.delayMs,
    level: () => map.frameInterval,
    idle: () => map.map.loaded() && !map.map.isMoving(),
    route: () => map.base.routePoints,
  }
}
