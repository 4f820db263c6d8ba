/**
 * The map: made once, imperatively, outside React. It shows what the session's store holds and tells what is clicked.
 *
 * Draws in MapLibre's own `render` while the camera moves, so that dots and streets move as one, and in an own animation frame otherwise.
 */

import type { CustomLayerInterface, CustomRenderMethodInput, GeoJSONSource, Map as MapLibreMap } from 'maplibre-gl'
import type { FeatureCollection, LineString, Position } from 'geojson'
import type { Format } from '../format/format'
import type { LiveSession } from '../live/LiveSession'
import { useSelection } from '../live/liveStatus'
import type { ColourMode } from '../theme/stateColours'
import { MAP_PALETTES } from '../theme/mapPalette'
import { layers, SOURCE } from './baseStyle'
import { CLUSTER_ZOOM, clusterDensity, clusterVehicles, type Cluster } from './clusters'
import { ClusterOverlay } from './ClusterOverlay'
import { cellsOf } from './cells'
import { createMap, type MapView } from './createMap'
import { FrameCap } from './FrameCap'
import { boundsOf, splitLine, type Bounds } from './route'
import { cellUnits } from '../live/wire'
import { vehicleWindow } from './vehicleWindow'
import { VehicleOverlay } from './VehicleOverlay'
import { toLngLat, toWorld, unitsPerPixel } from './worldUnits'

/** Frames of squares that a view may be fitted to, each finer than the one before. */
const MOST_HOME_TRIES = 6

const PICK_REACH_PX = 16
const TOUCH_REACH_PX = 24

/** More vehicles than these in view, and the server sends numbers per square. */
const MOST_NEAR = 30_000
const MOST_FAR = 5_000

/** The page's own start is no measure of the machine. */
const WARM_UP_MS = 4_000

export const ALL_STATES = 0xff

export interface LiveMapOptions {
  container: HTMLElement
  session: LiveSession
  view: MapView
  mode: ColourMode
  format: Format
  label: string
  keepPixels: boolean
  onMoved: (view: MapView) => void
  onBroken: (what: 'lost') => void
}

export class LiveMap {
  readonly map: MapLibreMap
  readonly vehicles: VehicleOverlay
  /** Frames that showed vehicles or clusters, and when the first did, in ms since the page was opened. */
  firstVehicleMs: number | null = null
  /** Points of the route's two parts that are on the map. */
  routePoints = { driven: 0, ahead: 0 }
  private readonly clusters = new ClusterOverlay()
  private readonly cap = new FrameCap()
  private readonly reducedMotion = window.matchMedia('(prefers-reduced-motion: reduce)').matches
  private matrix: ArrayLike<number> | null = null
  private gathered: Cluster[] = []
  private animation = 0
  private mask = ALL_STATES
  private mode: ColourMode
  private format: Format
  private route: Position[] = []
  private streetsBounds: Bounds | null = null
  private homeWanted = false
  private homeTries = 0
  private flyWanted = false
  private hoverMs = 0
  private subscribeTimer = 0
  private readonly cleanups: (() => void)[] = []

  constructor(private readonly options: LiveMapOptions) {
    this.mode = options.mode
    this.format = options.format
    this.vehicles = new VehicleOverlay(options.session.store, { keepPixels: options.keepPixels, onLost: () => options.onBroken('lost') })
    this.map = createMap(options.container, options.view, options.mode)
    const holder = this.map.getCanvasContainer()
    holder.append(this.vehicles.canvas, this.clusters.canvas)
    this.setLabel(options.label)
    this.listen()
    this.resize()
    this.animation = requestAnimationFrame((nowMs) => this.tick(nowMs))
  }

  destroy(): void {
    cancelAnimationFrame(this.animation)
    clearTimeout(this.subscribeTimer)
    for (const cleanup of this.cleanups) cleanup()
    this.vehicles.destroy()
    this.clusters.destroy()
    this.map.remove()
  }

  // What the page may ask of the map.

  setLabel(label: string): void {
    this.map.getCanvas().setAttribute('aria-label', label)
  }

