/**
 * Which virtual instant the map shows: the server's clock, a little behind, and never backwards.
 *
 * A vehicle tells its place once per sample period, and the page hears of it a little later. Drawing one step and that delay behind "now" means that both
 * ends of the step are known: the motion is interpolated, not guessed. Wall times are `performance.now()` ms, virtual times epoch ms.
 */

/** The delay starts at this many sample periods, and is fitted to what is seen between the two bounds. */
export const FIRST_DELAY_PERIODS = 1.3
const LEAST_DELAY_PERIODS = 1.1
const MOST_DELAY_PERIODS = 4

/** The clock may run this much slower or faster to get to where it should be. */
const LARGEST_CORRECTION = 0.5

/** Further off than this many delays, it is set at once. */
const JUMP_DELAYS = 3

export class DrawClock {
  private anchorWallMs = 0
  private anchorSimMs = Number.NaN
  private scale = 1
  private shownMs = Number.NaN
  private shownWallMs = 0
  private periodMs: number
  private delay: number

  constructor(private samplePeriodMs = 1000) {
    this.periodMs = samplePeriodMs
    this.delay = FIRST_DELAY_PERIODS * samplePeriodMs
  }

  /** Virtual ms between a sample and its being shown. */
  get delayMs(): number {
    return this.delay
  }

  get simSpeed(): number {
    return this.scale
  }

  setSamplePeriod(samplePeriodMs: number): void {
    if (samplePeriodMs === this.samplePeriodMs || !(samplePeriodMs > 0)) return
    this.samplePeriodMs = samplePeriodMs
    this.periodMs = samplePeriodMs
    this.delay = FIRST_DELAY_PERIODS * samplePeriodMs
  }

  /** A frame made at `simMs` has come at `wallMs`. Early frames set the clock, late ones only nudge it: lateness is the network's, not the run's. */
  onFrame(simMs: number, scale: number, wallMs: number): void {
    const error = simMs - this.simAt(wallMs)
    const far = Math.abs(error) > 2_000 * Math.max(1, this.scale)
    const nudged = error > 0 ? 0.5 : 0.05
    const known = Number.isFinite(error) && scale === this.scale && !far
    this.anchorSimMs = known ? this.simAt(wallMs) + error * nudged : simMs
    this.anchorWallMs = wallMs
    this.scale = scale
  }

  /**
   * Fit the delay to a frame's new samples.
   *
   * @param stepMs typical virtual time between two samples of a vehicle
   * @param ageMs age at which nearly all samples were first seen
   */
  fitDelay(stepMs: number, ageMs: number): void {
    this.periodMs += (Math.max(stepMs, this.samplePeriodMs) - this.periodMs) * 0.2
    const wanted = Math.min(MOST_DELAY_PERIODS * this.periodMs, Math.max(LEAST_DELAY_PERIODS * this.periodMs, 1.05 * this.periodMs + ageMs))
    this.delay += (wanted - this.delay) * (wanted > this.delay ? 0.2 : 0.02)
  }

  /** The run's virtual time at a wall time; NaN before the first frame. */
  simAt(wallMs: number): number {
    return this.anchorSimMs + (wallMs - this.anchorWallMs) * this.scale
  }

  /** The virtual time to draw at a wall time; call it once per drawn frame. NaN before the first frame. */
  advance(wallMs: number): number {
    const target = this.simAt(wallMs) - this.delay
    const elapsed = wallMs - this.shownWallMs
    this.shownWallMs = wallMs
    const error = target - (this.shownMs + elapsed * this.scale)
    if (!(Math.abs(error) < JUMP_DELAYS * this.delay)) {
      this.shownMs = target
      return target
    }
    const rate = Math.max(this.scale, this.periodMs / this.samplePeriodMs, 1)
    const correction = Math.max(-LARGEST_CORRECTION * elapsed * this.scale, Math.min(LARGEST_CORRECTION * elapsed * rate, error * Math.min(1, elapsed / 500)))
    this.shownMs += elapsed * this.scale + correction
    return this.shownMs
  }

  /** The virtual time drawn last. */
  get drawnMs(): number {
    return this.shownMs
  }
}
