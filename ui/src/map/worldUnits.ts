/** Web-mercator in world units: 2^32 span the world, 0.93 cm at the equator; int32, so differences wrap around the antimeridian. */

const WORLD = 2 ** 32
const LATITUDE_LIMIT = 85.051129

export interface LngLat {
  lng: number
  lat: number
}

/** Longitude and latitude in degrees to world units, as int32. */
export function toWorld({ lng, lat }: LngLat): [number, number] {
  const bounded = Math.min(LATITUDE_LIMIT, Math.max(-LATITUDE_LIMIT, lat))
  const sine = Math.sin((bounded * Math.PI) / 180)
  const x = (lng / 360 + 0.5) * WORLD
  const y = (0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)) * WORLD
  return [x | 0, y | 0]
}

/** World units to the share of the world from its north-west corner, each in [0, 1). */
export function toMercator(x: number, y: number): [number, number] {
  return [(x >>> 0) / WORLD, (y >>> 0) / WORLD]
}

export function toLngLat(x: number, y: number): LngLat {
  const [mx, my] = toMercator(x, y)
  return { lng: mx * 360 - 180, lat: (Math.atan(Math.sinh(Math.PI * (1 - 2 * my))) * 180) / Math.PI }
}

/** World units per CSS pixel at a map zoom; MapLibre's world is 512 px at zoom 0. */
export function unitsPerPixel(zoom: number): number {
  return WORLD / (512 * 2 ** zoom)
}
