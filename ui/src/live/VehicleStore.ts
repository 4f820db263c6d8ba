/**
 * Every vehicle in the subscribed cells, as a struct of arrays outside React: three places in time per vehicle, and the law of motion between them.
 *
 * The wire gives two samples of a vehicle per two sample periods; the third place is where it was drawn from, so that a new sample never makes it jump.
 * A vehicle goes from place 0 (at t0) over place 1 (at t1) to place 2 (at t2). The overlay's shader follows the same law as `placeAt`.
 */

import type { PositionsFrame } from './wire'

/** A moving vehicle whose next sample is late goes on along its last step, by this share of the step. */
export const EXTRAPOLATION = 0.2

/** A vehicle that was not heard of for this many steps is set to its new place without a drive between. */
const FORGET_STEPS = 4

const MOVING = 0

export interface Place {
  /** World units. */
  x: number
  y: number
  /** 256 are a full turn. */
  heading: number
}

/** What a frame says about time; NaN where it says nothing. */
export interface Observed {
  /** Typical virtual ms between two samples of a vehicle. */
  stepMs: number
  /** Age by which 95 of 100 new samples were first seen, virtual ms. */
  ageMs: number
}

interface Columns {
  id: Uint32Array
  x: Int32Array
  y: Int32Array
  t: Float64Array
  sampleMs: Float64Array
  heading: Uint8Array
  state: Uint8Array
  vehicle: Uint8Array
  mark: Uint32Array
}

function columns(capacity: number): Columns {
  return {
    id: new Uint32Array(capacity),
    x: new Int32Array(3 * capacity),
    y: new Int32Array(3 * capacity),
    t: new Float64Array(3 * capacity),
    sampleMs: new Float64Array(capacity),
    heading: new Uint8Array(3 * capacity),
    state: new Uint8Array(capacity),
    vehicle: new Uint8Array(capacity),
    mark: new Uint32Array(capacity),
  }
}

/** Columns with three entries per vehicle. */
const TRIPLES = ['x', 'y', 't', 'heading'] as const
const SINGLES = ['id', 'sampleMs', 'state', 'vehicle', 'mark'] as const

export class VehicleStore {
  /** Vehicles held; they fill the slots 0 to count - 1. */
  count = 0
  /** Grows with every applied frame. */
  version = 0
  /** Virtual time of the newest frame. */
  simTimeMs = Number.NaN
  data: Columns
  private readonly slots = new Map<number, number>()
  private samplePeriodMs = 1000
  private readonly place: Place = { x: 0, y: 0, heading: 0 }

  constructor(private capacity = 1024) {
    this.data = columns(capacity)
  }

  setSamplePeriod(samplePeriodMs: number): void {
    if (samplePeriodMs > 0) this.samplePeriodMs = samplePeriodMs
  }

  /** Slot of a vehicle, or -1. Valid until the next frame. */
  slotOf(id: number): number {
    return this.slots.get(id) ?? -1
  }

  clear(): void {
    this.count = 0
    this.slots.clear()
    this.version += 1
  }

  /**
   * Take a frame: who is in it appears or moves on, who is not has left.
   *
   * @param drawMs virtual time that is on the screen now; NaN if nothing is drawn yet
   */
  apply(frame: PositionsFrame, drawMs: number): Observed {
    const mark = (this.version + 1) >>> 0
    const ages: number[] = []
    const steps: number[] = []
    const watched = Math.max(1, Math.floor(frame.id.length / 256))
    for (let i = 0; i < frame.id.length; i += 1) {
      const sampleMs = frame.simTimeMs - frame.ageMs[i]
      let slot = this.slotOf(frame.id[i])
      if (slot < 0) {
        slot = this.append(frame.id[i])
        this.settle(slot, frame, i, sampleMs)
      } else if (sampleMs > this.data.sampleMs[slot] + 1) {
        if (i % watched === 0 && frame.ageMs[i] < 65535) {
          ages.push(frame.ageMs[i])
          steps.push(sampleMs - this.data.sampleMs[slot])
        }
        this.move(slot, frame, i, sampleMs, drawMs)
      }
      this.data.state[slot] = frame.state[i]
      this.data.vehicle[slot] = frame.vehicle[i]
      this.data.mark[slot] = mark
    }
    for (let slot = this.count - 1; slot >= 0; slot -= 1) if (this.data.mark[slot] !== mark) this.remove(slot)
    this.version = mark
    this.simTimeMs = frame.simTimeMs
    return { stepMs: quantile(steps, 0.5), ageMs: quantile(ages, 0.95) }
  }