  setLook(mode: ColourMode, format: Format): void {
    this.format = format
    if (mode !== this.mode) {
      this.mode = mode
      for (const layer of layers(MAP_PALETTES[mode])) {
        for (const [name, value] of Object.entries(layer.paint ?? {})) this.map.setPaintProperty(layer.id, name as never, value as never)
      }
    }
    this.drawNow()
  }

  /** Show only the states whose bits are set. */
  setMask(mask: number): void {
    this.mask = mask
    this.gather()
    this.drawNow()
  }

  setStreets(streets: FeatureCollection<LineString>): void {
    this.streetsBounds = boundsOf(streets.features.map((street) => street.geometry.coordinates))
    this.setData(SOURCE.streets, streets)
    if (this.homeWanted) this.goHome(false)
  }

  setWorld(countries: FeatureCollection, names: FeatureCollection): void {
    this.setData(SOURCE.countries, countries)
    this.setData(SOURCE.countryNames, names)
  }

  /** Show a route with its driven part, or none. */
  setRoute(line: readonly Position[] | null, share: number): void {
    this.route = line ? [...line] : []
    const { driven, ahead } = splitLine(this.route, share)
    this.routePoints = { driven: driven.length, ahead: ahead.length }
    this.setData(SOURCE.driven, lines(driven))
    this.setData(SOURCE.ahead, lines(ahead))
    const ends = this.route.length < 2 ? [] : [end('start', this.route[0]), end('goal', this.route[this.route.length - 1])]
    this.setData(SOURCE.ends, { type: 'FeatureCollection', features: ends })
  }

  /** Move the home of the map: where the fleet is, as well as it is known. Asked for before it is known, it is done later. */
  goHome(animate = true, bounds: Bounds | null = this.streetsBounds): void {
    const found = bounds ?? this.fleetBounds()
    // A view found by squares gets closer with the next frame, until it holds single vehicles or squares no wider than itself.
    const rough = !bounds && this.options.session.density !== null && this.homeTries < MOST_HOME_TRIES
    this.homeWanted = found === null || rough
    this.homeTries = rough ? this.homeTries + 1 : 0
    if (!found) return
    if (bounds) this.streetsBounds = bounds
    this.map.fitBounds(found, { padding: this.padding(), maxZoom: 15, animate: animate && !this.reducedMotion, duration: 900 })
  }

  flyTo(place: { lng: number; lat: number }, zoom?: number): void {
    this.homeWanted = false
    this.map.flyTo({ center: place, zoom: zoom ?? Math.max(this.map.getZoom(), 14), duration: 1_600, animate: !this.reducedMotion })
  }

  /** Fly to the selected vehicle as soon as the server says where it is. */
  flyToSelected(): void {
    this.flyWanted = true
  }

  showLine(line: readonly Position[]): void {
    const bounds = boundsOf([line])
    this.homeWanted = false
    if (bounds) this.map.fitBounds(bounds, { padding: this.padding(), maxZoom: 16, animate: !this.reducedMotion, duration: 1_200 })
  }

  zoomBy(levels: number): void {
    this.map.easeTo({ zoom: this.map.getZoom() + levels, duration: this.reducedMotion ? 0 : 250 })
  }

  /** CSS pixels, relative to the map, of a vehicle as it is drawn now. */
  screenPlace(vehicleId: number): { x: number; y: number } | null {
    const { store, clock } = this.options.session
    const slot = store.slotOf(vehicleId)
    if (slot < 0) return null
    const place = store.placeAt(slot, clock.drawnMs)
    const { x, y } = this.map.project(toLngLat(place.x, place.y))
    return { x, y }
  }

  get frameInterval(): { plain: boolean; leastMs: number } {
    return { plain: this.cap.plain, leastMs: this.cap.leastIntervalMs }
  }

  // What happens by itself.

