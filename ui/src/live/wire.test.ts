import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { decodeFrame, WireError, type DensityFrame, type PositionsFrame } from './wire'

interface Golden {
  header: Record<string, number>
  cells: { x: number; y: number; n?: number; count?: number; vehicles?: Record<'id' | 'x' | 'y' | 'age' | 'heading' | 'state', number[]> }[]
}

// Written by the server's own tests; vitest runs in ui/.
const folder = resolve(process.cwd(), '../tests/golden/frames')

function bytesOf(name: string): ArrayBuffer {
  const file = readFileSync(resolve(folder, `${name}.bin`))
  return file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength)
}

const goldenOf = (name: string): Golden => JSON.parse(readFileSync(resolve(folder, `${name}.json`), 'utf8')) as Golden

const HEADER_FIELDS = ['seq', 'simTimeMs', 'periodMs', 'total', 'simSpeed', 'cellZoom'] as const

test('the golden positions are read as they were written', () => {
  const frame = decodeFrame(bytesOf('positions')) as PositionsFrame
  const golden = goldenOf('positions')
  expect(frame.kind).toBe('positions')
  for (const field of HEADER_FIELDS) expect(frame[field]).toBe(golden.header[field])
  expect(frame.oneOf).toBe(Math.max(1, golden.header.flags))
  const all = (column: 'id' | 'age' | 'heading'): number[] => golden.cells.flatMap((cell) => cell.vehicles?.[column] ?? [])
  expect([...frame.id]).toEqual(all('id'))
  expect([...frame.ageMs]).toEqual(all('age'))
  expect([...frame.heading]).toEqual(all('heading'))
  expect([...frame.state]).toEqual(golden.cells.flatMap((cell) => cell.vehicles?.state.map((octet) => octet & 15) ?? []))
  expect([...frame.vehicle]).toEqual(golden.cells.flatMap((cell) => cell.vehicles?.state.map((octet) => octet >> 4) ?? []))
  // 12 bits of cell and 16 bits inside it are the upper 28 of the 32 bits of world units.
  expect([...frame.x].map((x) => x >>> 0)).toEqual(golden.cells.flatMap((cell) => cell.vehicles?.x.map((x) => (cell.x * 65536 + x) * 16) ?? []))
  expect([...frame.y].map((y) => y >>> 0)).toEqual(golden.cells.flatMap((cell) => cell.vehicles?.y.map((y) => (cell.y * 65536 + y) * 16) ?? []))
})

test('the golden density is read as it was written', () => {
  const frame = decodeFrame(bytesOf('density')) as DensityFrame
  const golden = goldenOf('density')
  expect(frame.kind).toBe('density')
  for (const field of HEADER_FIELDS) expect(frame[field]).toBe(golden.header[field])
  expect([...frame.count]).toEqual(golden.cells.map((cell) => cell.count))
  const width = 2 ** (32 - golden.header.cellZoom)
  expect([...frame.x].map((x) => x >>> 0)).toEqual(golden.cells.map((cell) => (cell.x + 0.5) * width))
  expect([...frame.y].map((y) => y >>> 0)).toEqual(golden.cells.map((cell) => (cell.y + 0.5) * width))
})

test.each([
  ['shorter than a header', (bytes: Uint8Array) => bytes.slice(0, 31), /shorter than its header/],
  ['of another magic', (bytes: Uint8Array) => bytes.with(0, 1), /byte 0 must be 86, found 1/],
  ['of another version', (bytes: Uint8Array) => bytes.with(1, 9), /version must be 1, found 9/],
  ['of another type', (bytes: Uint8Array) => bytes.with(2, 7), /found 7/],
  ['cut short', (bytes: Uint8Array) => bytes.slice(0, bytes.length - 4), /ends at/],
])('a frame %s is refused with the reason', (_, damage, reason) => {
  const damaged = damage(new Uint8Array(bytesOf('positions')))
  expect(() => decodeFrame(damaged.buffer)).toThrow(WireError)
  expect(() => decodeFrame(damaged.buffer)).toThrow(reason)
})
