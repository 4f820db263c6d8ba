/** One way to ask the server: same origin, key if one was given, answers or an error with the server's own words. */

import { useApiKey } from './apiKey'

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

/** Return the response, or throw ApiError with the reason that problem+json gives. */
export async function fetchOrThrow(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  const { key } = useApiKey.getState()
  if (key) headers.set('X-API-Key', key)
  let response: Response
  try {
    response = await fetch(apiUrl(path), { ...init, headers })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiError('', 0)
  }
  if (response.status === 401) useApiKey.getState().ask()
  if (!response.ok) throw new ApiError(await reasonOf(response), response.status)
  return response
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await fetchOrThrow(path, { signal })
  return (await response.json()) as T
}

export async function postJson<T>(path: string, body?: unknown): Promise<T> {
  const response = await fetchOrThrow(path, {
    method: 'POST',
    ...(body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return (text ? JSON.parse(text) : null) as T
}

export async function putJson<T>(path: string, body: unknown): Promise<T> {
  const response = await fetchOrThrow(path, { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
  return (await response.json()) as T
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
