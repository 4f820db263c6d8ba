import { expect, test } from 'vitest'
import { checkStart, EMPTY_FORM } from './startForm'

test('chosen routes are asked for once per delivery', () => {
  expect(checkStart({ ...EMPTY_FORM, routeIds: ['1', '3'], perRoute: '2', vehicle: 'van' })).toEqual({ ok: true, total: 4, request: { routeIds: ['1', '1', '3', '3'], vehicle: 'van' } })
})

test('a number of random routes', () => {
  expect(checkStart({ ...EMPTY_FORM, mode: 'random' })).toEqual({ ok: true, total: 100, request: { random: 100, vehicle: 'car' } })
})

test.each([
  [{ routeIds: [] }, 'routes'],
  [{ routeIds: ['1'], perRoute: '0' }, 'perRoute'],
  [{ routeIds: ['1'], perRoute: '1.5' }, 'perRoute'],
  [{ routeIds: ['1'], perRoute: '' }, 'perRoute'],
  [{ routeIds: Array.from({ length: 20 }, (_, i) => `${i}`), perRoute: '100' }, 'perRoute'],
  [{ mode: 'random' as const, randomCount: '-1' }, 'randomCount'],
  [{ mode: 'random' as const, randomCount: '1001' }, 'randomCount'],
  [{ mode: 'random' as const, randomCount: 'many' }, 'randomCount'],
])('%j is refused at its field', (form, field) => {
  const checked = checkStart({ ...EMPTY_FORM, ...form })
  expect(checked.ok ? null : checked.problem.field).toBe(field)
})
