/** The base map: the world's countries and the network's streets, drawn from this server's own files. No tiles, no fonts, no sprites. */

import type { FeatureCollection } from 'geojson'
import type { ExpressionSpecification, LayerSpecification, StyleSpecification } from 'maplibre-gl'
import { MAP_PALETTES, type MapPalette } from '../theme/mapPalette'
import type { ColourMode } from '../theme/stateColours'

export const SOURCE = { countries: 'countries', countryNames: 'country-names', streets: 'streets', driven: 'route-driven', ahead: 'route-ahead', ends: 'route-ends' } as const

const MAIN = ['motorway', 'motorway_link', 'trunk', 'trunk_link', 'primary', 'primary_link']
const MIDDLE = ['secondary', 'secondary_link', 'tertiary', 'tertiary_link']

const EMPTY: FeatureCollection = { type: 'FeatureCollection', features: [] }

export function emptyStyle(mode: ColourMode): StyleSpecification {
  return {
    version: 8,
    sources: Object.fromEntries(Object.values(SOURCE).map((name) => [name, { type: 'geojson', data: EMPTY, ...(name === SOURCE.streets ? { tolerance: 0.25 } : {}) }])),
    layers: layers(MAP_PALETTES[mode]),
  }
}

const width = (at9: number, at12: number, at15: number, at18: number): ExpressionSpecification => ['interpolate', ['exponential', 1.5], ['zoom'], 8, at9, 12, at12, 15, at15, 18, at18]

const ofClass = (classes: string[]): ExpressionSpecification => ['in', ['get', 'class'], ['literal', classes]]

/** All layers, lowest first; only their paint depends on the palette. */
export function layers(p: MapPalette): LayerSpecification[] {
  const round = { 'line-cap': 'round', 'line-join': 'round' } as const
  const fade = (from: number, to: number): ExpressionSpecification => ['interpolate', ['linear'], ['zoom'], from, 1, to, 0]
  return [
    // The outline of the world is too coarse for streets: near by, everything is paper and the streets alone speak.
    { id: 'background', type: 'background', paint: { 'background-color': ['interpolate', ['linear'], ['zoom'], 8.5, p.water, 10, p.land] } },
    { id: 'land', type: 'fill', source: SOURCE.countries, maxzoom: 11, paint: { 'fill-color': p.land, 'fill-antialias': false } },
    { id: 'borders', type: 'line', source: SOURCE.countries, maxzoom: 11, layout: round, paint: { 'line-color': p.border, 'line-width': ['interpolate', ['linear'], ['zoom'], 1, 0.5, 8, 1.2], 'line-opacity': fade(8.2, 9.8) } },
    { id: 'streets-minor', type: 'line', source: SOURCE.streets, minzoom: 10, filter: ['!', ofClass([...MAIN, ...MIDDLE])], layout: round, paint: { 'line-color': p.minorStreet, 'line-width': width(0.6, 1.3, 3.4, 11) } },
    { id: 'streets-middle', type: 'line', source: SOURCE.streets, minzoom: 8, filter: ofClass(MIDDLE), layout: round, paint: { 'line-color': p.street, 'line-width': width(1, 2.2, 4.8, 14) } },
    { id: 'streets-main', type: 'line', source: SOURCE.streets, minzoom: 6, filter: ofClass(MAIN), layout: round, paint: { 'line-color': p.mainStreet, 'line-width': width(1.4, 3, 6, 17) } },
    {
      id: 'country-names', type: 'symbol', source: SOURCE.countryNames, minzoom: 2, maxzoom: 8,
      layout: { 'text-field': ['get', 'name'], 'text-size': ['interpolate', ['linear'], ['zoom'], 2, 10, 7, 14], 'text-letter-spacing': 0.06, 'text-max-width': 7, 'text-padding': 6, 'symbol-sort-key': ['-', ['get', 'area']] },
      paint: { 'text-color': p.label, 'text-halo-color': p.labelHalo, 'text-halo-width': 1.2 },
    },
    { id: 'route-ahead-casing', type: 'line', source: SOURCE.ahead, layout: round, paint: { 'line-color': p.routeCasing, 'line-width': 8, 'line-opacity': 0.9 } },
    { id: 'route-driven-casing', type: 'line', source: SOURCE.driven, layout: round, paint: { 'line-color': p.routeCasing, 'line-width': 6, 'line-opacity': 0.8 } },
    { id: 'route-driven', type: 'line', source: SOURCE.driven, layout: { 'line-join': 'round' }, paint: { 'line-color': p.routeDriven, 'line-width': 3, 'line-dasharray': [1.6, 1.2] } },
    { id: 'route-ahead', type: 'line', source: SOURCE.ahead, layout: round, paint: { 'line-color': p.routeAhead, 'line-width': 4.5 } },
    {
      id: 'route-ends', type: 'circle', source: SOURCE.ends,
      paint: { 'circle-radius': ['match', ['get', 'end'], 'goal', 7, 5], 'circle-color': ['match', ['get', 'end'], 'goal', p.routeAhead, p.routeCasing], 'circle-stroke-color': ['match', ['get', 'end'], 'goal', p.routeCasing, p.routeDriven], 'circle-stroke-width': 2.5 },
    },
  ]
}
