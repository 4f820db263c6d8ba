/** Which cells of the wire a view needs. */

import { CELL_ZOOM } from '../live/wire'

export interface ViewBounds {
  west: number
  south: number
  east: number
  north: number
}

export type CellRange = [number, number, number, number]

const LATITUDE_LIMIT = 85.051129

const column = (lng: number, n: number): number => Math.floor((lng / 360 + 0.5) * n)

function row(lat: number, n: number): number {
  const sine = Math.sin((Math.min(LATITUDE_LIMIT, Math.max(-LATITUDE_LIMIT, lat)) * Math.PI) / 180)
  return Math.floor((0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)) * n)
}

/** Inclusive cells of a view and a margin of one cell; the whole width if the view crosses the antimeridian. */
export function cellsOf(view: ViewBounds, zoom = CELL_ZOOM, margin = 1): CellRange {
  const n = 2 ** zoom
  const clamp = (cell: number): number => Math.min(n - 1, Math.max(0, cell))
  const wraps = view.west < -180 || view.east > 180 || view.east < view.west
  const x0 = wraps ? 0 : clamp(column(view.west, n) - margin)
  const x1 = wraps ? n - 1 : clamp(column(view.east, n) + margin)
  return [x0, clamp(row(view.north, n) - margin), x1, clamp(row(view.south, n) + margin)]
}

/** Whether every cell of `inner` is in `outer`. */
export function covers(outer: CellRange | null, inner: CellRange): boolean {
  return outer !== null && outer[0] <= inner[0] && outer[1] <= inner[1] && outer[2] >= inner[2] && outer[3] >= inner[3]
}
