/** One colour per delivery state, after Okabe and Ito, so that any colour vision distinguishes them; each also has its own word and place in the legend. */

export const STATES = ['moving', 'stopped', 'paused', 'delivered', 'cancelled'] as const
/** States that only the list knows: such deliveries are not on the map. */
export const LIST_STATES = [...STATES, 'suspended', 'rejected'] as const

export type DeliveryState = (typeof LIST_STATES)[number]
export type ColourMode = 'light' | 'dark'

const COLOURS: Record<ColourMode, Record<DeliveryState, string>> = {
  light: { moving: '#0067b1', stopped: '#d98200', paused: '#9c3f8b', delivered: '#00855f', cancelled: '#c2410c', suspended: '#6b7280', rejected: '#991b1b' },
  dark: { moving: '#5cb8f5', stopped: '#f5b83d', paused: '#df8fcf', delivered: '#34d1a0', cancelled: '#ff8552', suspended: '#9aa4b2', rejected: '#ff7b7b' },
}

export function stateColour(state: string, mode: ColourMode): string {
  return COLOURS[mode][state as DeliveryState] ?? COLOURS[mode].suspended
}

/** Red, green and blue from 0 to 1. */
export function rgb(hex: string): [number, number, number] {
  const value = Number.parseInt(hex.slice(1), 16)
  return [((value >> 16) & 255) / 255, ((value >> 8) & 255) / 255, (value & 255) / 255]
}
