/** The only place that makes a MapLibre map, so that everything else can be tested where there is no WebGL. */

import * as maplibregl from 'maplibre-gl'
import 'maplibre-gl/dist/maplibre-gl.css'
// MapLibre 6 starts its worker from a file; without this line a built page shows an empty map.
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url'
import type { ColourMode } from '../theme/stateColours'
import { emptyStyle } from './baseStyle'

maplibregl.setWorkerUrl(workerUrl)

export interface MapView {
  lng: number
  lat: number
  zoom: number
}

export function createMap(container: HTMLElement, view: MapView, mode: ColourMode): maplibregl.Map {
  const map = new maplibregl.Map({
    container,
    style: emptyStyle(mode),
    center: [view.lng, view.lat],
    zoom: view.zoom,
    minZoom: 1,
    maxZoom: 19,
    // Seen from above, north up: the page is a board to read, and picking stays a matter of distance.
    maxPitch: 0,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    attributionControl: false,
    fadeDuration: 0,
    pixelRatio: Math.min(2, window.devicePixelRatio || 1),
  })
  map.touchZoomRotate.disableRotation()
  map.keyboard.disableRotation()
  return map
}
