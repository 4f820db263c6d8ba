import { expect, test } from 'vitest'
import { VehicleStore } from '../live/VehicleStore'
import { aroundOrigin } from './VehicleOverlay'
import { cellsOf } from './cells'
import { clusterDensity, clusterVehicles, gridShift } from './clusters'
import { FrameCap } from './FrameCap'
import { boundsOf, distanceM, drivenAt, splitLine } from './route'
import { vehicleWindow } from './vehicleWindow'
import { toLngLat, toMercator, toWorld } from './worldUnits'

test('world units go there and back within a centimetre or two', () => {
  for (const place of [{ lng: 9.52, lat: 47.14 }, { lng: -47.93, lat: -15.82 }, { lng: 179.999, lat: 84 }, { lng: -179.999, lat: -84 }]) {
    const back = toLngLat(...toWorld(place))
    expect(Math.abs(back.lng - place.lng)).toBeLessThan(2e-7)
    expect(Math.abs(back.lat - place.lat)).toBeLessThan(2e-7)
  }
})

test('cells are web-mercator tiles with a margin, and the whole width across the antimeridian', () => {
  expect(cellsOf({ west: 9.5, south: 47.1, east: 9.6, north: 47.2 }, 12, 0)).toEqual([2156, 1437, 2157, 1439])
  expect(cellsOf({ west: 9.5, south: 47.1, east: 9.6, north: 47.2 }, 12)).toEqual([2155, 1436, 2158, 1440])
  expect(cellsOf({ west: 170, south: -10, east: 190, north: 10 })[0]).toBe(0)
  expect(cellsOf({ west: -300, south: -89, east: 300, north: 89 })).toEqual([0, 0, 4095, 4095])
})

test('the folded matrix shows a place where the map\'s own matrix does, to float32\'s last bit near the origin', () => {
  const zoom = 2 ** 20
  const matrix = [zoom, 0, 0, 0, 0, -zoom, 0, 0, 0, 0, 1, 0, -zoom * 0.5264, zoom * 0.3511, 0, 1]
  const origin = toWorld({ lng: 9.52, lat: 47.14 })
  const folded = aroundOrigin(matrix, origin)
  for (const [dx, dy] of [[0, 0], [900, -700]]) {
    const [mx, my] = toMercator((origin[0] + dx) | 0, (origin[1] + dy) | 0)
    const wanted = [matrix[0] * mx + matrix[12], matrix[5] * my + matrix[13]]
    expect(folded[0] * dx + folded[4] * dy + folded[12]).toBeCloseTo(wanted[0], 2)
    expect(folded[1] * dx + folded[5] * dy + folded[13]).toBeCloseTo(wanted[1], 2)
  }
})

test('a line is cut where its share of the length is, and both parts share the cut', () => {
  const line = [[0, 0], [1, 0], [3, 0]]
  const { driven, ahead } = splitLine(line, 0.5)
  expect(driven.map(([lng]) => Math.round(lng * 1000) / 1000)).toEqual([0, 1, 1.5])
  expect(ahead.map(([lng]) => Math.round(lng * 1000) / 1000)).toEqual([1.5, 3])
  expect(splitLine(line, 0)).toEqual({ driven: [], ahead: line })
  expect(splitLine(line, 1)).toEqual({ driven: line, ahead: [] })
  expect(distanceM([0, 0], [0, 1])).toBeCloseTo(111_195, -1)
  expect(boundsOf([line, [[-2, 5]]])).toEqual([-2, 0, 3, 5])
  expect(boundsOf([])).toBeNull()
})

test('the driven part follows the drawn vehicle, not the newest position', () => {
  expect(drivenAt(500, 10, 20_000, 18_700, 1_000)).toBe(487)
  expect(drivenAt(995, 10, 20_000, 22_000, 1_000)).toBe(1_000)
  expect(drivenAt(500, 10, Number.NaN, 18_700, 1_000)).toBe(500)
})

test('clusters hold everybody once, by state, and only who is shown', () => {
  const store = new VehicleStore()
  const x = Int32Array.from([0, 1000, 2 ** 30])
  const frame = { kind: 'positions' as const, seq: 1, simTimeMs: 0, periodMs: 250, cellZoom: 12, total: 3, simSpeed: 1, oneOf: 1, id: Uint32Array.from([1, 2, 3]), x, y: new Int32Array(3), ageMs: new Uint16Array(3), heading: new Uint8Array(3), state: Uint8Array.from([0, 3, 0]), vehicle: new Uint8Array(3) }
  store.apply(frame, Number.NaN)
  const all = clusterVehicles(store, 5, 0xff)
  expect(all.map((cluster) => cluster.count)).toEqual([1, 2])
  expect(all[1].byState).toEqual([1, 0, 0, 1])
  expect(clusterVehicles(store, 5, 0b1).map((cluster) => cluster.count)).toEqual([1, 1])
  const density = { ...frame, kind: 'density' as const, count: Uint32Array.from([5, 6, 7]) }
  expect(clusterDensity(density, 5).map((cluster) => cluster.count)).toEqual([7, 11])
  expect(gridShift(5) - gridShift(6)).toBe(1)
})

test('the overlay covers where vehicles are, on a coarse grid, or everything if they are everywhere', () => {
  const at = (pixels: [number, number][]) => {
    const store = new VehicleStore()
    const n = pixels.length
    store.apply({ kind: 'positions', seq: 1, simTimeMs: 0, periodMs: 250, cellZoom: 12, total: n, simSpeed: 1, oneOf: 1, id: Uint32Array.from(pixels, (_, i) => i), x: Int32Array.from(pixels, ([px]) => (px - 500) * 10), y: Int32Array.from(pixels, ([, py]) => (py - 400) * 10), ageMs: new Uint16Array(n), heading: new Uint8Array(n), state: new Uint8Array(n), vehicle: new Uint8Array(n) }, Number.NaN)
    return vehicleWindow(store, [0, 0], 10, 1000, 800)
  }
  expect(at([[300, 200], [420, 330]])).toEqual({ left: 256, top: 128, width: 256, height: 256 })
  expect(at([[5, 5], [995, 795]])).toBeNull()
  expect(at([[-500, 10]])).toEqual({ left: 0, top: 0, width: 64, height: 64 })
})

test('slow frames lower the rate step by step, quick ones raise it again after a while, excused ones prove nothing', () => {
  const cap = new FrameCap()
  let now = 0
  const run = (gapMs: number, frames: number, excused = false): void => {
    for (let i = 0; i < frames; i += 1) cap.tick((now += gapMs), excused)
  }
  run(80, 100, true)
  expect(cap.leastIntervalMs).toBe(0)
  run(80, 32)
  expect([cap.leastIntervalMs, cap.plain, cap.slow]).toEqual([0, false, true])
  run(80, 32)
  expect([cap.leastIntervalMs, cap.plain]).toEqual([50, true])
  run(16, 600)
  expect([cap.leastIntervalMs, cap.plain, cap.slow]).toEqual([0, false, true])
})
