import { beforeEach, expect, test } from 'vitest'
import { useFilter } from '../deliveries/filter'
import { idFor, openView, queryToKeep } from './savedViews'

const VIEW = { id: 'vaduz-1', title: 'Vaduz', query: 'map=14.00/47.14000/9.52000&delivery=a:b-1&q=rua+nova&state=moving,paused', createdAt: 1 }

beforeEach(() => useFilter.setState({ text: '', states: [] }))

function opened(query: string): unknown[][] {
  const calls: unknown[][] = []
  const told = (name: string) => (...values: unknown[]) => void calls.push([name, ...values])
  openView({ ...VIEW, query }, { selectDelivery: told('select'), deselect: told('deselect') }, { flyTo: told('fly') })
  return calls
}

test('what concerns this browser alone is not kept', () => {
  expect(queryToKeep('?lang=pt&map=14/47.14/9.52&test=1&q=van')).toBe('map=14.00/47.140000/9.520000&q=van')
  expect(queryToKeep('?lang=pt')).toBe('')
})

test('what is kept holds no character that the server refuses', () => {
  const query = queryToKeep(`?${new URLSearchParams({ q: '<Škoda> & "ção" #1 100 %', state: 'moving,paused', delivery: 'a:b' }).toString()}`)
  expect(query).toMatch(/^[A-Za-z0-9\-._~!$&'()*+,;=:@/?%]+$/)
})

test('a kept view opened again is the same view', () => {
  expect(opened(queryToKeep(`?${VIEW.query}`))).toEqual([['select', 'a:b-1'], ['fly', { zoom: 14, lat: 47.14, lng: 9.52 }, 14]])
  expect(useFilter.getState()).toMatchObject({ text: 'rua nova', states: ['moving', 'paused'] })
})

test('what a view does not name is cleared, and the map stays where it is', () => {
  useFilter.setState({ text: 'van', states: ['moving'] })
  expect(opened('')).toEqual([['deselect']])
  expect(useFilter.getState()).toMatchObject({ text: '', states: [] })
})

test('the same title replaces its view, another one gets an id of its own', () => {
  expect(idFor(' Vaduz ', [VIEW], 5)).toBe('vaduz-1')
  expect(idFor('São João, vans!', [VIEW], 35)).toBe('sao-joao-vans-z')
  expect(idFor('東京', [VIEW], 35)).toBe('view-z')
  expect(idFor('x'.repeat(100), [], 8.64e15).length).toBeLessThanOrEqual(96)
})
