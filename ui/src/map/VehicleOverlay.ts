/**
 * Draws all vehicles on an own WebGL 2 canvas above the map.
 *
 * An own canvas, because a layer inside the map would repaint the whole base map with every frame, which only a GPU can bear. Places are int32 world units;
 * the shader subtracts an integer origin before anything becomes a float, so a dot is right to a tenth of a pixel at zoom 20.
 */

import type { VehicleStore } from '../live/VehicleStore'
import { rgb, STATES, stateColour, type ColourMode } from '../theme/stateColours'
import { MAP_PALETTES } from '../theme/mapPalette'
import { FRAGMENT, SHAPE, VERTEX } from './shaders'
import type { Window } from './vehicleWindow'
import { toMercator } from './worldUnits'

const STRIDE = 40
const WORLD = 2 ** 32

/** Zooms at which dots become discs, and discs arrows. */
export const DISC_ZOOM = 11
export const ARROW_ZOOM = 14

/** So few vehicles that each may take more room. */
const FEW = 1_000

export interface OverlayView {
  /** From mercator coordinates (0 to 1) to clip space, column-major. */
  matrix: ArrayLike<number>
  /** World units of the view's centre. */
  centre: [number, number]
  zoom: number
}

export interface OverlayLook {
  mode: ColourMode
  /** Bit of a state set: shown. */
  mask: number
  selectedId: number | null
  /** Draw many vehicles as plain squares: the machine is slow. */
  plain: boolean
}

export class WebGlMissing extends Error {
  override name = 'WebGlMissing'
}

/** CSS pixels of a vehicle at a zoom. */
export function vehicleSize(zoom: number, count: number): number {
  if (zoom >= ARROW_ZOOM) return Math.min(34, 22 + 4 * (zoom - ARROW_ZOOM))
  const few = count < FEW
  if (zoom >= DISC_ZOOM) return (few ? 9.5 : 7.5) + (zoom - DISC_ZOOM) * 1.6
  const small = zoom < 9 ? 3 : 3 + (zoom - 9) * 0.75
  return few ? small + 5 : small
}

/** Arrows near by, discs farther off, squares where a disc would be no rounder, or where there are many and drawing is slow. */
function shapeAt(zoom: number, count: number, plain: boolean): number {
  if (zoom >= ARROW_ZOOM) return SHAPE.arrows
  if (plain && count >= FEW) return SHAPE.squares
  return zoom >= DISC_ZOOM || (zoom >= DISC_ZOOM - 1 && count < FEW) ? SHAPE.discs : SHAPE.squares
}

export class VehicleOverlay {
  readonly canvas = document.createElement('canvas')
  framesDrawn = 0
  private readonly gl: WebGL2RenderingContext
  private program!: WebGLProgram
  private buffer!: WebGLBuffer
  private vertices!: WebGLVertexArrayObject
  private readonly uniforms = new Map<string, WebGLUniformLocation | null>()
  private bytes = new ArrayBuffer(0)
  private map = { width: 1, height: 1, ratio: 1 }
  private window: Window = { left: 0, top: 0, width: 0, height: 0 }
  private packedVersion = -1
  private epochMs = 0

  constructor(
    private readonly store: VehicleStore,
    options: { keepPixels?: boolean; onLost?: (lost: boolean) => void } = {},
  ) {
    const gl = this.canvas.getContext('webgl2', { antialias: false, depth: false, stencil: false, alpha: true, preserveDrawingBuffer: options.keepPixels ?? false })
    if (!gl) throw new WebGlMissing('no WebGL 2 context')
    this.gl = gl
    this.canvas.className = 'vehicle-overlay'
    this.canvas.setAttribute('aria-hidden', 'true')
    Object.assign(this.canvas.style, { position: 'absolute', left: '0', top: '0', pointerEvents: 'none' })
    this.canvas.addEventListener('webglcontextlost', (event) => {
      event.preventDefault()
      options.onLost?.(true)
    })
    this.canvas.addEventListener('webglcontextrestored', () => {
      this.build()
      options.onLost?.(false)
    })
    this.build()
  }

  resize(width: number, height: number, ratio: number): void {
    this.map = { width, height, ratio }
    this.setWindow(null)
  }

