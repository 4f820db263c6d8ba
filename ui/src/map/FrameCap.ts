/** How often to draw: as often as the screen allows, less where drawing is slow, so that the page stays usable without a GPU. */

const SLOW_MS = 40
const QUICK_MS = 24
/** Frames to judge by, and the calm time before a better level is tried again. */
const SAMPLE = 30
const RETRY_MS = 6_000

/** Least ms between two drawn frames, per level. The first level only saves (see `slow`): a cap near the measured rate would cost frames and win nothing. */
const LEVELS_MS = [0, 0, 50, 100]

/** From this level on, vehicles are plain squares. */
const PLAIN_LEVEL = 2

export class FrameCap {
  private level = 0
  private drawnMs = Number.NEGATIVE_INFINITY
  private tickMs = Number.NaN
  private sumMs = 0
  private ticks = 0
  private changedMs = 0

  /** True where frames are slow: draw plainly. */
  get plain(): boolean {
    return this.level >= PLAIN_LEVEL
  }

  /** True once this machine was found to be slow. */
  get slow(): boolean {
    return this.level > 0
  }

  get leastIntervalMs(): number {
    return LEVELS_MS[this.level]
  }

  /**
   * Call once per animation frame; the answer says whether to draw in it.
   *
   * @param excused something else is at work in this frame, so its length proves nothing
   */
  tick(nowMs: number, excused = false): boolean {
    const gapMs = nowMs - this.tickMs
    this.tickMs = excused ? Number.NaN : nowMs
    // A gap of a second is a tab that slept, not a slow machine.
    if (gapMs > 0 && gapMs < 1_000 && !excused) {
      this.sumMs += gapMs
      this.ticks += 1
      if (this.ticks >= SAMPLE) this.judge(nowMs)
    }
    if (nowMs - this.drawnMs < this.leastIntervalMs - 4) return false
    this.drawnMs = nowMs
    return true
  }

  private judge(nowMs: number): void {
    const meanMs = this.sumMs / this.ticks
    this.sumMs = 0
    this.ticks = 0
    const slow = meanMs > SLOW_MS && this.level < LEVELS_MS.length - 1
    const quick = meanMs < QUICK_MS && this.level > 0 && nowMs - this.changedMs > RETRY_MS
    if (!slow && !quick) return
    this.level += slow ? 1 : -1
    this.changedMs = nowMs
  }
}
