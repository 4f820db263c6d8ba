/**
 * One WebSocket that comes back: reconnects with backoff, subscribes again, acknowledges, and hands over only the newest frame.
 *
 * It knows the protocol's manners, not what the frames mean.
 */

import { waitMs } from './backoff'
import { parseServerMessage, type ClientMessage, type ServerMessage } from './control'

/** Silence after which an open connection is called stale, and after which it is given up. */
export const STALE_AFTER_MS = 5_000
export const LOST_AFTER_MS = 15_000

/** A connection that lives so long without a frame is sound all the same: there may be nothing to see. */
export const SOUND_AFTER_MS = 10_000

export type Connection =
  | { phase: 'connecting' }
  | { phase: 'connected' }
  | { phase: 'stale'; sinceMs: number }
  | { phase: 'waiting'; retryAtMs: number }
  | { phase: 'paused' }

export interface LiveSocketOptions {
  url: () => string
  onFrame: (buffer: ArrayBuffer) => void
  onMessage: (message: ServerMessage) => void
  onConnection: (connection: Connection) => void
  /** Runs a function soon; frames that arrive before it runs replace one another. */
  soon?: (run: () => void) => void
  now?: () => number
  random?: () => number
}

/** The sequence number of a frame, without decoding it. */
const seqOf = (buffer: ArrayBuffer): number | null => (buffer.byteLength >= 8 ? new DataView(buffer).getUint32(4, true) : null)

export class LiveSocket {
  private socket: WebSocket | null = null
  private failures = 0
  private retry: ReturnType<typeof setTimeout> | undefined
  private watch: ReturnType<typeof setInterval> | undefined
  private soundness: ReturnType<typeof setTimeout> | undefined
  private lastHeardMs = 0
  private newest: ArrayBuffer | null = null
  private closed = false
  private hidden = false
  private connection: Connection = { phase: 'connecting' }
  private subscription: ClientMessage | null = null
  private tracking: ClientMessage | null = null

  constructor(private readonly options: LiveSocketOptions) {}

  private now(): number {
    return this.options.now?.() ?? Date.now()
  }

  private report(connection: Connection): void {
    this.connection = connection
    this.options.onConnection(connection)
  }

  /** Connect, or connect again at once when waiting. */
  connect(): void {
    this.closed = false
    clearTimeout(this.retry)
    this.drop()
    this.report({ phase: 'connecting' })
    const socket = new WebSocket(this.options.url())
    socket.binaryType = 'arraybuffer'
    this.socket = socket
    this.lastHeardMs = this.now()
    socket.onopen = () => this.opened()
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => this.heard(event.data)
    socket.onclose = () => this.lost()
    this.watch = setInterval(() => this.checkSilence(), 1_000)
  }

  close(): void {
    this.closed = true
    clearTimeout(this.retry)
    this.drop()
  }

  /** Ask for cells; asked again after every reconnect. */
  subscribe(message: ClientMessage): void {
    this.subscription = message
    this.send(message)
  }

  /** Ask for one vehicle's delivery and route; null asks for none. */
  track(message: ClientMessage | null): void {
    this.tracking = message
    this.send(message ?? { t: 'track', id: null })
  }

  /** A hidden tab asks the server to hold its frames. */
  setHidden(hidden: boolean): void {
    if (hidden === this.hidden) return
    this.hidden = hidden
    this.lastHeardMs = this.now()
    if (this.socket?.readyState !== WebSocket.OPEN) return
    this.send({ t: hidden ? 'pause' : 'resume' })
    this.report({ phase: hidden ? 'paused' : 'connected' })
  }

  private send(message: ClientMessage): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message))
  }

  private opened(): void {
    this.report({ phase: this.hidden ? 'paused' : 'connected' })
    if (this.subscription) this.send(this.subscription)
    if (this.tracking) this.send(this.tracking)
    if (this.hidden) this.send({ t: 'pause' })
    this.soundness = setTimeout(() => this.sound(), SOUND_AFTER_MS)
  }

  /** End the row of failures. Neither a connection nor a greeting does: a server that then refuses the subscription must not be asked twice a second. */
  private sound(): void {
    clearTimeout(this.soundness)
    this.failures = 0
  }

  private heard(data: string | ArrayBuffer): void {
    this.lastHeardMs = this.now()
    if (this.connection.phase === 'stale') this.report({ phase: 'connected' })
    if (typeof data === 'string') {
      const message = parseServerMessage(data)
      if (message) this.options.onMessage(message)
      return
    }
    this.sound()
    const waiting = this.newest
    this.newest = data
    if (waiting) this.acknowledge(waiting)
    else (this.options.soon ?? soon)(() => this.handOver())
  }

  private handOver(): void {
    const frame = this.newest
    this.newest = null
    if (!frame) return
    this.options.onFrame(frame)
    this.acknowledge(frame)
  }

  private acknowledge(frame: ArrayBuffer): void {
    const seq = seqOf(frame)
    if (seq !== null) this.send({ t: 'ack', seq })
  }

  private checkSilence(): void {
    if (this.hidden) return
    const silentMs = this.now() - this.lastHeardMs
    if (silentMs >= LOST_AFTER_MS) this.lost()
    else if (silentMs >= STALE_AFTER_MS && this.connection.phase === 'connected') this.report({ phase: 'stale', sinceMs: this.lastHeardMs })
  }

  private lost(): void {
    this.drop()
    if (this.closed) return
    const wait = waitMs(this.failures, (this.options.random ?? Math.random)())
    this.failures += 1
    this.report({ phase: 'waiting', retryAtMs: this.now() + wait })
    this.retry = setTimeout(() => this.connect(), wait)
  }

  private drop(): void {
    clearInterval(this.watch)
    clearTimeout(this.soundness)
    this.newest = null
    const socket = this.socket
    this.socket = null
    if (!socket) return
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close()
  }
}

/** Run in the next task, after all messages that are already there. */
function soon(run: () => void): void {
  setTimeout(run, 0)
}
