/** The API key: asked for when the server answers 401, kept for this tab only. */

import { create } from 'zustand'

const KEPT = 'code-delivery.key'

interface ApiKeyState {
  key: string | null
  asking: boolean
  /** A key was given and refused. */
  refused: boolean
  ask: () => void
  give: (key: string) => void
}

export const useApiKey = create<ApiKeyState>((set, get) => ({
  key: window.sessionStorage.getItem(KEPT),
  asking: false,
  refused: false,
  ask: () => {
    if (!get().asking) set({ asking: true, refused: get().key !== null })
  },
  give: (key) => {
    window.sessionStorage.setItem(KEPT, key)
    set({ key, asking: false })
  },
}))
