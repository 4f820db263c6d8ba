import { QueryClientProvider } from '@tanstack/react-query'
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createQueryClient } from '../api/queries'
import type { SavedView } from '../api/schema'
import { SessionContext } from '../common/context'
import { useFilter } from '../deliveries/filter'
import { LiveSession } from '../live/LiveSession'
import ViewsDialog from './ViewsDialog'

let kept: SavedView[]
let refusal: Response | null

beforeEach(() => {
  kept = [{ id: 'vaduz', title: 'Vaduz', query: 'q=van&state=moving', createdAt: 1 }]
  refusal = null
  window.history.replaceState(null, '', '/?lang=pt&q=truck')
  useFilter.setState({ text: '', states: [] })
  vi.stubGlobal('fetch', async (request: Request) => {
    const id = decodeURIComponent(new URL(request.url).pathname.split('/').pop() ?? '')
    if (refusal) return refusal
    if (request.method === 'DELETE') kept = kept.filter((view) => view.id !== id)
    if (request.method === 'PUT') kept = [...kept.filter((view) => view.id !== id), { id, createdAt: 2, ...((await request.json()) as { title: string; query: string }) }]
    return request.method === 'DELETE' ? new Response(null, { status: 204 }) : new Response(JSON.stringify(kept))
  })
})

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
  window.history.replaceState(null, '', '/')
})

function open(): () => number {
  const onClose = vi.fn()
  render(
    <QueryClientProvider client={createQueryClient()}>
      <SessionContext.Provider value={new LiveSession(() => 'ws://localhost/ws/live', vi.fn())}>
        <ViewsDialog onClose={onClose} />
      </SessionContext.Provider>
    </QueryClientProvider>,
  )
  return () => onClose.mock.calls.length
}

async function saveAs(title: string): Promise<void> {
  await screen.findByText('Vaduz')
  fireEvent.change(screen.getByLabelText('Name of this view'), { target: { value: title } })
  fireEvent.click(screen.getByText('Save'))
}

test('the address is kept under a name, and shown in the list', async () => {
  open()
  await saveAs(' Trucks ')
  expect(await screen.findByText('Trucks')).toBeTruthy()
  expect(kept[1]).toMatchObject({ title: 'Trucks', query: 'q=truck' })
  expect(kept[1].id).toMatch(/^trucks-/)
})

test('the name of a kept view replaces it', async () => {
  open()
  await saveAs('Vaduz')
  await waitFor(() => expect(kept).toMatchObject([{ id: 'vaduz', query: 'q=truck' }]))
})

test('a kept view is opened by its name', async () => {
  const closed = open()
  fireEvent.click(await screen.findByText('Vaduz'))
  expect(closed()).toBe(1)
  expect(useFilter.getState()).toMatchObject({ text: 'van', states: ['moving'] })
})

test('a forgotten view leaves the list', async () => {
  open()
  fireEvent.click(await screen.findByLabelText('Forget “Vaduz”'))
  expect(await screen.findByText(/No view is saved yet/)).toBeTruthy()
})

test('what the server refuses is said in its own words', async () => {
  open()
  await screen.findByText('Vaduz')
  refusal = new Response(JSON.stringify({ detail: '500 views are kept' }), { status: 409 })
  await saveAs('One more')
  expect(await screen.findByText(/500 views are kept/)).toBeTruthy()
})
