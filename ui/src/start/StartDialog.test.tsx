import { QueryClientProvider } from '@tanstack/react-query'
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createQueryClient } from '../api/queries'
import { resetNotices, useNotices } from '../notices/noticeQueue'
import { isMine } from '../notices/mine'
import StartDialog from './StartDialog'

const ROUTES = [
  { _id: '1', title: 'Primeiro', startPosition: { lat: -15.8, lng: -47.9 }, endPosition: { lat: -15.8, lng: -47.8 }, lengthM: 4200 },
  { _id: '2', title: 'Segundo', startPosition: { lat: -15.8, lng: -47.9 }, endPosition: { lat: -15.8, lng: -47.8 } },
]

const posted: unknown[] = []
let answer: () => Response

beforeEach(() => {
  posted.length = 0
  resetNotices()
  vi.stubGlobal('fetch', async (request: Request) => {
    if (request.method !== 'POST') return new Response(JSON.stringify(ROUTES), { headers: { 'X-Total-Count': '2' } })
    posted.push(await request.json())
    return answer()
  })
})

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

function open(): { closed: () => number } {
  const onClose = vi.fn()
  render(
    <QueryClientProvider client={createQueryClient()}>
      <StartDialog onClose={onClose} />
    </QueryClientProvider>,
  )
  return { closed: () => onClose.mock.calls.length }
}

test('a chosen route is started, remembered as mine, and told', async () => {
  answer = () => new Response(JSON.stringify({ deliveries: [{ deliveryId: 'd-9', routeId: '2' }] }), { status: 202 })
  const { closed } = open()
  fireEvent.click(await screen.findByText('Segundo'))
  fireEvent.click(screen.getByTestId('start-submit'))
  await waitFor(() => expect(closed()).toBe(1))
  expect(posted).toEqual([{ routeIds: ['2'], vehicle: 'car' }])
  expect(isMine('d-9')).toBe(true)
  expect(useNotices.getState().current).toMatchObject({ kind: 'requested', title: 'Segundo', deliveryId: 'd-9', place: { lat: -15.8, lng: -47.9 } })
})

test('nothing is sent before a route is chosen', async () => {
  const { closed } = open()
  await screen.findByText('Primeiro')
  fireEvent.click(screen.getByTestId('start-submit'))
  expect(await screen.findByText('Choose at least one route.')).toBeTruthy()
  expect([posted.length, closed()]).toEqual([0, 0])
})

test('what the server refuses is said in its own words', async () => {
  answer = () => new Response(JSON.stringify({ title: 'Unprocessable', detail: 'route 2 is gone' }), { status: 422, headers: { 'Content-Type': 'application/problem+json' } })
  const { closed } = open()
  fireEvent.click(await screen.findByText('Segundo'))
  fireEvent.click(screen.getByTestId('start-submit'))
  expect(await screen.findByText(/route 2 is gone/)).toBeTruthy()
  expect(closed()).toBe(0)
})
