/** What a pointer is over: a cluster, a vehicle, or nothing. */

import type { Map as MapLibreMap } from 'maplibre-gl'
import type { LiveSession } from '../live/LiveSession'
import type { Camera } from './Camera'
import type { ClusterOverlay } from './ClusterOverlay'
import { toWorld, unitsPerPixel } from './worldUnits'

const PICK_REACH_PX = 16
const TOUCH_REACH_PX = 24
const HOVER_EVERY_MS = 100

export class Picker {
  private hoverMs = 0

  /**
   * @param shownMask bits of the states that are drawn as single vehicles
   * @param onPicked called after each click
   */
  constructor(
    private readonly map: MapLibreMap,
    private readonly session: LiveSession,
    private readonly clusters: ClusterOverlay,
    private readonly camera: Camera,
    private readonly shownMask: () => number,
    onPicked: () => void,
  ) {
    map.on('click', (event) => {
      this.pick(event.point.x, event.point.y, event.originalEvent)
      onPicked()
    })
    map.on('mousemove', (event) => this.hover(event.point.x, event.point.y))
  }

  private pick(x: number, y: number, event: MouseEvent | TouchEvent): void {
    const cluster = this.clusters.at(x, y)
    if (cluster) {
      this.camera.approach(cluster)
      return
    }
    const coarse = 'pointerType' in event ? event.pointerType === 'touch' : window.matchMedia('(pointer: coarse)').matches
    const found = this.nearest(x, y, coarse ? TOUCH_REACH_PX : PICK_REACH_PX)
    if (found === null) this.session.deselect()
    else this.session.selectVehicle(found)
  }

  private nearest(x: number, y: number, reachPx: number): number | null {
    const { store, clock } = this.session
    const [wx, wy] = toWorld(this.map.unproject([x, y]))
    const slot = store.nearest(wx, wy, reachPx * unitsPerPixel(this.map.getZoom()), clock.drawnMs, this.shownMask())
    return slot < 0 ? null : store.data.id[slot]
  }

  private hover(x: number, y: number): void {
    const nowMs = performance.now()
    if (nowMs - this.hoverMs < HOVER_EVERY_MS || this.map.isMoving()) return
    this.hoverMs = nowMs
    const over = this.clusters.at(x, y) !== null || this.nearest(x, y, PICK_REACH_PX) !== null
    this.map.getCanvas().style.cursor = over ? 'pointer' : ''
  }
}
