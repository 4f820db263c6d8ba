import { afterEach, expect, test, vi } from 'vitest'
import { useApiKey } from './apiKey'
import { ApiError, liveUrl, reasonOf, server } from './client'

afterEach(() => {
  vi.unstubAllGlobals()
  window.sessionStorage.clear()
  useApiKey.setState({ key: null, asking: false, refused: false })
})

test.each([
  ['{"title":"Bad Request","detail":"routes/1.txt line 189: expected \\"lat,lng\\""}', 'routes/1.txt line 189: expected "lat,lng"'],
  ['{"title":"Too large"}', 'Too large'],
  ['plain words', 'plain words'],
  ['<html>proxy page</html>', 'HTTP 502 Bad Gateway'],
  ['', 'HTTP 502 Bad Gateway'],
])('the reason of %s', async (body, reason) => {
  expect(await reasonOf(new Response(body, { status: 502, statusText: 'Bad Gateway' }))).toBe(reason)
})

test('a 401 asks for the key; the key then goes with every request and with the socket', async () => {
  const headers: (string | null)[] = []
  vi.stubGlobal('fetch', (request: Request) => {
    headers.push(request.headers.get('X-API-Key'))
    return Promise.resolve(new Response('{}', { status: headers.length === 1 ? 401 : 200 }))
  })
  await expect(server.GET('/deliveries')).rejects.toThrow(ApiError)
  expect(useApiKey.getState().asking).toBe(true)
  useApiKey.getState().give('a b')
  await server.GET('/deliveries')
  expect(headers).toEqual([null, 'a b'])
  expect(liveUrl()).toMatch(/^ws:\/\/[^/]+\/ws\/live\?key=a\+b$/)
  expect(window.sessionStorage.getItem('code-delivery.key')).toBe('a b')
})

test('a server that cannot be reached is an ApiError of status 0', async () => {
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')))
  await expect(server.GET('/routes')).rejects.toMatchObject({ status: 0 })
})

test('a query in the address of the page is no part of the address of the server', async () => {
  const asked: string[] = []
  vi.stubGlobal('fetch', (request: Request) => {
    asked.push(request.url)
    return Promise.resolve(new Response('{}'))
  })
  window.history.replaceState(null, '', '/map/?lang=pt')
  vi.resetModules()
  const again = await import('./client')
  window.history.replaceState(null, '', '/')
  await again.server.GET('/deliveries/{delivery_id}', { params: { path: { delivery_id: 'a/b' } } })
  expect(asked.map((url) => new URL(url).pathname + new URL(url).search)).toEqual(['/map/deliveries/a%2Fb'])
})
