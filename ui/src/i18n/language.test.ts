import { expect, test } from 'vitest'
import { LIST_STATES } from '../theme/stateColours'
import { VEHICLES } from '../start/startForm'
import { en, type TextKey } from './en'
import { chooseLocale, fill } from './language'
import { pt } from './pt'
import { stateWord, vehicleWord } from './words'

const holes = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort()
const keys = Object.keys(en) as TextKey[]

test('both languages have the same texts, none of them empty', () => {
  expect(Object.keys(pt).sort()).toEqual([...keys].sort())
  for (const key of keys) expect(pt[key].trim().length, key).toBeGreaterThan(0)
})

test('a text asks for the same values in both languages', () => {
  for (const key of keys) expect(holes(pt[key]), key).toEqual(holes(en[key]))
})

test('every state and vehicle has a word', () => {
  const text = (key: TextKey): string => fill('pt', key)
  for (const state of LIST_STATES) expect(stateWord(state, text)).not.toBe(state)
  for (const vehicle of VEHICLES) expect(vehicleWord(vehicle, text)).not.toBe(vehicle)
  expect(stateWord('flying', text)).toBe('flying')
})

test('values are filled in, and a missing one stays visible', () => {
  expect(fill('en', 'list.total', { count: 3 })).toBe('3 deliveries')
  expect(fill('en', 'list.total')).toBe('{count} deliveries')
})

test('the first wish that is ours decides, English if none is', () => {
  expect(chooseLocale([null, 'de-DE', 'pt-BR', 'en'])).toBe('pt')
  expect(chooseLocale(['EN-us', 'pt'])).toBe('en')
  expect(chooseLocale(['fr', undefined, ''])).toBe('en')
})
