import { describe, expect, test } from 'vitest'
import { VehicleStore } from './VehicleStore'
import type { PositionsFrame } from './wire'

interface Seen {
  id: number
  x: number
  y?: number
  age?: number
  heading?: number
  state?: number
}

let seq = 0

function frame(simTimeMs: number, seen: Seen[]): PositionsFrame {
  seq += 1
  return {
    kind: 'positions', seq, simTimeMs, periodMs: 250, cellZoom: 12, total: seen.length, simSpeed: 1, oneOf: 1,
    id: Uint32Array.from(seen, (v) => v.id),
    x: Int32Array.from(seen, (v) => v.x),
    y: Int32Array.from(seen, (v) => v.y ?? 0),
    ageMs: Uint16Array.from(seen, (v) => v.age ?? 0),
    heading: Uint8Array.from(seen, (v) => v.heading ?? 0),
    state: Uint8Array.from(seen, (v) => v.state ?? 0),
    vehicle: Uint8Array.from(seen, () => 2),
  }
}

const xAt = (store: VehicleStore, id: number, drawMs: number): number => store.placeAt(store.slotOf(id), drawMs).x

describe('who is there', () => {
  test('a vehicle appears with its first frame and leaves with the first one that does not name it', () => {
    const store = new VehicleStore(2)
    store.apply(frame(10_000, [{ id: 7, x: 100 }, { id: 8, x: 200 }, { id: 9, x: 300 }]), Number.NaN)
    expect(store.count).toBe(3)
    store.apply(frame(10_250, [{ id: 9, x: 300, age: 250 }, { id: 7, x: 100, age: 250 }]), 9_000)
    expect(store.count).toBe(2)
    expect(store.slotOf(8)).toBe(-1)
    expect([xAt(store, 7, 10_000), xAt(store, 9, 10_000)]).toEqual([100, 300])
  })

  test('a vehicle that moved slots keeps its own data', () => {
    const store = new VehicleStore(4)
    const seen = Array.from({ length: 50 }, (_, i) => ({ id: 1000 + i, x: i * 10, state: i % 5 }))
    store.apply(frame(1_000, seen), Number.NaN)
    store.apply(frame(1_250, seen.filter((v) => v.id % 3 === 0)), 0)
    for (const { id, x, state } of seen) {
      const slot = store.slotOf(id)
      expect(slot >= 0).toBe(id % 3 === 0)
      if (slot >= 0) expect([store.data.id[slot], store.data.state[slot], xAt(store, id, 2_000)]).toEqual([id, state, x])
    }
  })

  test('a repeated position with a greater age is no new sample', () => {
    const store = new VehicleStore()
    store.apply(frame(10_000, [{ id: 1, x: 0 }]), Number.NaN)
    store.apply(frame(11_000, [{ id: 1, x: 1000 }]), 9_700)
    const before = [...store.data.t.slice(0, 3)]
    expect(Number.isNaN(store.apply(frame(11_250, [{ id: 1, x: 1000, age: 250 }]), 9_950).stepMs)).toBe(true)
    expect([...store.data.t.slice(0, 3)]).toEqual(before)
  })

  test('a frame tells the step and the age of its new samples', () => {
    const store = new VehicleStore()
    store.apply(frame(10_000, [{ id: 1, x: 0, age: 100 }]), Number.NaN)
    expect(store.apply(frame(11_000, [{ id: 1, x: 9, age: 100 }]), 9_700)).toEqual({ stepMs: 1000, ageMs: 100 })
  })
})

