/** A route's line on the map: how far it is driven, and the two parts. Pure arithmetic on [lng, lat] pairs. */

import type { Position } from 'geojson'

const EARTH_RADIUS_M = 6_371_008.8
const RAD = Math.PI / 180

/** Great-circle metres between two [lng, lat] pairs; good to half a per cent, and used for shares only. */
export function distanceM([lng0, lat0]: Position, [lng1, lat1]: Position): number {
  const a = Math.sin(((lat1 - lat0) * RAD) / 2) ** 2 + Math.cos(lat0 * RAD) * Math.cos(lat1 * RAD) * Math.sin(((lng1 - lng0) * RAD) / 2) ** 2
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(a)))
}

/** Cut a line at a share of its length, from 0 to 1: what is driven, and what lies ahead. Both have the cut in common. */
export function splitLine(line: readonly Position[], share: number): { driven: Position[]; ahead: Position[] } {
  if (line.length < 2 || share <= 0) return { driven: [], ahead: [...line] }
  if (share >= 1) return { driven: [...line], ahead: [] }
  const lengths = line.slice(1).map((point, i) => distanceM(line[i], point))
  let left = share * lengths.reduce((sum, length) => sum + length, 0)
  let i = 0
  while (i < lengths.length - 1 && left > lengths[i]) {
    left -= lengths[i]
    i += 1
  }
  const part = lengths[i] > 0 ? Math.min(1, left / lengths[i]) : 0
  const cut: Position = [line[i][0] + (line[i + 1][0] - line[i][0]) * part, line[i][1] + (line[i + 1][1] - line[i][1]) * part]
  return { driven: [...line.slice(0, i + 1), cut], ahead: [cut, ...line.slice(i + 1)] }
}

/** West, south, east, north. */
export type Bounds = [number, number, number, number]

export function boundsOf(lines: Iterable<readonly Position[]>): Bounds | null {
  const bounds: Bounds = [Infinity, Infinity, -Infinity, -Infinity]
  for (const line of lines) {
    for (const [lng, lat] of line) {
      if (lng < bounds[0]) bounds[0] = lng
      if (lat < bounds[1]) bounds[1] = lat
      if (lng > bounds[2]) bounds[2] = lng
      if (lat > bounds[3]) bounds[3] = lat
    }
  }
  return Number.isFinite(bounds[0]) ? bounds : null
}

/** Metres driven at the virtual time that is drawn, from a position that may be newer or older than it. */
export function drivenAt(distanceAtEventM: number, speedMps: number, eventMs: number, drawMs: number, lengthM: number): number {
  const driven = distanceAtEventM + (speedMps * (drawMs - eventMs)) / 1000
  return Math.min(lengthM, Math.max(0, Number.isFinite(driven) ? driven : distanceAtEventM))
}
