/** All deliveries that fit the filter: only the rows in sight are drawn, only their pages asked for. */

import Box from '@mui/material/Box'
import Typography from '@mui/material/Typography'
import { useQueries } from '@tanstack/react-query'
import { useCallback, useEffect, useId, useLayoutEffect, useRef, useState, type JSX, type KeyboardEvent } from 'react'
import { describeError } from '../common/describeError'
import { deliveryPageOptions, PAGE_ROWS, type DeliveryFilter } from '../api/queries'
import type { Delivery } from '../api/schema'
import { useText } from '../i18n/language'
import { useSelection } from '../live/liveStatus'
import { DeliveryRow, ROW_HEIGHT } from './DeliveryRow'
import { pagesOf, rowAfterKey, visibleRows } from './visibleRows'

interface ListProps {
  filter: DeliveryFilter
  onSelect: (delivery: Delivery) => void
  onTotal: (total: number | null) => void
}

export function DeliveryList({ filter, onSelect, onTotal }: ListProps): JSX.Element {
  const { text } = useText()
  const selectedId = useSelection((state) => state.deliveryId)
  const box = useRef<HTMLDivElement>(null)
  const prefix = useId()
  const [scrolled, setScrolled] = useState({ top: 0, height: 600 })
  const [active, setActive] = useState(-1)
  const [known, setKnown] = useState(0)

  const range = visibleRows(scrolled.top, scrolled.height, ROW_HEIGHT, known)
  const pages = pagesOf(range, PAGE_ROWS)
  const results = useQueries({ queries: pages.map((page) => deliveryPageOptions(filter, page)) })
  const total = results.find((result) => result.data)?.data?.total ?? null
  const error = results.find((result) => result.error)?.error

  if (total !== null && total !== known) setKnown(total)

  useEffect(() => onTotal(total), [total, onTotal])

  useLayoutEffect(() => {
    const element = box.current
    if (!element) return
    const observer = new ResizeObserver(() => setScrolled({ top: element.scrollTop, height: element.clientHeight }))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  // Another filter is another list: start at its top.
  const filterKey = `${filter.text} ${filter.states.join()}`
  useEffect(() => {
    setActive(-1)
    if (box.current) box.current.scrollTop = 0
  }, [filterKey])

  const deliveryAt = (row: number): Delivery | null => results[pages.indexOf(Math.floor(row / PAGE_ROWS))]?.data?.items[row % PAGE_ROWS] ?? null
  const select = useCallback((delivery: Delivery) => onSelect(delivery), [onSelect])

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' || event.key === ' ') {
      const delivery = active >= 0 ? deliveryAt(active) : null
      if (delivery) select(delivery)
      event.preventDefault()
      return
    }
    const next = rowAfterKey(event.key, active, known, Math.max(1, Math.floor(scrolled.height / ROW_HEIGHT) - 1))
    if (next === null) return
    event.preventDefault()
    setActive(next)
    const element = box.current
    if (!element) return
    if (next * ROW_HEIGHT < element.scrollTop) element.scrollTop = next * ROW_HEIGHT
    else if ((next + 1) * ROW_HEIGHT > element.scrollTop + element.clientHeight) element.scrollTop = (next + 1) * ROW_HEIGHT - element.clientHeight
  }

  const rows = Array.from({ length: Math.max(0, range.to - range.from) }, (_, i) => range.from + i)
  return (
    <Box
      ref={box}
      id="deliveries"
      role="listbox"
      tabIndex={0}
      aria-label={text('list.title')}
      aria-activedescendant={active >= 0 ? `${prefix}${active}` : undefined}
      aria-busy={total === null}
      onKeyDown={onKeyDown}
      onScroll={(event) => setScrolled({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })}
      sx={{ flex: 1, minHeight: 0, overflowY: 'auto', position: 'relative', outlineOffset: -2 }}
    >
      <Box role="presentation" sx={{ height: known * ROW_HEIGHT, position: 'relative' }}>
        {rows.map((row) => {
          const delivery = deliveryAt(row)
          return (
            <DeliveryRow key={row} id={`${prefix}${row}`} delivery={delivery} index={row} total={known} active={row === active} selected={delivery !== null && delivery.deliveryId === selectedId} onSelect={select} />
          )
        })}
      </Box>
      {error && total === null && <Note>{text('list.failed', { reason: describeError(error, text) })}</Note>}
      {!error && total === 0 && <Note>{text(filter.text || filter.states.length > 0 ? 'list.emptyFiltered' : 'list.empty')}</Note>}
      {!error && total === null && known === 0 && <Note>{text('list.loading')}</Note>}
    </Box>
  )
}

function Note({ children }: { children: string }): JSX.Element {
  return (
    <Typography variant="body2" color="text.secondary" role="status" sx={{ p: 3, textAlign: 'center', overflowWrap: 'anywhere' }}>
      {children}
    </Typography>
  )
}
