import { expect, test } from 'vitest'
import { Format } from './format'

const en = new Format('en')
const pt = new Format('pt')

test('metres per second are shown as km/h', () => {
  expect([en.speed(0), en.speed(13.89), pt.speed(27.78)]).toEqual(['0 km/h', '50 km/h', '100 km/h'])
})

test('distances are metres below one kilometre, then kilometres with the language\'s comma', () => {
  expect([en.distance(4), en.distance(846), en.distance(8_432), en.distance(123_456)]).toEqual(['0 m', '850 m', '8.4 km', '123 km'])
  expect(pt.distance(8_432)).toBe('8,4 km')
})

test('durations have two parts at most', () => {
  expect([en.duration(-5), en.duration(42_400), en.duration(60_000), en.duration(19.4 * 60_000), en.duration(3_900_000)]).toEqual(['0 s', '42 s', '1 min', '19 min', '1 h 5 min'])
})

test('ages are fine where it matters', () => {
  expect([en.age(184), en.age(1_240), pt.age(1_240), en.age(90_000)]).toEqual(['180 ms', '1.2 s', '1,2 s', '2 min'])
})

test('shares, counts and scales', () => {
  expect([en.percent(0.237), en.percent(1.2), en.count(12_345), pt.count(12_345), en.scale(0.5), pt.scale(0.5), en.scale(60)]).toEqual(['24%', '100%', '12,345', '12.345', '×0.5', '×0,5', '×60'])
  expect([en.shortCount(999), en.shortCount(1_234), en.shortCount(56_789)]).toEqual(['999', '1.2k', '57k'])
})

test('what is not known is a dash, never NaN', () => {
  const nothing = [undefined, null, Number.NaN, Number.POSITIVE_INFINITY]
  for (const value of nothing) {
    expect([en.speed(value), en.distance(value), en.percent(value), en.duration(value), en.age(value), en.timeOfDay(value), en.dateTime(value), en.count(value)]).toEqual(Array(8).fill('–'))
  }
})