describe('how it moves', () => {
  test('between two samples it is where the line between them says, and at their times exactly on them', () => {
    const store = new VehicleStore()
    store.apply(frame(10_000, [{ id: 1, x: 0 }]), Number.NaN)
    store.apply(frame(11_000, [{ id: 1, x: 1000 }]), 9_700)
    expect([9_700, 10_000, 10_250, 10_500, 11_000].map((t) => xAt(store, 1, t))).toEqual([0, 0, 250, 500, 1000])
  })

  test('a late sample finds it at most a fifth of a step further, and one that stands does not go on', () => {
    const store = new VehicleStore()
    store.apply(frame(10_000, [{ id: 1, x: 0 }, { id: 2, x: 0 }]), Number.NaN)
    store.apply(frame(11_000, [{ id: 1, x: 1000 }, { id: 2, x: 1000, state: 1 }]), 9_700)
    expect([11_100, 11_200, 15_000].map((t) => xAt(store, 1, t))).toEqual([1100, 1200, 1200])
    expect(xAt(store, 2, 15_000)).toBe(1000)
  })

  test('heading turns the short way round', () => {
    const store = new VehicleStore()
    store.apply(frame(10_000, [{ id: 1, x: 0, heading: 250 }]), Number.NaN)
    store.apply(frame(11_000, [{ id: 1, x: 10, heading: 10 }]), 9_700)
    expect(store.placeAt(0, 10_500).heading).toBeCloseTo(2)
  })

  test('it crosses the antimeridian without going around the world', () => {
    const store = new VehicleStore()
    const edge = 2 ** 31 - 500
    store.apply(frame(10_000, [{ id: 1, x: edge }]), Number.NaN)
    store.apply(frame(11_000, [{ id: 1, x: (edge + 1000) | 0 }]), 9_700)
    expect(((xAt(store, 1, 10_750) - edge) | 0)).toBe(750)
  })

  test('after a long silence it is set to its place, not driven there', () => {
    const store = new VehicleStore()
    store.apply(frame(10_000, [{ id: 1, x: 0 }]), Number.NaN)
    store.apply(frame(60_000, [{ id: 1, x: 50_000 }]), 58_700)
    expect(xAt(store, 1, 58_700)).toBe(50_000)
  })

  /** Draws every 16 ms while frames come with jitter, some of them skipped; speed varies, with stops. Returns all drawn x. */
  function drive(options: { skip: number; jitterMs: number; delayMs: number; chance: () => number }): { drawn: number[]; fastest: number } {
    const store = new VehicleStore()
    const truth = [0]
    let fastest = 0
    for (let k = 1; k < 60; k += 1) {
      const speed = k % 13 < 3 ? 0 : Math.round(options.chance() * 2_000)
      fastest = Math.max(fastest, speed)
      truth.push(truth[k - 1] + speed)
    }
    const phase = 130
    const sampleAt = (simMs: number): number => Math.floor((simMs - phase) / 1000)
    const drawn: number[] = []
    let nextFrameMs = 1_000
    let takenMs = 0
    for (let nowMs = 1_000; nowMs < 58_000; nowMs += 16) {
      const drawMs = nowMs - options.delayMs
      if (nowMs >= nextFrameMs) {
        const k = Math.max(0, sampleAt(nowMs))
        const age = nowMs - (phase + 1000 * k)
        // A silence of several steps is another test's matter.
        const taken = options.chance() >= options.skip || nowMs - takenMs > 2_000
        if (taken) takenMs = nowMs
        if (taken) store.apply(frame(nowMs, [{ id: 1, x: truth[k], age: Math.max(0, age), state: truth[k] === truth[k - 1] ? 1 : 0 }]), drawMs)
        nextFrameMs += 250 + Math.round(options.chance() * options.jitterMs)
      }
      if (store.count > 0) drawn.push(xAt(store, 1, drawMs))
    }
    return { drawn, fastest }
  }

  function seeded(seed: number): () => number {
    let state = seed
    return () => {
      state = (state * 1664525 + 1013904223) >>> 0
      return state / 2 ** 32
    }
  }

  test.each([
    ['steady frames', { skip: 0, jitterMs: 0, delayMs: 1_300 }],
    ['jitter', { skip: 0, jitterMs: 200, delayMs: 1_450 }],
    ['one frame of three skipped', { skip: 0.33, jitterMs: 100, delayMs: 1_300 }],
    ['two frames of three skipped', { skip: 0.66, jitterMs: 250, delayMs: 1_300 }],
    ['too small a delay', { skip: 0.2, jitterMs: 100, delayMs: 900 }],
  ])('it never jumps and never runs back: %s', (_, options) => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const { drawn, fastest } = drive({ ...options, chance: seeded(seed) })
      const steps = drawn.slice(1).map((x, i) => x - drawn[i])
      // One drawn frame of 16 ms; a sample that came late may be driven to at up to three times the speed.
      expect(Math.max(...steps)).toBeLessThan(Math.max(40, (3.2 * fastest * 16) / 1000))
      expect(Math.min(...steps)).toBeGreaterThanOrEqual(options.skip === 0 ? 0 : -Math.ceil((fastest * 16) / 1000))
      expect(drawn[drawn.length - 1]).toBeGreaterThan(10_000)
    }
  })
})

test('the nearest vehicle is found within reach and among the states that are shown', () => {
  const store = new VehicleStore()
  store.apply(frame(1_000, [{ id: 1, x: 100 }, { id: 2, x: 130, state: 3 }, { id: 3, x: 900 }]), Number.NaN)
  const found = (x: number, reach: number, mask = 0xff): number => {
    const slot = store.nearest(x, 0, reach, 1_000, mask)
    return slot < 0 ? -1 : store.data.id[slot]
  }
  expect([found(124, 50), found(124, 50, 0b1), found(500, 50), found(860, 50)]).toEqual([2, 1, -1, 3])
})
