/** Arithmetic of a list that draws only the rows in sight. */

export interface RowRange {
  /** First and one past the last row to draw. */
  from: number
  to: number
}

export function visibleRows(scrollTop: number, height: number, rowHeight: number, total: number, spare = 4): RowRange {
  const from = Math.max(0, Math.floor(scrollTop / rowHeight) - spare)
  const to = Math.min(total, Math.ceil((scrollTop + height) / rowHeight) + spare)
  return { from: Math.min(from, Math.max(0, total - 1)), to: Math.max(to, 0) }
}

/** Pages that hold some rows. The first page is always among them when there are none: it tells how many there are. */
export function pagesOf({ from, to }: RowRange, pageRows: number): number[] {
  const first = Math.floor(from / pageRows)
  const last = Math.max(first, Math.floor((Math.max(to, 1) - 1) / pageRows))
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

/** Row to go to with a key, or null if the key does not move. */
export function rowAfterKey(key: string, row: number, total: number, pageRows: number): number | null {
  if (total === 0) return null
  const to = { ArrowDown: row + 1, ArrowUp: row - 1, PageDown: row + pageRows, PageUp: row - pageRows, Home: 0, End: total - 1 }[key]
  return to === undefined ? null : Math.min(total - 1, Math.max(0, to))
}
