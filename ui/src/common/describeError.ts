import type { Text } from '../i18n/language'
import { ApiError } from '../api/client'

/** An error in the reader's words: the server's own reason where there is one. */
export function describeError(error: unknown, text: Text): string {
  if (error instanceof ApiError && error.status === 0) return text('error.network')
  return error instanceof Error && error.message ? error.message : String(error)
}