  /** Cover only a part of the map, or all of it: without a GPU every covered pixel costs, drawn on or not. The next draw fills it. */
  setWindow(wanted: Window | null): void {
    const { left, top, width, height } = wanted ?? { left: 0, top: 0, width: this.map.width, height: this.map.height }
    const now = this.window
    if (now.left === left && now.top === top && now.width === width && now.height === height && this.canvas.width === Math.max(1, Math.round(width * this.map.ratio))) return
    this.window = { left, top, width, height }
    this.canvas.width = Math.max(1, Math.round(width * this.map.ratio))
    this.canvas.height = Math.max(1, Math.round(height * this.map.ratio))
    Object.assign(this.canvas.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` })
  }

  /** Draw the vehicles as they are at a virtual time. */
  draw(view: OverlayView, look: OverlayLook, drawMs: number): void {
    const { gl } = this
    if (gl.isContextLost()) return
    const { left, top, height } = this.window
    const { ratio } = this.map
    // The viewport is always the whole map; what lies outside the canvas is not drawn. GL counts from the bottom.
    gl.viewport(-left * ratio, -(this.map.height - top - height) * ratio, this.map.width * ratio, this.map.height * ratio)
    gl.clear(gl.COLOR_BUFFER_BIT)
    if (this.store.count > 0 && Number.isFinite(drawMs)) {
      if (this.packedVersion !== this.store.version) this.pack(drawMs)
      this.drawVehicles(view, look, drawMs)
    }
    this.framesDrawn += 1
  }

  destroy(): void {
    this.gl.getExtension('WEBGL_lose_context')?.loseContext()
    this.canvas.remove()
  }

  private drawVehicles(view: OverlayView, look: OverlayLook, drawMs: number): void {
    const { gl } = this
    const { ratio } = this.map
    const palette = MAP_PALETTES[look.mode]
    const size = vehicleSize(view.zoom, this.store.count)
    const shape = shapeAt(view.zoom, this.store.count, look.plain)
    gl.useProgram(this.program)
    gl.bindVertexArray(this.vertices)
    gl.uniformMatrix4fv(this.at('u_matrix'), false, aroundOrigin(view.matrix, view.centre))
    gl.uniform2i(this.at('u_origin'), view.centre[0], view.centre[1])
    gl.uniform1f(this.at('u_time'), drawMs - this.epochMs)
    gl.uniform1i(this.at('u_mask'), look.mask)
    gl.uniform3fv(this.at('u_colours'), STATES.concat().flatMap((state) => rgb(stateColour(state, look.mode))))
    gl.uniform3fv(this.at('u_halo'), rgb(palette.halo))
    gl.uniform3fv(this.at('u_selection'), rgb(palette.selection))

    const selected = look.selectedId === null ? -1 : this.store.slotOf(look.selectedId)
    gl.uniform1i(this.at('u_shape'), shape)
    gl.uniform1f(this.at('u_size'), size * ratio)
    gl.drawArrays(gl.POINTS, 0, this.store.count)
    if (selected < 0) return
    gl.uniform1i(this.at('u_shape'), SHAPE.ring)
    gl.uniform1f(this.at('u_size'), Math.max(28, size * 1.6) * ratio)
    gl.drawArrays(gl.POINTS, selected, 1)
    gl.uniform1i(this.at('u_shape'), Math.max(shape, SHAPE.discs))
    gl.uniform1f(this.at('u_size'), Math.max(10, size) * ratio)
    gl.drawArrays(gl.POINTS, selected, 1)
  }

  private at(name: string): WebGLUniformLocation | null {
    if (!this.uniforms.has(name)) this.uniforms.set(name, this.gl.getUniformLocation(this.program, name))
    return this.uniforms.get(name) ?? null
  }

  private build(): void {
    const { gl } = this
    this.uniforms.clear()
    this.packedVersion = -1
    this.program = link(gl, VERTEX, FRAGMENT)
    this.buffer = gl.createBuffer()
    this.vertices = gl.createVertexArray()
    gl.bindVertexArray(this.vertices)
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer)
    for (let place = 0; place < 3; place += 1) {
      gl.enableVertexAttribArray(place)
      gl.vertexAttribIPointer(place, 2, gl.INT, STRIDE, 8 * place)
    }
    gl.enableVertexAttribArray(3)
    gl.vertexAttribPointer(3, 3, gl.FLOAT, false, STRIDE, 24)
    gl.enableVertexAttribArray(4)
    gl.vertexAttribIPointer(4, 4, gl.UNSIGNED_BYTE, STRIDE, 36)
    gl.enable(gl.BLEND)
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA)
    gl.clearColor(0, 0, 0, 0)
  }

  /** Copy the store into the vertex buffer; times count from an epoch of this pack, so that float32 holds them exactly enough. */
  private pack(drawMs: number): void {
    const { gl, store } = this
    const { x, y, t, heading, state } = store.data
    if (this.bytes.byteLength < store.count * STRIDE) this.bytes = new ArrayBuffer(Math.ceil(store.count * 1.5) * STRIDE)
    const ints = new Int32Array(this.bytes)
    const floats = new Float32Array(this.bytes)
    const octets = new Uint8Array(this.bytes)
    this.epochMs = drawMs
    for (let slot = 0; slot < store.count; slot += 1) {
      const word = slot * 10
      const from = slot * 3
      for (let place = 0; place < 3; place += 1) {
        ints[word + 2 * place] = x[from + place]
        ints[word + 2 * place + 1] = y[from + place]
        floats[word + 6 + place] = t[from + place] - drawMs
        octets[4 * (word + 9) + place] = heading[from + place]
      }
      octets[4 * (word + 9) + 3] = state[slot]
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer)
    gl.bufferData(gl.ARRAY_BUFFER, octets.subarray(0, store.count * STRIDE), gl.DYNAMIC_DRAW)
    this.packedVersion = store.version
  }
}

/** The map's matrix with the origin folded in, computed in float64: it takes world units counted from the origin. */
export function aroundOrigin(matrix: ArrayLike<number>, origin: [number, number]): Float32Array {
  const [ox, oy] = toMercator(origin[0], origin[1])
  const out = new Float32Array(16)
  for (let row = 0; row < 4; row += 1) {
    out[row] = matrix[row] / WORLD
    out[4 + row] = matrix[4 + row] / WORLD
    out[8 + row] = matrix[8 + row]
    out[12 + row] = matrix[row] * ox + matrix[4 + row] * oy + matrix[12 + row]
  }
  return out
}

function link(gl: WebGL2RenderingContext, vertex: string, fragment: string): WebGLProgram {
  const program = gl.createProgram()
  for (const [type, source] of [
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ] as const) {
    const shader = gl.createShader(type)
    if (!shader) throw new WebGlMissing('no shader')
    gl.shaderSource(shader, source)
    gl.compileShader(shader)
    gl.attachShader(program, shader)
  }
  gl.linkProgram(program)
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) throw new WebGlMissing(gl.getProgramInfoLog(program) ?? 'shaders do not link')
  return program
}
