/** One way to ask the server: same origin, key if one was given, answers or an error with the server's own words. Paths and shapes are those of the OpenAPI document. */

import createClient from 'openapi-fetch'
import { useApiKey } from './apiKey'
import type { paths } from './schema'

/** The server refused; the message is made for readers. */
export class ApiError extends Error {
  override name = 'ApiError'

  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message)
  }
}

/** The address of a path on this page's server, whatever prefix the page lives under. */
export function apiUrl(path: string): string {
  return new URL(path.replace(/^\//, ''), document.baseURI).toString()
}

/** The live socket's address, with the key where one is needed: a browser cannot send headers with a WebSocket. */
export function liveUrl(): string {
  const url = new URL(apiUrl('ws/live'))
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  const { key } = useApiKey.getState()
  if (key) url.searchParams.set('key', key)
  return url.toString()
}

/**
 * The REST API. A refusal and a server that cannot be reached are thrown as ApiError, so an answer always has its data.
 * '.' drops the query and the last part of the page's address.
 */
export const server = createClient<paths>({ baseUrl: apiUrl('.').replace(/\/$/, ''), fetch: (request) => globalThis.fetch(request) })

server.use({
  onRequest: ({ request }) => {
    const { key } = useApiKey.getState()
    if (key) request.headers.set('X-API-Key', key)
  },
  onResponse: async ({ response }) => {
    if (response.status === 401) useApiKey.getState().ask()
    if (!response.ok) throw new ApiError(await reasonOf(response), response.status)
  },
  onError: ({ error }) => (error instanceof DOMException && error.name === 'AbortError' ? error : new ApiError('', 0)),
})

/** The data of an answer. */
export async function dataOf<T>(asked: Promise<{ data?: T }>): Promise<T> {
  return (await asked).data as T
}

/** What a refused response says: problem+json's detail, else its title, else its text, else its status. */
export async function reasonOf(response: Response): Promise<string> {
  const text = (await response.text()).trim()
  try {
    const problem = JSON.parse(text) as { title?: unknown; detail?: unknown }
    if (typeof problem.detail === 'string' && problem.detail) return problem.detail
    if (typeof problem.title === 'string' && problem.title) return problem.title
  } catch {
    // Not JSON: say what there is.
  }
  return text && text.length < 300 && !text.startsWith('<') ? text : `HTTP ${response.status} ${response.statusText}`.trim()
}
