/** What the list and the map show: a search text and states; kept in the address. */

import { create } from 'zustand'
import { STATES } from '../theme/stateColours'

export interface FilterState {
  text: string
  /** Empty: all. */
  states: string[]
  setText: (text: string) => void
  toggleState: (state: string) => void
  clearStates: () => void
}

export const useFilter = create<FilterState>((set) => ({
  text: '',
  states: [],
  setText: (text) => set({ text }),
  toggleState: (state) => set(({ states }) => ({ states: states.includes(state) ? states.filter((other) => other !== state) : [...states, state] })),
  clearStates: () => set({ states: [] }),
}))

/** Bits of the wire's states that a filter lets through; all if it names none. */
export function stateMask(states: readonly string[], wireStates: readonly string[] = STATES): number {
  if (states.length === 0) return 0xff
  return wireStates.reduce((mask, state, i) => (states.includes(state) ? mask | (1 << i) : mask), 0)
}
