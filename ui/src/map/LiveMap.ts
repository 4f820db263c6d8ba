/**
 * The map: made once, imperatively, outside React. It shows what the session's store holds.
 *
 * Draws in MapLibre's own `render` while the camera moves, so that dots and streets move as one, and in an own animation frame otherwise.
 */

import type { CustomLayerInterface, CustomRenderMethodInput, Map as MapLibreMap } from 'maplibre-gl'
import type { FeatureCollection, LineString } from 'geojson'
import type { Format } from '../format/format'
import type { LiveSession } from '../live/LiveSession'
import { useSelection } from '../live/liveStatus'
import type { ColourMode } from '../theme/stateColours'
import { BaseMap } from './BaseMap'
import { Camera } from './Camera'
import { cellsOf } from './cells'
import { CLUSTER_ZOOM, clusterDensity, clusterVehicles, type Cluster } from './clusters'
import { ClusterOverlay } from './ClusterOverlay'
import { createMap, type MapView } from './createMap'
import { FrameCap } from './FrameCap'
import { Picker } from './Picker'
import { boundsOf } from './route'
import { vehicleWindow } from './vehicleWindow'
import { VehicleOverlay } from './VehicleOverlay'
import { toLngLat, toWorld, unitsPerPixel } from './worldUnits'

/** More vehicles than these in view, and the server sends numbers per square. */
const MOST_NEAR = 30_000
const MOST_FAR = 5_000

/** The page's own start is no measure of the machine. */
const WARM_UP_MS = 4_000

const SUBSCRIBE_WHILE_MOVING_MS = 400

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
  /** The graphics driver stopped drawing, or draws again. */
  onLost: (lost: boolean) => void
}

export class LiveMap {
  readonly map: MapLibreMap
  readonly base: BaseMap
  readonly camera: Camera
  readonly vehicles: VehicleOverlay
  /** When the first vehicle or cluster was drawn, in ms since the page was opened. */
  firstVehicleMs: number | null = null
  private readonly clusters = new ClusterOverlay()
  private readonly cap = new FrameCap()
  private readonly lost = new Set<'base' | 'vehicles'>()
  private matrix: ArrayLike<number> | null = null
  private gathered: Cluster[] = []
  private animation = 0
  private mask = ALL_STATES
  private mode: ColourMode
  private format: Format
  private subscribeTimer = 0
  private readonly forget: () => void

  constructor(private readonly options: LiveMapOptions) {
    const { session } = options
    this.mode = options.mode
    this.format = options.format
    this.vehicles = new VehicleOverlay(session.store, { keepPixels: options.keepPixels, onLost: (lost) => this.tellLost('vehicles', lost) })
    this.map = createMap(options.container, options.view, options.mode)
    this.base = new BaseMap(this.map, options.mode)
    this.camera = new Camera(this.map, session)
    new Picker(this.map, session, this.clusters, this.camera, () => this.shownMask, () => this.drawNow())
    this.map.getCanvasContainer().append(this.vehicles.canvas, this.clusters.canvas)
    this.setLabel(options.label)
    this.listen()
    this.forget = session.onFrame(() => {
      this.gather()
      this.fitWindow()
      this.camera.seekHome()
    })
    this.resize()
    this.animation = requestAnimationFrame((nowMs) => this.tick(nowMs))
  }

  destroy(): void {
    cancelAnimationFrame(this.animation)
    clearTimeout(this.subscribeTimer)
    this.forget()
    this.camera.destroy()
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
    this.mode = mode
    this.base.setMode(mode)
    this.drawNow()
  }

  /** Show only the states whose bits are set. */
  setMask(mask: number): void {
    this.mask = mask
    this.gather()
    this.drawNow()
  }

  setStreets(streets: FeatureCollection<LineString>): void {
    this.base.setStreets(streets)
    this.camera.suggestHome(boundsOf(streets.features.map((street) => street.geometry.coordinates)))
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
    const { map, options } = this
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
    map.on('webglcontextlost', () => this.tellLost('base', true))
    map.on('webglcontextrestored', () => this.tellLost('base', false))
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
  }

  private tick(nowMs: number): void {
    this.animation = requestAnimationFrame((next) => this.tick(next))
    const { following } = useSelection.getState()
    // While the camera moves, the base map's speed is not ours to judge.
    const busy = this.map.isMoving() || following || !this.map.loaded() || nowMs < WARM_UP_MS
    if (!this.cap.tick(nowMs, busy) || this.map.isMoving()) return
    if (!following || !this.camera.follow()) this.drawNow()
  }

  private drawNow(): void {
    const { session } = this.options
    const drawMs = session.clock.advance(performance.now())
    if (!this.matrix) return
    const clustered = this.gathered.length > 0
    this.vehicles.draw(
      { matrix: this.matrix, centre: toWorld(this.map.getCenter()), zoom: this.map.getZoom() },
      { mode: this.mode, mask: this.shownMask, selectedId: useSelection.getState().vehicleId, plain: this.cap.plain },
      drawMs,
    )
    if (clustered) this.clusters.draw(this.gathered, (x, y) => this.map.project(toLngLat(x, y)), this.mode, this.format)
    else this.clusters.clear()
    if (this.firstVehicleMs === null && (clustered || session.store.count > 0)) this.firstVehicleMs = performance.now()
  }

  /** States that are drawn as single vehicles: none while they are gathered into clusters. */
  private get shownMask(): number {
    return this.gathered.length > 0 ? 0 : this.mask
  }

  /** Gather vehicles into clusters where single ones could not be distinguished. */
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

  private subscribeSoon(): void {
    if (this.subscribeTimer) return
    this.subscribeTimer = window.setTimeout(() => this.subscribe(), SUBSCRIBE_WHILE_MOVING_MS)
  }

  private subscribe(): void {
    clearTimeout(this.subscribeTimer)
    this.subscribeTimer = 0
    const bounds = this.map.getBounds()
    const view = { west: bounds.getWest(), south: bounds.getSouth(), east: bounds.getEast(), north: bounds.getNorth() }
    this.options.session.subscribe(cellsOf(view), this.map.getZoom() < CLUSTER_ZOOM ? MOST_FAR : MOST_NEAR)
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.options.container
    const ratio = Math.min(2, window.devicePixelRatio || 1)
    this.vehicles.resize(clientWidth, clientHeight, ratio)
    this.clusters.resize(clientWidth, clientHeight, ratio)
    this.drawNow()
  }

  /** Two canvases draw with the graphics driver; the map is whole when both do. */
  private tellLost(what: 'base' | 'vehicles', lost: boolean): void {
    if (lost) this.lost.add(what)
    else this.lost.delete(what)
    this.options.onLost(this.lost.size > 0)
  }
}
