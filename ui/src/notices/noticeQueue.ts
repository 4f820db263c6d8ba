/** News for the reader, one at a time: the same kind adds up instead of piling up, and after common news there is quiet. */

import { create } from 'zustand'
import type { Point } from '../api/schema'

export type NoticeKind = 'delivered' | 'started' | 'requested' | 'rejected' | 'cancelled' | 'failed' | 'live'

export interface News {
  kind: NoticeKind
  count?: number
  title?: string
  reason?: string
  deliveryId?: string
  /** Where to fly to, if the delivery is not on the map yet. */
  place?: Point
  /** About a delivery that was started here. */
  mine?: boolean
}

export interface Notice extends News {
  count: number
  /** Tells one notice on the screen from the next. */
  key: number
}

/** How long a notice stays, and how long common news then keeps quiet. */
export const SHOWN_MS = 5_000
export const TROUBLE_SHOWN_MS = 10_000
export const QUIET_MS = 8_000

interface Queue {
  current: Notice | null
  waiting: Notice[]
}

export const useNotices = create<Queue>(() => ({ current: null, waiting: [] }))

let nextKey = 1
let timer: ReturnType<typeof setTimeout> | undefined
let quietUntilMs = 0

const trouble = (kind: NoticeKind): boolean => kind === 'rejected' || kind === 'failed' || kind === 'live'
const common = (news: News): boolean => news.mine !== true && !trouble(news.kind)

const adds = (notice: Notice | undefined | null, news: News): boolean => notice?.kind === news.kind && (notice.mine ?? false) === (news.mine ?? false) && news.kind !== 'failed' && news.kind !== 'live'

const joined = (notice: Notice, news: News): Notice => ({ ...notice, ...news, count: notice.count + (news.count ?? 1), place: news.place ?? notice.place })

export function notify(news: News): void {
  const { current, waiting } = useNotices.getState()
  if (current?.kind === 'requested' && news.kind === 'started' && news.mine) {
    // The request has come true: say so in its place.
    useNotices.setState({ current: { ...current, kind: 'started', count: current.count } })
    return
  }
  if (current?.kind === 'started' && current.mine && news.kind === 'started' && news.mine) return
  if (current && adds(current, news)) {
    useNotices.setState({ current: joined(current, news) })
    return
  }
  const at = waiting.findIndex((notice) => adds(notice, news))
  const notice: Notice = at >= 0 ? joined(waiting[at], news) : { ...news, count: news.count ?? 1, key: nextKey++ }
  const rest = at >= 0 ? waiting.filter((_, i) => i !== at) : waiting
  // What concerns this reader goes first.
  useNotices.setState({ waiting: common(news) ? [...rest, notice] : [notice, ...rest] })
  if (!current || (common(current) && !common(news))) showNext()
}

export function dismissNotice(): void {
  const { current } = useNotices.getState()
  if (current && common(current)) quietUntilMs = Date.now() + QUIET_MS
  useNotices.setState({ current: null })
  showNext()
}

function showNext(): void {
  clearTimeout(timer)
  const { waiting } = useNotices.getState()
  const [next] = waiting
  if (!next) return
  const waitMs = common(next) ? quietUntilMs - Date.now() : 0
  if (waitMs > 0) {
    timer = setTimeout(showNext, waitMs)
    return
  }
  useNotices.setState({ current: next, waiting: waiting.slice(1) })
  timer = setTimeout(dismissNotice, trouble(next.kind) ? TROUBLE_SHOWN_MS : SHOWN_MS)
}

/** Forget everything; for tests. */
export function resetNotices(): void {
  clearTimeout(timer)
  quietUntilMs = 0
  useNotices.setState({ current: null, waiting: [] })
}
