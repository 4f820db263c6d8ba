/** The text side of `sim.v1`: JSON control messages, in the types of the OpenAPI document; unknown kinds are ignored, so old pages survive new servers. */

import type { Acknowledge, Hello, LiveEvents, PauseFrames, Refusal, ResumeFrames, Stats, Subscribe, Track, TrackRequest } from '../api/schema'

export type ServerMessage = Hello | LiveEvents | Track | Stats | Refusal

export type ClientMessage = Subscribe | Acknowledge | TrackRequest | PauseFrames | ResumeFrames

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
