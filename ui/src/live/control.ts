/** The text side of `sim.v1`: JSON control messages, typed; unknown kinds are ignored, so old pages survive new servers. */

import type { LineString } from 'geojson'
import type { Delivery } from '../api/types'

export interface Hello {
  t: 'hello'
  protocol: string
  runId: string | null
  states: string[]
  vehicles: string[]
  periodMs: number
  samplePeriodMs: number
  /** `[virtual epoch ms, wall epoch ms, scale]`; scale 0 means that the run is paused. */
  clock: [number, number, number] | null
}

export interface LiveEvent {
  t: 'event'
  kind: string
  deliveryId: string
  routeId: string
  routeTitle?: string
  id: number | null
  eventTime: number
  reason?: string
}

/** What happened of late, oldest first. */
export interface LiveEvents {
  t: 'events'
  events: LiveEvent[]
  /** Events left out since the last message of this kind. */
  skipped?: number
}

export interface Track extends Delivery {
  t: 'track'
  id: number | null
  /** Only in the first answer to a request. */
  route?: LineString
}

export interface Stats {
  t: 'stats'
  vehicles: number
  byState: number[]
  ageP50Ms: number | null
  ageP99Ms: number | null
  sent: number
  skipped: number
}

export interface Refusal {
  t: 'error'
  reason: string
}

export type ServerMessage = Hello | LiveEvents | Track | Stats | Refusal

export type ClientMessage =
  | { t: 'sub'; z: number; cells: [number, number, number, number]; max: number; hz: number }
  | { t: 'ack'; seq: number }
  | { t: 'track'; id: number | null }
  | { t: 'track'; deliveryId: string }
  | { t: 'pause' }
  | { t: 'resume' }

const KINDS = new Set(['hello', 'events', 'track', 'stats', 'error'])

/** Return the message in a text, or null if it is of a kind this page does not know. */
export function parseServerMessage(text: string): ServerMessage | null {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof found !== 'object' || found === null) return null
  const kind = (found as { t?: unknown }).t
  return typeof kind === 'string' && KINDS.has(kind) ? (found as ServerMessage) : null
}
