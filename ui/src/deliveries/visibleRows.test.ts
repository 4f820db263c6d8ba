import { expect, test } from 'vitest'
import { deliveriesQuery } from '../api/queries'
import { stateMask } from './filter'
import { pagesOf, rowAfterKey, visibleRows } from './visibleRows'

test('only the rows in sight and a few spare ones are drawn', () => {
  expect(visibleRows(0, 600, 60, 10_000)).toEqual({ from: 0, to: 14 })
  expect(visibleRows(60_000, 600, 60, 10_000)).toEqual({ from: 996, to: 1014 })
  expect(visibleRows(60_000, 600, 60, 3)).toEqual({ from: 2, to: 3 })
  expect(visibleRows(0, 600, 60, 0)).toEqual({ from: 0, to: 0 })
})

test('their pages are asked for, and the first one when nothing is known', () => {
  expect(pagesOf({ from: 0, to: 0 }, 50)).toEqual([0])
  expect(pagesOf({ from: 45, to: 55 }, 50)).toEqual([0, 1])
  expect(pagesOf({ from: 996, to: 1014 }, 50)).toEqual([19, 20])
})

test('keys move within the list', () => {
  expect([rowAfterKey('ArrowDown', -1, 5, 10), rowAfterKey('ArrowUp', 0, 5, 10), rowAfterKey('PageDown', 1, 5, 10), rowAfterKey('Home', 3, 5, 10), rowAfterKey('End', 0, 5, 10)]).toEqual([0, 0, 4, 0, 4])
  expect([rowAfterKey('a', 1, 5, 10), rowAfterKey('ArrowDown', 0, 0, 10)]).toEqual([null, null])
})

test('the filter becomes a query and a mask', () => {
  expect(deliveriesQuery({ text: ' rua ', states: ['moving', 'paused'] }, 2)).toEqual({ q: 'rua', state: ['moving', 'paused'], limit: 50, offset: 100 })
  expect(stateMask([])).toBe(0xff)
  expect(stateMask(['moving', 'delivered'])).toBe(0b1001)
  expect(stateMask(['rejected'])).toBe(0)
})
