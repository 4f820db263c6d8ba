/** Socket to store to layers, one way: the one object that the map and the page share. */

import type { LiveEvent } from '../api/schema'
import type { ServerMessage } from './control'
import { DrawClock } from './DrawClock'
import { LiveSocket } from './LiveSocket'
import { NOTHING_SELECTED, useLiveStatus, useSelection } from './liveStatus'
import { VehicleStore } from './VehicleStore'
import { CELL_ZOOM, decodeFrame, WireError, type DensityFrame, type Frame } from './wire'

const SUMMARY_MS = 1_000

/** How often the server may send, frames per second. */
const FRAMES_HZ = 8

export type LiveEventListener = (event: LiveEvent) => void

export class LiveSession {
  readonly store = new VehicleStore()
  readonly clock = new DrawClock()
  /** The newest frame if it has numbers per square instead of places. */
  density: DensityFrame | null = null
  private readonly socket: LiveSocket
  private readonly eventListeners = new Set<LiveEventListener>()
  private readonly frameListeners = new Set<() => void>()
  private summaryMs = Number.NEGATIVE_INFINITY
  private subscribed = ''

  constructor(
    url: () => string,
    private readonly onRefused: (reason: string) => void,
  ) {
    this.socket = new LiveSocket({
      url,
      onFrame: (buffer) => this.takeFrame(buffer),
      onMessage: (message) => this.takeMessage(message),
      onConnection: (connection) => {
        useLiveStatus.setState({ connection })
      },
    })
  }

  start(): void {
    this.socket.connect()
    document.addEventListener('visibilitychange', () => this.socket.setHidden(document.hidden))
  }

  /** Connect now instead of waiting: the reader asked, or a key was given. */
  reconnect(): void {
    this.socket.connect()
  }

  stop(): void {
    this.socket.close()
  }

  subscribe(cells: [number, number, number, number], max: number): void {
    const key = `${cells.join()} ${max}`
    if (key === this.subscribed) return
    this.subscribed = key
    this.socket.subscribe({ t: 'sub', z: CELL_ZOOM, cells, max, hz: FRAMES_HZ })
  }

  selectVehicle(vehicleId: number): void {
    useSelection.setState({ ...NOTHING_SELECTED, vehicleId })
    this.socket.track({ t: 'track', id: vehicleId })
  }

  selectDelivery(deliveryId: string, following = false): void {
    useSelection.setState({ ...NOTHING_SELECTED, deliveryId, following })
    this.socket.track({ t: 'track', deliveryId })
  }

  /** Ask once more for the selected delivery. */
  askAgain(): void {
    const { deliveryId } = useSelection.getState()
    if (deliveryId !== null) this.socket.track({ t: 'track', deliveryId })
  }

  deselect(): void {
    const { deliveryId, vehicleId } = useSelection.getState()
    if (deliveryId === null && vehicleId === null) return
    useSelection.setState(NOTHING_SELECTED)
    this.socket.track(null)
  }

  /** Virtual time of a vehicle's newest position on the map, or null. */
  newestSampleMs(vehicleId: number | null): number | null {
    const slot = vehicleId === null ? -1 : this.store.slotOf(vehicleId)
    return slot < 0 ? null : this.store.data.sampleMs[slot]
  }

  onEvent(listener: LiveEventListener): () => void {
    this.eventListeners.add(listener)
    return () => this.eventListeners.delete(listener)
  }

  /** Called after each frame, before it is drawn. */
  onFrame(listener: () => void): () => void {
    this.frameListeners.add(listener)
    return () => this.frameListeners.delete(listener)
  }

  private takeFrame(buffer: ArrayBuffer): void {
    let frame: Frame
    try {
      frame = decodeFrame(buffer)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.onRefused(error.message)
      return
    }
    const nowMs = performance.now()
    this.clock.onFrame(frame.simTimeMs, frame.simSpeed, nowMs)
    if (frame.kind === 'positions') {
      const observed = this.store.apply(frame, this.clock.advance(nowMs))
      if (Number.isFinite(observed.stepMs)) this.clock.fitDelay(observed.stepMs, observed.ageMs)
      this.density = null
    } else {
      this.store.clear()
      this.density = frame
    }
    for (const listener of this.frameListeners) listener()
    if (nowMs - this.summaryMs >= SUMMARY_MS) {
      this.summaryMs = nowMs
      const { total, oneOf, simTimeMs, simSpeed } = frame
      useLiveStatus.setState({ view: { held: this.store.count, total, oneOf, simTimeMs, simSpeed, density: this.density !== null } })
    }
  }

  private takeMessage(message: ServerMessage): void {
    switch (message.t) {
      case 'hello':
        this.clock.setSamplePeriod(message.samplePeriodMs)
        this.store.setSamplePeriod(message.samplePeriodMs)
        useLiveStatus.setState({ hello: message })
        break
      case 'stats':
        useLiveStatus.setState({ stats: message })
        break
      case 'events':
        for (const event of message.events) for (const listener of this.eventListeners) listener(event)
        break
      case 'track': {
        const { deliveryId, vehicleId, track } = useSelection.getState()
        const wanted = deliveryId === null ? vehicleId === message.id : deliveryId === message.deliveryId
        // The route comes with the first answer only and stays for the later ones.
        const route = message.route ?? (track?.deliveryId === message.deliveryId ? track.route : undefined)
        if (wanted) useSelection.setState({ deliveryId: message.deliveryId, vehicleId: message.id, track: { ...message, route }, trackAtMs: performance.now() })
        break
      }
      case 'error':
        this.onRefused(message.reason)
        break
    }
  }
}
