/** Where the map looks: its home, a place, the vehicle that is followed. */

import type { Map as MapLibreMap } from 'maplibre-gl'
import type { Position } from 'geojson'
import type { LiveSession } from '../live/LiveSession'
import { useSelection } from '../live/liveStatus'
import { cellUnits } from '../live/wire'
import { CLUSTER_ZOOM, type Cluster } from './clusters'
import { boundsOf, type Bounds } from './route'
import { toLngLat } from './worldUnits'

/** Frames of squares that a view may be fitted to, each finer than the one before. */
const MOST_HOME_TRIES = 6

export class Camera {
  private readonly reducedMotion = window.matchMedia('(prefers-reduced-motion: reduce)').matches
  private home: Bounds | null = null
  private homeWanted = false
  /** The view is the home as it was known then, and the reader has not moved it since. */
  private atHome = false
  private homeTries = 0
  private flyWanted = false
  private readonly forget: () => void

  constructor(
    private readonly map: MapLibreMap,
    private readonly session: LiveSession,
  ) {
    map.on('dragstart', () => useSelection.setState({ following: false }))
    map.on('movestart', ({ originalEvent }) => {
      if (originalEvent) this.left()
    })
    this.forget = useSelection.subscribe(({ track }) => {
      if (!this.flyWanted || !track?.position) return
      this.flyWanted = false
      this.flyTo(track.position)
    })
  }

  destroy(): void {
    this.forget()
  }

  /** Tell where the home of the map is; a view that waits for it, or was at home as it was known so far, goes there. */
  setHome(bounds: Bounds): void {
    this.home = bounds
    if (this.homeWanted || this.atHome) this.goHome(false)
  }

  /** Propose where the home is, until it is known. */
  suggestHome(bounds: Bounds | null): void {
    if (bounds && !this.home) this.setHome(bounds)
  }

  /** Move to the home of the map: where the fleet is, as well as it is known. Asked for before it is known, it is done later. */
  goHome(animate = true): void {
    const found = this.home ?? this.fleetBounds()
    // A view found by squares gets closer with the next frame, until it holds single vehicles or squares no wider than itself.
    const rough = !this.home && this.session.density !== null && this.homeTries < MOST_HOME_TRIES
    this.homeWanted = found === null || rough
    this.homeTries = rough ? this.homeTries + 1 : 0
    if (!found) return
    this.atHome = true
    this.map.fitBounds(found, { padding: this.padding(), maxZoom: 15, animate: animate && !this.reducedMotion, duration: 900 })
  }

  /** Go home if that was asked for before it was known. */
  seekHome(): void {
    if (this.homeWanted) this.goHome(false)
  }

  flyTo(place: { lng: number; lat: number }, zoom?: number): void {
    this.left()
    this.map.flyTo({ center: place, zoom: zoom ?? Math.max(this.map.getZoom(), 14), duration: 1_600, animate: !this.reducedMotion })
  }

  /** Fly to the selected vehicle as soon as the server says where it is. */
  flyToSelected(): void {
    this.flyWanted = true
  }

  zoomBy(levels: number): void {
    this.left()
    this.map.easeTo({ zoom: this.map.getZoom() + levels, duration: this.reducedMotion ? 0 : 250 })
  }

  /** Come closer to a cluster, until it falls apart into vehicles. */
  approach(cluster: Cluster): void {
    this.left()
    const zoom = Math.min(CLUSTER_ZOOM + 3, this.map.getZoom() + 2.5)
    this.map.easeTo({ center: toLngLat(cluster.x, cluster.y), zoom, duration: this.reducedMotion ? 0 : 600 })
  }

  /** Put the selected vehicle in the middle; false if it is not on the map. */
  follow(): boolean {
    const { store, clock } = this.session
    const { vehicleId } = useSelection.getState()
    const slot = vehicleId === null ? -1 : store.slotOf(vehicleId)
    if (slot < 0) return false
    this.left()
    const place = store.placeAt(slot, clock.advance(performance.now()))
    this.map.jumpTo({ center: toLngLat(place.x, place.y) })
    return true
  }

  /** The reader looks elsewhere: home is no longer where the map should be. */
  private left(): void {
    this.homeWanted = false
    this.atHome = false
  }

  /** Where the fleet is, as far as the frames tell: whole squares until a frame tells places. */
  private fleetBounds(): Bounds | null {
    const { store, density } = this.session
    if (density) {
      const half = cellUnits(density.cellZoom) / 2
      const corners = Array.from(density.x, (x, i) => [position(x - half, density.y[i] - half), position(x + half, density.y[i] + half)])
      return boundsOf(corners)
    }
    const { x, y } = store.data
    return boundsOf([Array.from({ length: store.count }, (_, slot) => position(x[3 * slot + 2], y[3 * slot + 2]))])
  }

  /** Room for what floats above the map. */
  private padding(): { top: number; bottom: number; left: number; right: number } {
    const { clientWidth: width, clientHeight: height } = this.map.getContainer()
    const wide = width > 720
    return { top: Math.min(44, height / 6), bottom: Math.min(84, height / 6), left: wide ? 400 : 24, right: wide ? 64 : 24 }
  }
}

function position(x: number, y: number): Position {
  const { lng, lat } = toLngLat(x, y)
  return [lng, lat]
}