  /** Where a vehicle is drawn at a virtual time. The answer is reused by the next call. */
  placeAt(slot: number, drawMs: number): Place {
    const { x, y, t, heading, state } = this.data
    const at = 3 * slot
    const late = drawMs >= t[at + 1]
    const from = late ? at + 1 : at
    const span = t[from + 1] - t[from]
    const most = late && state[slot] === MOVING ? 1 + EXTRAPOLATION : 1
    const share = span > 0 && Number.isFinite(drawMs) ? Math.min(most, Math.max(0, (drawMs - t[from]) / span)) : late || !Number.isFinite(drawMs) ? 1 : 0
    this.place.x = (x[from] + ((x[from + 1] - x[from]) | 0) * share) | 0
    this.place.y = (y[from] + ((y[from + 1] - y[from]) | 0) * share) | 0
    const turn = ((heading[from + 1] - heading[from] + 384) & 255) - 128
    this.place.heading = (heading[from] + turn * Math.min(1, share) + 256) % 256
    return this.place
  }

  /** Slot of the vehicle nearest to a place, no further than `reach` world units, among those whose state's bit is in `mask`; or -1. */
  nearest(x: number, y: number, reach: number, drawMs: number, mask: number): number {
    let best = -1
    let bestSquare = reach * reach
    for (let slot = 0; slot < this.count; slot += 1) {
      if (!(mask & (1 << this.data.state[slot]))) continue
      const place = this.placeAt(slot, drawMs)
      const dx = (place.x - x) | 0
      const dy = (place.y - y) | 0
      const square = dx * dx + dy * dy
      if (square <= bestSquare) {
        best = slot
        bestSquare = square
      }
    }
    return best
  }

  private settle(slot: number, frame: PositionsFrame, i: number, sampleMs: number): void {
    for (let at = 3 * slot; at < 3 * slot + 3; at += 1) {
      this.data.x[at] = frame.x[i]
      this.data.y[at] = frame.y[i]
      this.data.t[at] = sampleMs
      this.data.heading[at] = frame.heading[i]
    }
    this.data.sampleMs[slot] = sampleMs
  }

  private move(slot: number, frame: PositionsFrame, i: number, sampleMs: number, drawMs: number): void {
    const { x, y, t, heading } = this.data
    const at = 3 * slot
    const step = sampleMs - this.data.sampleMs[slot]
    const longest = FORGET_STEPS * Math.max(this.samplePeriodMs, frame.periodMs * frame.simSpeed)
    if (step > longest || !Number.isFinite(drawMs)) {
      this.settle(slot, frame, i, sampleMs)
      return
    }
    let goalX = frame.x[i]
    let goalY = frame.y[i]
    if (drawMs > t[at + 1] && drawMs <= t[at + 2]) {
      // The usual case: it is on its way to place 2, and both ends of that step are kept.
      x.copyWithin(at, at + 1, at + 3)
      y.copyWithin(at, at + 1, at + 3)
      t.copyWithin(at, at + 1, at + 3)
      heading.copyWithin(at, at + 1, at + 3)
    } else {
      const overdue = drawMs > t[at + 2]
      const shown = this.placeAt(slot, drawMs)
      if (overdue) {
        // It was drawn beyond its last place. If the new one lies behind, it waits there: a vehicle does not back up because we guessed.
        const driven = { x: (shown.x - x[at + 1]) | 0, y: (shown.y - y[at + 1]) | 0 }
        const ahead = ((goalX - shown.x) | 0) * driven.x + ((goalY - shown.y) | 0) * driven.y
        if (ahead < 0) {
          goalX = shown.x
          goalY = shown.y
        }
      }
      const kept = overdue ? null : { x: x[at + 2], y: y[at + 2], t: t[at + 2], heading: heading[at + 2] }
      x[at] = shown.x
      y[at] = shown.y
      t[at] = drawMs
      heading[at] = shown.heading
      x[at + 1] = kept?.x ?? shown.x
      y[at + 1] = kept?.y ?? shown.y
      t[at + 1] = kept?.t ?? drawMs
      heading[at + 1] = kept?.heading ?? shown.heading
    }
    x[at + 2] = goalX
    y[at + 2] = goalY
    // A late sample still takes most of a step to drive to, else it would be a jump.
    t[at + 2] = Math.max(sampleMs, t[at + 1] + Math.min(step, longest) * 0.5)
    heading[at + 2] = frame.heading[i]
    this.data.sampleMs[slot] = sampleMs
  }

  private append(id: number): number {
    if (this.count === this.capacity) this.grow()
    const slot = this.count
    this.count += 1
    this.data.id[slot] = id
    this.slots.set(id, slot)
    return slot
  }

  private remove(slot: number): void {
    const last = this.count - 1
    this.slots.delete(this.data.id[slot])
    if (slot !== last) {
      for (const name of TRIPLES) this.data[name].copyWithin(3 * slot, 3 * last, 3 * last + 3)
      for (const name of SINGLES) this.data[name][slot] = this.data[name][last]
      this.slots.set(this.data.id[slot], slot)
    }
    this.count = last
  }

  private grow(): void {
    const old = this.data
    this.capacity *= 2
    this.data = columns(this.capacity)
    for (const name of [...TRIPLES, ...SINGLES]) this.data[name].set(old[name])
  }
}

function quantile(values: number[], share: number): number {
  if (values.length === 0) return Number.NaN
  values.sort((a, b) => a - b)
  return values[Math.min(values.length - 1, Math.floor(share * values.length))]
}