  private listen(): void {
    const { map } = this
    const matrixTap: CustomLayerInterface = {
      id: 'matrix-tap',
      type: 'custom',
      render: (_gl: WebGLRenderingContext | WebGL2RenderingContext, args: CustomRenderMethodInput) => {
        this.matrix = Float64Array.from(args.defaultProjectionData.mainMatrix)
      },
    }
    map.on('style.load', () => {
      if (!map.getLayer(matrixTap.id)) map.addLayer(matrixTap)
      this.subscribe()
    })
    map.on('render', () => this.drawNow())
    map.on('resize', () => this.resize())
    map.on('movestart', () => this.vehicles.setWindow(null))
    map.on('move', () => this.subscribeSoon())
    map.on('moveend', () => {
      this.subscribe()
      this.gather()
      const centre = map.getCenter()
      options.onMoved({ lng: centre.lng, lat: centre.lat, zoom: map.getZoom() })
    })
    const { options } = this
    map.on('dragstart', () => useSelection.setState({ following: false }))
    map.on('click', (event) => this.pick(event.point.x, event.point.y, event.originalEvent))
    map.on('mousemove', (event) => this.hover(event.point.x, event.point.y))
    this.cleanups.push(
      useSelection.subscribe(({ track }) => {
        if (!this.flyWanted || !track?.position) return
        this.flyWanted = false
        this.flyTo(track.position)
      }),
      options.session.onFrame(() => {
        this.gather()
        this.fitWindow()
        if (this.homeWanted) this.goHome(false)
      }),
    )
  }

  private tick(nowMs: number): void {
    this.animation = requestAnimationFrame((next) => this.tick(next))
    const { following } = useSelection.getState()
    // While the camera moves, the base map's speed is not ours to judge.
    const busy = this.map.isMoving() || following || !this.map.loaded() || nowMs < WARM_UP_MS
    if (!this.cap.tick(nowMs, busy)) return
    if (following && !this.map.isMoving()) this.follow()
    else if (!this.map.isMoving()) this.drawNow()
  }

  private drawNow(): void {
    const { session } = this.options
    const drawMs = session.clock.advance(performance.now())
    if (!this.matrix) return
    const centre = this.map.getCenter()
    const zoom = this.map.getZoom()
    const clustered = this.gathered.length > 0
    this.vehicles.draw(
      { matrix: this.matrix, centre: toWorld(centre), zoom },
      { mode: this.mode, mask: clustered ? 0 : this.mask, selectedId: useSelection.getState().vehicleId, plain: this.cap.plain },
      drawMs,
    )
    if (clustered) this.clusters.draw(this.gathered, (x, y) => this.map.project(toLngLat(x, y)), this.mode, this.format)
    else this.clusters.clear()
    if (this.firstVehicleMs === null && (clustered || session.store.count > 0)) this.firstVehicleMs = performance.now()
  }

  /** Gather vehicles into clusters where single ones would not be told apart. */
  private gather(): void {
    const { store, density } = this.options.session
    const zoom = this.map.getZoom()
    if (density) this.gathered = clusterDensity(density, zoom)
    else this.gathered = zoom < CLUSTER_ZOOM ? clusterVehicles(store, zoom, this.mask) : []
  }

  /** On a slow machine the overlay covers only where vehicles are, and all of the map while the camera moves. */
  private fitWindow(): void {
    if (!this.cap.slow || this.map.isMoving() || useSelection.getState().following) return
    const { clientWidth, clientHeight } = this.options.container
    this.vehicles.setWindow(vehicleWindow(this.options.session.store, toWorld(this.map.getCenter()), unitsPerPixel(this.map.getZoom()), clientWidth, clientHeight))
    this.drawNow()
  }

  private follow(): void {
    const { store, clock } = this.options.session
    const { vehicleId } = useSelection.getState()
    const slot = vehicleId === null ? -1 : store.slotOf(vehicleId)
    if (slot < 0) {
      this.drawNow()
      return
    }
    const place = store.placeAt(slot, clock.advance(performance.now()))
    this.map.jumpTo({ center: toLngLat(place.x, place.y) })
  }

