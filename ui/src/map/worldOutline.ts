/** The countries' outlines and names, fetched from this page's own files when a view needs them. */

import type { Feature, FeatureCollection, MultiPolygon, Point, Polygon, Position } from 'geojson'
import { feature } from 'topojson-client'
import type { GeometryCollection, Topology } from 'topojson-specification'
import countriesUrl from 'world-atlas/countries-50m.json?url'

type Country = Feature<Polygon | MultiPolygon, { name: string }>

export interface WorldOutline {
  countries: FeatureCollection<Polygon | MultiPolygon, { name: string }>
  names: FeatureCollection<Point, { name: string; area: number }>
}

export async function loadWorldOutline(): Promise<WorldOutline> {
  const response = await fetch(countriesUrl)
  if (!response.ok) throw new Error(`HTTP ${response.status} for the outline of the world`)
  const topology = (await response.json()) as Topology<{ countries: GeometryCollection<{ name: string }> }>
  const countries = feature(topology, topology.objects.countries) as WorldOutline['countries']
  return { countries, names: { type: 'FeatureCollection', features: countries.features.map(nameOf) } }
}

/** A country's name at the centroid of its largest ring. Degrees are good enough to place a word. */
function nameOf(country: Country): Feature<Point, { name: string; area: number }> {
  const polygons = country.geometry.type === 'Polygon' ? [country.geometry.coordinates] : country.geometry.coordinates
  const largest = polygons.map(([ring]) => centroid(ring)).reduce((best, next) => (next.area > best.area ? next : best))
  return { type: 'Feature', properties: { name: country.properties.name, area: largest.area }, geometry: { type: 'Point', coordinates: largest.at } }
}

function centroid(ring: Position[]): { at: Position; area: number } {
  let [doubled, x, y] = [0, 0, 0]
  for (let i = 1; i < ring.length; i += 1) {
    const cross = ring[i - 1][0] * ring[i][1] - ring[i][0] * ring[i - 1][1]
    doubled += cross
    x += (ring[i - 1][0] + ring[i][0]) * cross
    y += (ring[i - 1][1] + ring[i][1]) * cross
  }
  return { at: doubled === 0 ? ring[0] : [x / (3 * doubled), y / (3 * doubled)], area: Math.abs(doubled) / 2 }
}
