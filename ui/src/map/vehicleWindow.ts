/** Which part of the map holds vehicles. Pure arithmetic in CSS pixels. */

import type { VehicleStore } from '../live/VehicleStore'

export interface Window {
  left: number
  top: number
  width: number
  height: number
}

/** Room around the vehicles, for their size and for what they drive until the next look. */
const MARGIN_PX = 40

/** Edges lie on a coarse grid, so that the window rarely changes. */
const STEP_PX = 64

/** The smallest window on the grid that holds every vehicle in view; null if that is most of the map anyway. */
export function vehicleWindow(store: VehicleStore, centre: [number, number], unitsPerPixel: number, width: number, height: number): Window | null {
  let [west, north, east, south] = [Infinity, Infinity, -Infinity, -Infinity]
  const { x, y } = store.data
  for (let slot = 0; slot < store.count; slot += 1) {
    const px = ((x[3 * slot + 2] - centre[0]) | 0) / unitsPerPixel + width / 2
    const py = ((y[3 * slot + 2] - centre[1]) | 0) / unitsPerPixel + height / 2
    if (px < -MARGIN_PX || py < -MARGIN_PX || px > width + MARGIN_PX || py > height + MARGIN_PX) continue
    if (px < west) west = px
    if (px > east) east = px
    if (py < north) north = py
    if (py > south) south = py
  }
  if (west > east) return { left: 0, top: 0, width: STEP_PX, height: STEP_PX }
  const left = Math.max(0, Math.floor((west - MARGIN_PX) / STEP_PX) * STEP_PX)
  const top = Math.max(0, Math.floor((north - MARGIN_PX) / STEP_PX) * STEP_PX)
  const right = Math.min(width, Math.ceil((east + MARGIN_PX) / STEP_PX) * STEP_PX)
  const bottom = Math.min(height, Math.ceil((south + MARGIN_PX) / STEP_PX) * STEP_PX)
  if ((right - left) * (bottom - top) > 0.7 * width * height) return null
  return { left, top, width: right - left, height: bottom - top }
}