  private pick(x: number, y: number, event: MouseEvent | TouchEvent): void {
    const cluster = this.clusters.at(x, y)
    if (cluster) {
      this.map.easeTo({ center: toLngLat(cluster.x, cluster.y), zoom: Math.min(CLUSTER_ZOOM + 3, this.map.getZoom() + 2.5), duration: this.reducedMotion ? 0 : 600 })
      return
    }
    const coarse = 'pointerType' in event ? event.pointerType === 'touch' : window.matchMedia('(pointer: coarse)').matches
    const found = this.nearest(x, y, coarse ? TOUCH_REACH_PX : PICK_REACH_PX)
    if (found === null) this.options.session.deselect()
    else this.options.session.selectVehicle(found)
    this.drawNow()
  }

  private nearest(x: number, y: number, reachPx: number): number | null {
    if (this.gathered.length > 0) return null
    const { store, clock } = this.options.session
    const [wx, wy] = toWorld(this.map.unproject([x, y]))
    const slot = store.nearest(wx, wy, reachPx * unitsPerPixel(this.map.getZoom()), clock.drawnMs, this.mask)
    return slot < 0 ? null : store.data.id[slot]
  }

  private hover(x: number, y: number): void {
    const nowMs = performance.now()
    if (nowMs - this.hoverMs < 100 || this.map.isMoving()) return
    this.hoverMs = nowMs
    const over = this.clusters.at(x, y) !== null || this.nearest(x, y, PICK_REACH_PX) !== null
    this.map.getCanvas().style.cursor = over ? 'pointer' : ''
  }

  private subscribeSoon(): void {
    if (this.subscribeTimer) return
    this.subscribeTimer = window.setTimeout(() => this.subscribe(), 400)
  }

  private subscribe(): void {
    clearTimeout(this.subscribeTimer)
    this.subscribeTimer = 0
    const bounds = this.map.getBounds()
    const view = { west: bounds.getWest(), south: bounds.getSouth(), east: bounds.getEast(), north: bounds.getNorth() }
    this.options.session.subscribe(cellsOf(view), this.map.getZoom() < CLUSTER_ZOOM ? MOST_FAR : MOST_NEAR)
  }

  /** Where the fleet is, as far as the frames tell: whole squares until a frame tells places. */
  private fleetBounds(): Bounds | null {
    const { store, density } = this.options.session
    if (density) {
      const half = cellUnits(density.cellZoom) / 2
      const corners = Array.from(density.x, (x, i) => [position(x - half, density.y[i] - half), position(x + half, density.y[i] + half)])
      return boundsOf(corners)
    }
    const { x, y } = store.data
    return boundsOf([Array.from({ length: store.count }, (_, slot) => position(x[3 * slot + 2], y[3 * slot + 2]))])
  }

  private padding(): { top: number; bottom: number; left: number; right: number } {
    const { clientWidth: width, clientHeight: height } = this.options.container
    const wide = width > 720
    return { top: Math.min(96, height / 5), bottom: Math.min(48, height / 6), left: wide ? 400 : 24, right: wide ? 64 : 24 }
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.options.container
    const ratio = Math.min(2, window.devicePixelRatio || 1)
    this.vehicles.resize(clientWidth, clientHeight, ratio)
    this.clusters.resize(clientWidth, clientHeight, ratio)
    this.drawNow()
  }

  private setData(source: string, data: FeatureCollection): void {
    const set = (): void => {
      void this.map.getSource<GeoJSONSource>(source)?.setData(data)
    }
    if (this.map.getSource(source)) set()
    else void this.map.once('style.load', set)
  }
}

const lines = (line: Position[]): FeatureCollection => ({
  type: 'FeatureCollection',
  features: line.length < 2 ? [] : [{ type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates: line } }],
})

const end = (which: string, at: Position): FeatureCollection['features'][number] => ({ type: 'Feature', properties: { end: which }, geometry: { type: 'Point', coordinates: at } })

function position(x: number, y: number): Position {
  const { lng, lat } = toLngLat(x, y)
  return [lng, lat]
}
