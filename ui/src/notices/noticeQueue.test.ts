import type { LiveEvent } from '../api/schema'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Format } from '../format/format'
import { fill, type Text } from '../i18n/language'
import { newsOf, noticeText } from './Notices'
import { dismissNotice, notify, QUIET_MS, resetNotices, SHOWN_MS, useNotices } from './noticeQueue'

const shown = (): unknown => {
  const { current } = useNotices.getState()
  return current && [current.kind, current.count, current.title]
}

beforeEach(() => {
  vi.useFakeTimers()
  resetNotices()
})
afterEach(() => vi.useRealTimers())

test('the same news adds up in one notice', () => {
  for (const title of ['a', 'b', 'c']) notify({ kind: 'delivered', title })
  expect(shown()).toEqual(['delivered', 3, 'c'])
})

test('after common news there is quiet, then what came meanwhile is told at once', () => {
  notify({ kind: 'delivered', title: 'a' })
  vi.advanceTimersByTime(SHOWN_MS)
  expect(shown()).toBeNull()
  notify({ kind: 'delivered', title: 'b' })
  notify({ kind: 'delivered', title: 'c' })
  expect(shown()).toBeNull()
  vi.advanceTimersByTime(QUIET_MS)
  expect(shown()).toEqual(['delivered', 2, 'c'])
})

test('what concerns the reader is not kept waiting', () => {
  notify({ kind: 'delivered', title: 'a' })
  notify({ kind: 'rejected', title: 'b', reason: 'unknown route' })
  expect(shown()).toEqual(['rejected', 1, 'b'])
  dismissNotice()
  notify({ kind: 'delivered', title: 'mine', mine: true })
  expect(shown()).toEqual(['delivered', 1, 'mine'])
})

test('a request that comes true says so in its place', () => {
  notify({ kind: 'requested', count: 100, title: 'r', deliveryId: 'd', mine: true })
  notify({ kind: 'started', title: 'r', deliveryId: 'd', mine: true })
  notify({ kind: 'started', title: 's', deliveryId: 'e', mine: true })
  expect(shown()).toEqual(['started', 100, 'r'])
})

test('which events are news', () => {
  const event = (kind: LiveEvent['kind']) => ({ t: 'event' as const, kind, deliveryId: 'd', routeId: 'r', routeTitle: 'Rua', id: 1, eventTime: 0 })
  expect(newsOf(event('delivered'), false, 'all')).toMatchObject({ kind: 'delivered', title: 'Rua' })
  expect(newsOf(event('delivered'), false, 'mine')).toBeNull()
  expect(newsOf(event('started'), false, 'all')).toBeNull()
  expect(newsOf(event('started'), true, 'mine')).toMatchObject({ kind: 'started', mine: true })
  expect(newsOf(event('arrived_at_stop'), true, 'all')).toBeNull()
})

test('a notice speaks of one by name and of many by number', () => {
  const text: Text = (key, values) => fill('en', key, values)
  const notice = { kind: 'delivered' as const, title: 'Rua', count: 1, key: 1 }
  expect(noticeText(notice, text, new Format('en'))).toBe('Delivered: Rua')
  expect(noticeText({ ...notice, count: 1200 }, text, new Format('en'))).toBe('1,200 deliveries delivered')
})
