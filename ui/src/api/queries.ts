/** The page's questions to the REST API, as react-query hooks. */

import { QueryClient, useMutation, useQuery, useQueryClient, type UseMutationResult, type UseQueryResult } from '@tanstack/react-query'
import { ApiError, dataOf, server } from './client'
import type { BodyImportRoutes, Delivery, ImportAnswer, PageConfig, paths, RouteDetail, RouteSummary, SavedView, StartAnswer, StartRequest } from './schema'

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

export function deliveriesQuery(filter: DeliveryFilter, page: number): NonNullable<paths['/deliveries']['get']['parameters']['query']> {
  return {
    ...(filter.text.trim() ? { q: filter.text.trim() } : {}),
    ...(filter.states.length > 0 ? { state: [...filter.states] } : {}),
    limit: PAGE_ROWS,
    offset: page * PAGE_ROWS,
  }
}

export function deliveryPageOptions(filter: DeliveryFilter, page: number) {
  return {
    queryKey: ['deliveries', filter.text.trim(), filter.states.join(','), page],
    queryFn: ({ signal }: { signal: AbortSignal }) => dataOf(server.GET('/deliveries', { params: { query: deliveriesQuery(filter, page) }, signal })),
    refetchInterval: LIST_REFRESH_MS,
  }
}

/** One delivery from the store; `live`: the socket reports its news, so that asking is not needed. */
export function useDelivery(deliveryId: string | null, live: boolean): UseQueryResult<Delivery> {
  return useQuery({
    queryKey: ['delivery', deliveryId],
    queryFn: ({ signal }) => dataOf(server.GET('/deliveries/{delivery_id}', { params: { path: { delivery_id: deliveryId ?? '' } }, signal })),
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
    queryFn: ({ signal }) => dataOf(server.GET('/routes/{route_id}', { params: { path: { route_id: routeId ?? '' } }, signal })),
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
      const { data, response } = await server.GET('/routes', { params: { query: { limit: ROUTES_SHOWN, ...(text.trim() ? { q: text.trim() } : {}) } }, signal })
      const routes = data ?? []
      return { routes, total: Number(response.headers.get('X-Total-Count') ?? routes.length) }
    },
    enabled,
    placeholderData: (previous) => previous,
    staleTime: 10_000,
  })
}

export function useConfig(): UseQueryResult<PageConfig> {
  return useQuery({ queryKey: ['config'], queryFn: ({ signal }) => dataOf(server.GET('/config.json', { signal })), staleTime: Infinity })
}

export function useStartDeliveries(): UseMutationResult<StartAnswer, Error, StartRequest> {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (request: StartRequest) => dataOf(server.POST('/deliveries', { body: request })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['deliveries'] }),
  })
}

export type ControlAction = 'pause' | 'resume' | 'cancel'

export function useControlDelivery(): UseMutationResult<unknown, Error, { deliveryId: string; action: ControlAction }> {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ deliveryId, action }) => server.POST(`/deliveries/{delivery_id}/${action}`, { params: { path: { delivery_id: deliveryId } } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['deliveries'] }),
  })
}

export type RunControl = { runId: string; action: 'pause' | 'resume' } | { runId: string; timeScale: number }

export function useControlRun(): UseMutationResult<unknown, Error, RunControl> {
  return useMutation({
    mutationFn: (control: RunControl): Promise<unknown> => {
      const params = { path: { run_id: control.runId } }
      return 'timeScale' in control ? server.POST('/runs/{run_id}/scale', { params, body: { timeScale: control.timeScale } }) : server.POST(`/runs/{run_id}/${control.action}`, { params })
    },
  })
}

export function useImportRoutes(): UseMutationResult<ImportAnswer, Error, { file: File; skipInvalid: boolean }> {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ file, skipInvalid }) => {
      const body = new FormData()
      body.append('file', file, file.name)
      // The form is sent as it is; the document describes its fields.
      return dataOf(server.POST('/routes', { params: { query: { skipInvalid } }, body: body as unknown as BodyImportRoutes }))
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ['routes'] }),
  })
}

export function useViews(): UseQueryResult<SavedView[]> {
  return useQuery({ queryKey: ['views'], queryFn: ({ signal }) => dataOf(server.GET('/views', { signal })) })
}

export function useSaveView(): UseMutationResult<SavedView, Error, Omit<SavedView, 'createdAt'>> {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ id, ...view }) => dataOf(server.PUT('/views/{view_id}', { params: { path: { view_id: id } }, body: view })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['views'] }),
  })
}

export function useDeleteView(): UseMutationResult<unknown, Error, string> {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (id) => server.DELETE('/views/{view_id}', { params: { path: { view_id: id } } }),
    // Also when another page was faster: the list shows what there is.
    onSettled: () => queries.invalidateQueries({ queryKey: ['views'] }),
  })
}
