/**
 * The binary side of `sim.v1`: bytes in, plain arrays out. Knows nothing of sockets, maps or time.
 *
 * World units: 2^32 span the web-mercator world from 180 W and from the north; kept as wrapping int32, so that differences are right across the antimeridian.
 */

export const MAGIC = 0x56
export const VERSION = 1
export const HEADER_BYTES = 32
export const CELL_ZOOM = 12 as const

const POSITIONS = 1
const DENSITY = 2
const CELL_HEADER_BYTES = 8

/** A frame that does not follow the protocol; the message names offset, found and expected. */
export class WireError extends Error {
  override name = 'WireError'
}

export interface FrameHeader {
  seq: number
  cellZoom: number
  /** Virtual epoch ms at which the server made the frame. */
  simTimeMs: number
  /** Wall ms between two frames. */
  periodMs: number
  /** Vehicles in the whole world, in view or not. */
  total: number
  /** Virtual ms per wall ms; 0 while the run is paused. */
  simSpeed: number
  /** 1 if every vehicle is here, k if one of k is. */
  oneOf: number
}

/** The full content of the subscribed cells; the arrays share their length. */
export interface PositionsFrame extends FrameHeader {
  kind: 'positions'
  id: Uint32Array
  /** World units, see the module's text. */
  x: Int32Array
  y: Int32Array
  /** Virtual ms from the position's own time to `simTimeMs`. */
  ageMs: Uint16Array
  /** 256 are a full turn, clockwise from north. */
  heading: Uint8Array
  /** Index into the hello's states. */
  state: Uint8Array
  /** Index into the hello's vehicle classes. */
  vehicle: Uint8Array
}

export interface DensityFrame extends FrameHeader {
  kind: 'density'
  /** World units of the cells' centres. */
  x: Int32Array
  y: Int32Array
  count: Uint32Array
}

export type Frame = PositionsFrame | DensityFrame

const padded = (bytes: number): number => (bytes + 3) & ~3

/** World units per cell at a cell zoom. */
export const cellUnits = (zoom: number): number => 2 ** (32 - zoom)

/** Return the frame in some bytes. Throws WireError. */
export function decodeFrame(buffer: ArrayBuffer): Frame {
  if (buffer.byteLength < HEADER_BYTES) throw new WireError(`frame of ${buffer.byteLength} bytes is shorter than its header of ${HEADER_BYTES}`)
  const view = new DataView(buffer)
  if (view.getUint8(0) !== MAGIC) throw new WireError(`byte 0 must be ${MAGIC}, found ${view.getUint8(0)}`)
  if (view.getUint8(1) !== VERSION) throw new WireError(`version must be ${VERSION}, found ${view.getUint8(1)}`)
  const type = view.getUint8(2)
  const header: FrameHeader = {
    cellZoom: view.getUint8(3),
    seq: view.getUint32(4, true),
    simTimeMs: view.getFloat64(8, true),
    periodMs: view.getUint16(16, true),
    total: view.getUint32(20, true),
    simSpeed: view.getFloat32(24, true),
    oneOf: Math.max(1, view.getUint32(28, true)),
  }
  const nCells = view.getUint16(18, true)
  if (header.cellZoom > 16) throw new WireError(`cell zoom must be from 0 to 16, found ${header.cellZoom}`)
  if (type === POSITIONS) return decodePositions(buffer, view, header, nCells)
  if (type === DENSITY) return decodeDensity(view, header, nCells)
  throw new WireError(`frame type must be ${POSITIONS} or ${DENSITY}, found ${type}`)
}

function decodePositions(buffer: ArrayBuffer, view: DataView, header: FrameHeader, nCells: number): PositionsFrame {
  // 1. Walk the cells' headers to know how many vehicles there are.
  const starts: number[] = []
  let total = 0
  let offset = HEADER_BYTES
  for (let cell = 0; cell < nCells; cell += 1) {
    requireBytes(view, offset, CELL_HEADER_BYTES)
    const n = view.getUint32(offset + 4, true)
    starts.push(offset)
    total += n
    offset += CELL_HEADER_BYTES + 4 * n + 3 * padded(2 * n) + 2 * padded(n)
    if (offset > view.byteLength) throw new WireError(`cell ${cell} of ${n} vehicles ends at byte ${offset}, the frame at ${view.byteLength}`)
  }
  // 2. Copy the columns of all cells behind one another.
  const frame: PositionsFrame = {
    ...header,
    kind: 'positions',
    id: new Uint32Array(total),
    x: new Int32Array(total),
    y: new Int32Array(total),
    ageMs: new Uint16Array(total),
    heading: new Uint8Array(total),
    state: new Uint8Array(total),
    vehicle: new Uint8Array(total),
  }
  const width = cellUnits(header.cellZoom)
  const quantum = width / 65536
  let at = 0
  for (const start of starts) {
    const left = view.getUint16(start, true) * width
    const top = view.getUint16(start + 2, true) * width
    const n = view.getUint32(start + 4, true)
    let column = start + CELL_HEADER_BYTES
    frame.id.set(new Uint32Array(buffer, column, n), at)
    column += 4 * n
    const x = new Uint16Array(buffer, column, n)
    column += padded(2 * n)
    const y = new Uint16Array(buffer, column, n)
    column += padded(2 * n)
    frame.ageMs.set(new Uint16Array(buffer, column, n), at)
    column += padded(2 * n)
    frame.heading.set(new Uint8Array(buffer, column, n), at)
    column += padded(n)
    const state = new Uint8Array(buffer, column, n)
    for (let i = 0; i < n; i += 1) {
      frame.x[at + i] = left + x[i] * quantum
      frame.y[at + i] = top + y[i] * quantum
      frame.state[at + i] = state[i] & 15
      frame.vehicle[at + i] = state[i] >> 4
    }
    at += n
  }
  return frame
}

function decodeDensity(view: DataView, header: FrameHeader, nCells: number): DensityFrame {
  requireBytes(view, HEADER_BYTES, nCells * 8)
  const frame: DensityFrame = { ...header, kind: 'density', x: new Int32Array(nCells), y: new Int32Array(nCells), count: new Uint32Array(nCells) }
  const width = cellUnits(header.cellZoom)
  for (let cell = 0; cell < nCells; cell += 1) {
    const offset = HEADER_BYTES + 8 * cell
    frame.x[cell] = (view.getUint16(offset, true) + 0.5) * width
    frame.y[cell] = (view.getUint16(offset + 2, true) + 0.5) * width
    frame.count[cell] = view.getUint32(offset + 4, true)
  }
  return frame
}

function requireBytes(view: DataView, offset: number, bytes: number): void {
  if (offset + bytes > view.byteLength) throw new WireError(`expected ${bytes} bytes at ${offset}, the frame ends at ${view.byteLength}`)
}
