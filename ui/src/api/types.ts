/** The REST API's objects. SI units; times are virtual epoch ms. */

import type { LineString } from 'geojson'

export interface Point {
  lat: number
  lng: number
}

export interface RouteSummary {
  _id: string
  title: string
  startPosition: Point
  endPosition: Point
  lengthM?: number
  points?: number
  source?: string
}

export interface RouteDetail extends RouteSummary {
  geometry: LineString
}

export interface Delivery {
  deliveryId: string
  runId: string
  routeId: string
  routeTitle: string
  clientId: string
  driverId: string
  vehicle: string
  state: string
  reason?: string | null
  startedAt: number | null
  plannedArrival: number | null
  endedAt?: number | null
  routeLengthM: number | null
  distanceM: number
  progress: number
  speedMps: number
  bearingDeg: number
  position: Point | null
  seq: number
  eventTime: number | null
}

export interface DeliveryPage {
  items: Delivery[]
  total: number
}

export interface StartRequest {
  routeIds?: string[]
  random?: number
  vehicle?: string
}

export interface StartResponse {
  deliveries: { deliveryId: string; routeId: string }[]
}

export interface ImportResponse {
  routes: RouteSummary[]
  /** What was left out, each with file and place. */
  skipped: string[]
  /** What was read in a way that may not be meant. */
  notices: string[]
  /** Ids of the routes that were there already. */
  replaced: string[]
}

/** A named address of the map. */
export interface SavedView {
  id: string
  title: string
  /** What stands after the question mark. */
  query: string
  /** Wall time, epoch ms. */
  createdAt: number
}

export interface PageConfig {
  basemap?: string
  version?: string
  attribution?: string
  /** West, south, east, north of where the fleet is at home. */
  bounds?: [number, number, number, number]
}
