/** The start dialog's form: what can be asked for, and what is wrong with it. Pure. */

import type { StartRequest, VehicleClass } from '../api/schema'
import type { TextKey } from '../i18n/en'
import type { Values } from '../i18n/language'

export const VEHICLES: readonly VehicleClass[] = ['bicycle', 'motorcycle', 'car', 'van', 'truck']

/** More than this in one request is a scenario, not a click. */
export const MOST_AT_ONCE = 1_000
export const MOST_PER_ROUTE = 100

export interface StartForm {
  mode: 'chosen' | 'random'
  routeIds: readonly string[]
  /** As typed. */
  perRoute: string
  randomCount: string
  vehicle: VehicleClass
}

export const EMPTY_FORM: StartForm = { mode: 'chosen', routeIds: [], perRoute: '1', randomCount: '100', vehicle: 'car' }

export interface Problem {
  field: 'routes' | 'perRoute' | 'randomCount'
  key: TextKey
  values?: Values
}

export type Checked = { ok: true; request: StartRequest; total: number } | { ok: false; problem: Problem }

function wholeNumber(text: string, most: number): number | null {
  const number = /^\s*\d{1,6}\s*$/.test(text) ? Number(text) : Number.NaN
  return number >= 1 && number <= most ? number : null
}

export function checkStart(form: StartForm): Checked {
  const refuse = (field: Problem['field'], key: TextKey, values?: Values): Checked => ({ ok: false, problem: { field, key, values } })
  if (form.mode === 'random') {
    const random = wholeNumber(form.randomCount, MOST_AT_ONCE)
    if (random === null) return refuse('randomCount', 'start.errorCount', { max: MOST_AT_ONCE })
    return { ok: true, request: { random, vehicle: form.vehicle }, total: random }
  }
  if (form.routeIds.length === 0) return refuse('routes', 'start.errorNoRoute')
  const each = wholeNumber(form.perRoute, MOST_PER_ROUTE)
  if (each === null) return refuse('perRoute', 'start.errorCount', { max: MOST_PER_ROUTE })
  const total = each * form.routeIds.length
  if (total > MOST_AT_ONCE) return refuse('perRoute', 'start.errorTotal', { max: MOST_AT_ONCE, total })
  return { ok: true, request: { routeIds: form.routeIds.flatMap((id) => Array<string>(each).fill(id)), vehicle: form.vehicle }, total }
}
