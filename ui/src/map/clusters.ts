/** Vehicles gathered into squares of the world grid, for zooms at which single ones would lie on top of each other. Pure arithmetic. */

import type { VehicleStore } from '../live/VehicleStore'
import type { DensityFrame } from '../live/wire'

export interface Cluster {
  /** World units of the members' mean place. */
  x: number
  y: number
  count: number
  /** Members by state; empty if only their number is known. */
  byState: number[]
}

/** Below this zoom single vehicles give way to clusters. */
export const CLUSTER_ZOOM = 8.5

/** Squares of about this many CSS pixels. */
const SQUARE_PX = 72

/** Bits to drop from world units for squares of the wanted size: steps of whole zooms, so that squares stay put while zooming. */
export function gridShift(zoom: number): number {
  return Math.max(0, Math.min(31, Math.round(32 - 9 - Math.round(zoom) + Math.log2(SQUARE_PX))))
}

class Grid {
  private readonly squares = new Map<number, { x: number; y: number; count: number; byState: number[] }>()

  constructor(private readonly shift: number) {}

  add(x: number, y: number, count: number, state: number): void {
    const [ux, uy] = [x >>> 0, y >>> 0]
    const key = (uy >>> this.shift) * 2 ** 20 + (ux >>> this.shift)
    let square = this.squares.get(key)
    if (!square) {
      square = { x: 0, y: 0, count: 0, byState: [] }
      this.squares.set(key, square)
    }
    square.count += count
    square.x += ux * count
    square.y += uy * count
    if (state >= 0) square.byState[state] = (square.byState[state] ?? 0) + count
  }

  clusters(): Cluster[] {
    const found = [...this.squares.values()].map(({ x, y, count, byState }) => ({ x: (x / count) | 0, y: (y / count) | 0, count, byState: Array.from(byState, (n) => n ?? 0) }))
    return found.sort((a, b) => a.count - b.count)
  }
}

/** Clusters of the vehicles whose state's bit is in `mask`, smallest first. */
export function clusterVehicles(store: VehicleStore, zoom: number, mask: number): Cluster[] {
  const grid = new Grid(gridShift(zoom))
  const { x, y, state } = store.data
  for (let slot = 0; slot < store.count; slot += 1) if (mask & (1 << state[slot])) grid.add(x[3 * slot + 2], y[3 * slot + 2], 1, state[slot])
  return grid.clusters()
}

/** Clusters of a density frame, smallest first. */
export function clusterDensity(frame: DensityFrame, zoom: number): Cluster[] {
  const grid = new Grid(gridShift(zoom))
  for (let i = 0; i < frame.count.length; i += 1) grid.add(frame.x[i], frame.y[i], frame.count[i], -1)
  return grid.clusters()
}

/** CSS pixels of a cluster's radius. */
export function clusterRadius(count: number): number {
  return Math.min(34, 13 + 5.5 * Math.log10(Math.max(1, count)))
}
