import { expect, test } from 'vitest'
import { parseView, readUrl, showView, writeSearch } from './urlState'

test('what is written is read again', () => {
  const search = writeSearch('?lang=pt', { view: { zoom: 12.5, lat: 47.14, lng: 9.52 }, deliveryId: 'a:b-1', text: 'rua nova', states: ['moving', 'paused'] })
  expect(search.startsWith('?lang=pt&map=12.50/47.14000/9.52000')).toBe(true)
  expect(readUrl(search)).toEqual({ view: { zoom: 12.5, lat: 47.14, lng: 9.52 }, deliveryId: 'a:b-1', text: 'rua nova', states: ['moving', 'paused'] })
})

test('what is unset leaves the address', () => {
  expect(writeSearch('?delivery=x&q=y&test=1', { deliveryId: null, text: ' ' })).toBe('?test=1')
  expect(writeSearch('?q=y', { text: '' })).toBe('')
})

test.each(['', '1/2', 'a/b/c', '5/91/0', '99/0/0', '1/2/3/4'])('a view of "%s" is no view', (text) => {
  expect(parseView(text)).toBeNull()
})

test('alien states are dropped', () => {
  expect(readUrl('?state=moving,flying').states).toEqual(['moving'])
})

test('a view has the digits its zoom deserves', () => {
  expect(showView({ zoom: 2, lat: 1, lng: 2 })).toBe('2.00/1.00/2.00')
  expect(showView({ zoom: 16, lat: 1, lng: 2 })).toBe('16.00/1.000000/2.000000')
})
