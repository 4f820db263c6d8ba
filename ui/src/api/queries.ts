/** The page's questions to the REST API, as react-query hooks. */

import { QueryClient, useMutation, useQuery, useQueryClient, type UseMutationResult, type UseQueryResult } from '@tanstack/react-query'
import { ApiError, fetchOrThrow, getJson, postJson, putJson } from './client'
import type { Delivery, DeliveryPage, ImportResponse, PageConfig, RouteDetail, RouteSummary, SavedView, StartRequest, StartResponse } from './types'

export const LIST_REFRESH_MS = 1_500
const CARD_REFRESH_MS = 2_000

/** Rows per page of a list; the server refuses more than 100. */
export const PAGE_ROWS = 50
export const ROUTES_SHOWN = 100

export function createQueryClient(): QueryClient {
  const retry = (failures: number, error: Error): boolean => failures < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500)
  return new QueryClient({ defaultOptions: { queries: { retry, staleTime: 1_000, refetchOnWindowFocus: false } } })
}

export interface DeliveryFilter {
  text: string
  /** Empty: all. */
  states: readonly string[]
}

export function deliveriesPath(filter: DeliveryFilter, page: number): string {
  const params = new URLSearchParams()
  if (filter.text.trim()) params.set('q', filter.text.trim())
  if (filter.states.length > 0) params.set('state', filter.states.join(','))
  params.set('limit', String(PAGE_ROWS))
  params.set('offset', String(page * PAGE_ROWS))
  return `deliveries?${params.toString()}`
}

export function deliveryPageOptions(filter: DeliveryFilter, page: number) {
  return {
    queryKey: ['deliveries', filter.text.trim(), filter.states.join(','), page],
    queryFn: ({ signal }: { signal: AbortSignal }) => getJson<DeliveryPage>(deliveriesPath(filter, page), signal),
    refetchInterval: LIST_REFRESH_MS,
  }
}

/** One delivery from the store; `live` says that the socket tells its news, so that asking is not needed. */
export function useDelivery(deliveryId: string | null, live: boolean): UseQueryResult<Delivery> {
  return useQuery({
    queryKey: ['delivery', deliveryId],
    queryFn: ({ signal }) => getJson<Delivery>(`deliveries/${encodeURIComponent(deliveryId ?? '')}`, signal),
    enabled: deliveryId !== null && !live,
    refetchInterval: CARD_REFRESH_MS,
    // A delivery that was just asked for is known a moment later.
    retry: 4,
    retryDelay: 800,
  })
}

export function useRoute(routeId: string | null): UseQueryResult<RouteDetail> {
  return useQuery({
    queryKey: ['route', routeId],
    queryFn: ({ signal }) => getJson<RouteDetail>(`routes/${encodeURIComponent(routeId ?? '')}`, signal),
    enabled: routeId !== null,
    staleTime: 60_000,
  })
}

export interface RouteList {
  routes: RouteSummary[]
  total: number
}

export function useRoutes(text: string, enabled: boolean): UseQueryResult<RouteList> {
  return useQuery({
    queryKey: ['routes', text.trim()],
    queryFn: async ({ signal }) => {
      const params = new URLSearchParams({ limit: String(ROUTES_SHOWN), ...(text.trim() ? { q: text.trim() } : {}) })
      const response = await fetchOrThrow(`routes?${params.toString()}`, { signal })
      const routes = (await response.json()) as RouteSummary[]
      return { routes, total: Number(response.headers.get('X-Total-Count') ?? routes.length) }
    },
    enabled,
    placeholderData: (previous) => previous,
    staleTime: 10_000,
  })
}

export function useConfig(): UseQueryResult<PageConfig> {
  return useQuery({ queryKey: ['config'], queryFn: ({ signal }) => getJson<PageConfig>('config.json', signal), staleTime: Infinity })
}

export function useStartDeliveries(): UseMutationResult<StartResponse, Error, StartRequest> {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (request: StartRequest) => postJson<StartResponse>('deliveries', request),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['deliveries'] }),
  })
}

export type ControlAction = 'pause' | 'resume' | 'cancel'

export function useControlDelivery(): UseMutationResult<unknown, Error, { deliveryId: string; action: ControlAction }> {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ deliveryId, action }) => postJson<unknown>(`deliveries/${encodeURIComponent(deliveryId)}/${action}`),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['deliveries'] }),
  })
}

export type RunControl = { runId: string; action: 'pause' | 'resume' } | { runId: string; timeScale: number }

export function useControlRun(): UseMutationResult<unknown, Error, RunControl> {
  return useMutation({
    mutationFn: (control: RunControl) => {
      const run = `runs/${encodeURIComponent(control.runId)}`
      return 'timeScale' in control ? postJson<unknown>(`${run}/scale`, { timeScale: control.timeScale }) : postJson<unknown>(`${run}/${control.action}`)
    },
  })
}

export function useImportRoutes(): UseMutationResult<ImportResponse, Error, { file: File; skipInvalid: boolean }> {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: async ({ file, skipInvalid }) => {
      const body = new FormData()
      body.append('file', file, file.name)
      const response = await fetchOrThrow(`routes?skipInvalid=${String(skipInvalid)}`, { method: 'POST', body })
      return (await response.json()) as ImportResponse
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ['routes'] }),
  })
}

export function useViews(): UseQueryResult<SavedView[]> {
  return useQuery({ queryKey: ['views'], queryFn: ({ signal }) => getJson<SavedView[]>('views', signal) })
}

export function useSaveView(): UseMutationResult<SavedView, Error, Omit<SavedView, 'createdAt'>> {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ id, ...view }) => putJson<SavedView>(`views/${encodeURIComponent(id)}`, view),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['views'] }),
  })
}

export function useDeleteView(): UseMutationResult<unknown, Error, string> {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (id) => fetchOrThrow(`views/${encodeURIComponent(id)}`, { method: 'DELETE' }),
    // Also when somebody else was faster: the list shows what there is.
    onSettled: () => queries.invalidateQueries({ queryKey: ['views'] }),
  })
}
