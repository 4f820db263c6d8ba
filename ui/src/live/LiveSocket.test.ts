import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { waitMs } from './backoff'
import { LiveSocket, LOST_AFTER_MS, SOUND_AFTER_MS, STALE_AFTER_MS, type Connection } from './LiveSocket'
import type { ServerMessage } from './control'
import { CELL_ZOOM } from './wire'

class FakeSocket {
  static made: FakeSocket[] = []
  static readonly OPEN = 1
  readyState = 0
  binaryType = ''
  sent: unknown[] = []
  onopen: (() => void) | null = null
  onclose: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null

  constructor(readonly url: string) {
    FakeSocket.made.push(this)
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }

  close(): void {
    this.readyState = 3
  }

  open(): void {
    this.readyState = 1
    this.onopen?.()
  }

  fail(): void {
    this.readyState = 3
    this.onclose?.()
  }

  say(data: unknown): void {
    this.onmessage?.({ data: data instanceof ArrayBuffer ? data : JSON.stringify(data) })
  }
}

const frame = (seq: number): ArrayBuffer => {
  const bytes = new ArrayBuffer(32)
  new DataView(bytes).setUint32(4, seq, true)
  return bytes
}

const seqs: number[] = []
const messages: ServerMessage[] = []
const phases: Connection[] = []
let socket: LiveSocket

const newest = (): FakeSocket => FakeSocket.made[FakeSocket.made.length - 1]

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('WebSocket', FakeSocket)
  for (const list of [FakeSocket.made, seqs, messages, phases]) list.length = 0
  socket = new LiveSocket({
    url: () => 'ws://here/ws/live',
    onFrame: (bytes) => seqs.push(new DataView(bytes).getUint32(4, true)),
    onMessage: (message) => messages.push(message),
    onConnection: (connection) => phases.push(connection),
    random: () => 0.5,
  })
  socket.connect()
})

afterEach(() => {
  socket.close()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('the wait doubles up to fifteen seconds, with jitter over its upper half', () => {
  expect([0, 1, 2, 5, 9].map((attempt) => waitMs(attempt, 0))).toEqual([250, 500, 1000, 7500, 7500])
  expect([0, 1, 2, 5, 9].map((attempt) => waitMs(attempt, 0.99999))).toEqual([500, 1000, 2000, 15000, 15000])
})

test('it comes back after a loss, later each time, and subscribes and tracks again', () => {
  const sub = { t: 'sub' as const, z: CELL_ZOOM, cells: [0, 0, 1, 1] as [number, number, number, number], max: 10, hz: 4 }
  socket.subscribe(sub)
  socket.track({ t: 'track', deliveryId: 'd1' })
  newest().open()
  expect(newest().sent).toEqual([sub, { t: 'track', deliveryId: 'd1' }])
  newest().fail()
  expect(phases.at(-1)?.phase).toBe('waiting')
  vi.advanceTimersByTime(374)
  expect(FakeSocket.made).toHaveLength(1)
  vi.advanceTimersByTime(1)
  expect(FakeSocket.made).toHaveLength(2)
  newest().fail()
  vi.advanceTimersByTime(749)
  expect(FakeSocket.made).toHaveLength(2)
  vi.advanceTimersByTime(1)
  newest().open()
  expect(newest().sent).toEqual([sub, { t: 'track', deliveryId: 'd1' }])
})

/** Three connections in a row that open, hear the words, and fail. */
function failThrice(words: () => void): void {
  for (let i = 0; i < 3; i += 1) {
    newest().open()
    words()
    newest().fail()
    vi.advanceTimersByTime(i < 2 ? 15_000 : 0)
  }
}

test('a server that greets and then refuses is asked less and less often', () => {
  failThrice(() => {
    newest().say({ t: 'hello' })
    newest().say({ t: 'error', reason: 'too many squares' })
  })
  expect(phases.at(-1)).toEqual({ phase: 'waiting', retryAtMs: Date.now() + 1_500 })
  vi.advanceTimersByTime(1_499)
  expect(FakeSocket.made).toHaveLength(3)
  vi.advanceTimersByTime(1)
  expect(FakeSocket.made).toHaveLength(4)
})

test('the first frame ends the row of failures', () => {
  failThrice(() => newest().say({ t: 'hello' }))
  vi.advanceTimersByTime(1_500)
  newest().open()
  newest().say(frame(1))
  newest().fail()
  expect(phases.at(-1)).toEqual({ phase: 'waiting', retryAtMs: Date.now() + 375 })
})

test('ten seconds of life end the row of failures, also without a frame', () => {
  failThrice(() => newest().say({ t: 'hello' }))
  vi.advanceTimersByTime(1_500)
  newest().open()
  vi.advanceTimersByTime(SOUND_AFTER_MS - 1)
  newest().fail()
  expect(phases.at(-1)).toEqual({ phase: 'waiting', retryAtMs: Date.now() + 3_000 })
  vi.advanceTimersByTime(3_000)
  newest().open()
  vi.advanceTimersByTime(SOUND_AFTER_MS)
  newest().fail()
  expect(phases.at(-1)).toEqual({ phase: 'waiting', retryAtMs: Date.now() + 375 })
})

test('of frames that come together only the newest is handed over, and all are acknowledged', () => {
  newest().open()
  for (const seq of [5, 6, 7]) newest().say(frame(seq))
  vi.advanceTimersByTime(1)
  newest().say(frame(8))
  vi.advanceTimersByTime(1)
  expect(seqs).toEqual([7, 8])
  expect(newest().sent).toEqual([5, 6, 7, 8].map((seq) => ({ t: 'ack', seq })))
})

test('silence is called stale, then given up', () => {
  newest().open()
  vi.advanceTimersByTime(STALE_AFTER_MS + 1_000)
  expect(phases.at(-1)?.phase).toBe('stale')
  newest().say({ t: 'stats' })
  expect(phases.at(-1)?.phase).toBe('connected')
  vi.advanceTimersByTime(LOST_AFTER_MS + 1_000)
  expect(phases.some((connection) => connection.phase === 'waiting')).toBe(true)
  expect(FakeSocket.made.length).toBeGreaterThan(1)
})

test('a hidden tab asks for a pause and is not called stale', () => {
  newest().open()
  socket.setHidden(true)
  vi.advanceTimersByTime(60_000)
  expect(phases.at(-1)?.phase).toBe('paused')
  socket.setHidden(false)
  expect(newest().sent).toEqual([{ t: 'pause' }, { t: 'resume' }])
  expect(phases.at(-1)?.phase).toBe('connected')
})

test('a closed socket stays closed, and texts that are no messages are passed over', () => {
  newest().open()
  newest().onmessage?.({ data: 'not json' })
  newest().say({ t: 'something new' })
  expect(messages).toEqual([])
  socket.close()
  vi.advanceTimersByTime(60_000)
  expect(FakeSocket.made).toHaveLength(1)
})
