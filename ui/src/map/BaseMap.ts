/**
 * What lies under the vehicles: streets, the world's outline, the selected route, in the colours of day or night.
 *
 * It remembers what it was given: a style may come late, and comes anew when the graphics driver has lost the map.
 */

import type { GeoJSONSource, Map as MapLibreMap } from 'maplibre-gl'
import type { Feature, FeatureCollection, LineString, Position } from 'geojson'
import { MAP_PALETTES } from '../theme/mapPalette'
import type { ColourMode } from '../theme/stateColours'
import { layers, SOURCE } from './baseStyle'
import { splitLine } from './route'

export class BaseMap {
  /** Points of the route's two parts that are on the map. */
  routePoints = { driven: 0, ahead: 0 }
  private readonly given = new Map<string, FeatureCollection>()
  private styled = false

  constructor(
    private readonly map: MapLibreMap,
    private mode: ColourMode,
  ) {
    map.on('style.load', () => {
      this.styled = true
      this.paint()
      for (const [source, data] of this.given) this.show(source, data)
    })
    map.on('webglcontextlost', () => {
      this.styled = false
    })
  }

  setMode(mode: ColourMode): void {
    if (mode === this.mode) return
    this.mode = mode
    if (this.styled) this.paint()
  }

  setStreets(streets: FeatureCollection<LineString>): void {
    this.give(SOURCE.streets, streets)
  }

  setWorld(countries: FeatureCollection, names: FeatureCollection): void {
    this.give(SOURCE.countries, countries)
    this.give(SOURCE.countryNames, names)
  }

  /** Show a route with its driven part, or none. */
  setRoute(line: readonly Position[] | null, share: number): void {
    const route = line ?? []
    const { driven, ahead } = splitLine(route, share)
    this.routePoints = { driven: driven.length, ahead: ahead.length }
    this.give(SOURCE.driven, lines(driven))
    this.give(SOURCE.ahead, lines(ahead))
    const ends = route.length < 2 ? [] : [end('start', route[0]), end('goal', route[route.length - 1])]
    this.give(SOURCE.ends, { type: 'FeatureCollection', features: ends })
  }

  private paint(): void {
    for (const layer of layers(MAP_PALETTES[this.mode])) {
      for (const [name, value] of Object.entries(layer.paint ?? {})) this.map.setPaintProperty(layer.id, name as never, value as never)
    }
  }

  private give(source: string, data: FeatureCollection): void {
    this.given.set(source, data)
    if (this.styled) this.show(source, data)
  }

  private show(source: string, data: FeatureCollection): void {
    void this.map.getSource<GeoJSONSource>(source)?.setData(data)
  }
}

const lines = (line: Position[]): FeatureCollection => ({
  type: 'FeatureCollection',
  features: line.length < 2 ? [] : [{ type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates: line } }],
})

const end = (which: string, at: Position): Feature => ({ type: 'Feature', properties: { end: which }, geometry: { type: 'Point', coordinates: at } })
