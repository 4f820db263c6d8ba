/** How long to wait before the next attempt to connect. */

export const FIRST_WAIT_MS = 500
export const LONGEST_WAIT_MS = 15_000

/**
 * Doubling wait with jitter over its upper half, so that a thousand pages do not come back in the same instant.
 *
 * @param attempt failures so far, from 0
 * @param random a number in [0, 1)
 */
export function waitMs(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 10))
  return Math.round(ceiling * (0.5 + 0.5 * random))
}
