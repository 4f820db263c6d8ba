import { expect, test } from 'vitest'
import { DrawClock } from './DrawClock'

test('before the first frame there is nothing to draw', () => {
  expect(new DrawClock().advance(5)).toBeNaN()
})

test('it runs 1.3 sample periods behind the frames', () => {
  const clock = new DrawClock(1000)
  clock.onFrame(50_000, 1, 100)
  expect(clock.advance(100)).toBe(48_700)
  expect(clock.advance(600)).toBeCloseTo(49_200)
})

test('it never goes back, whatever comes late, and keeps the run\'s pace in the mean', () => {
  const clock = new DrawClock(1000)
  const drawn: number[] = []
  let seed = 3
  const chance = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647
  for (let wall = 0; wall < 30_000; wall += 16) {
    if (wall % 256 === 0) clock.onFrame(1_000_000 + wall - chance() * 180, 1, wall)
    if (wall > 0) drawn.push(clock.advance(wall))
  }
  expect(drawn.slice(1).every((ms, i) => ms >= drawn[i])).toBe(true)
  expect((drawn[drawn.length - 1] - drawn[0]) / (drawn.length * 16)).toBeCloseTo(1, 1)
})

test('the delay is fitted to the age at which samples come', () => {
  const clock = new DrawClock(1000)
  for (let i = 0; i < 200; i += 1) clock.fitDelay(1000, 600)
  expect(clock.delayMs).toBeGreaterThan(1_600)
  for (let i = 0; i < 800; i += 1) clock.fitDelay(1000, 200)
  expect(clock.delayMs).toBeLessThan(1_300)
})

test('at sixty times the pace it lets sixty virtual seconds pass per second and a paused run stands', () => {
  const clock = new DrawClock(1000)
  clock.onFrame(0, 60, 0)
  const first = clock.advance(0)
  clock.onFrame(15_000, 60, 250)
  expect(clock.advance(250) - first).toBeCloseTo(15_000, -2)
  clock.onFrame(20_000, 0, 300)
  for (let wall = 300; wall < 8_000; wall += 16) clock.advance(wall)
  const stood = clock.advance(8_000)
  expect(clock.advance(9_000)).toBeCloseTo(stood)
})
