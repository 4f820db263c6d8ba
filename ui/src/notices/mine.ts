/** The deliveries that were started from this page; and whose news its reader wants. */

import { create } from 'zustand'

const KEPT = 'code-delivery.notices'
const MOST_REMEMBERED = 10_000

const mine = new Set<string>()

export function rememberMine(deliveryIds: readonly string[]): void {
  for (const id of deliveryIds) mine.add(id)
  for (const id of mine) {
    if (mine.size <= MOST_REMEMBERED) break
    mine.delete(id)
  }
}

export const isMine = (deliveryId: string): boolean => mine.has(deliveryId)

export type Wanted = 'all' | 'mine'

function kept(): Wanted {
  try {
    return localStorage.getItem(KEPT) === 'mine' ? 'mine' : 'all'
  } catch {
    return 'all'
  }
}

export const useWantedNotices = create<{ wanted: Wanted; setWanted: (wanted: Wanted) => void }>((set) => ({
  wanted: kept(),
  setWanted: (wanted) => {
    try {
      localStorage.setItem(KEPT, wanted)
    } catch {
      // Not remembered, but in force.
    }
    set({ wanted })
  },
}))
