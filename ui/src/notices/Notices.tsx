/** Shows the notice of the hour, and turns the live events into news. */

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import IconButton from '@mui/material/IconButton'
import Snackbar from '@mui/material/Snackbar'
import { useEffect, type JSX } from 'react'
import { useLiveMap, useSession } from '../common/context'
import { CloseIcon } from '../common/icons'
import { useText, type Text } from '../i18n/language'
import type { Format } from '../format/format'
import type { LiveEvent } from '../api/schema'
import { isMine, useWantedNotices } from './mine'
import { dismissNotice, notify, useNotices, type Notice, type NoticeKind } from './noticeQueue'

const KINDS: Record<string, NoticeKind> = { delivered: 'delivered', started: 'started', rejected: 'rejected', cancelled: 'cancelled' }

/** News in an event, if it is any to this reader: all arrivals and refusals, and what happens to deliveries started here. */
export function newsOf(event: LiveEvent, mine: boolean, wanted: 'all' | 'mine'): Parameters<typeof notify>[0] | null {
  const kind = KINDS[event.kind]
  if (!kind) return null
  if (!mine && (wanted === 'mine' || (kind !== 'delivered' && kind !== 'rejected'))) return null
  return { kind, title: event.routeTitle || event.routeId, deliveryId: event.deliveryId, reason: event.reason ?? undefined, mine }
}

export function noticeText(notice: Notice, text: Text, format: Format): string {
  const values = { title: notice.title ?? '', reason: notice.reason ?? '', count: format.count(notice.count) }
  switch (notice.kind) {
    case 'failed':
    case 'live':
      return text(`notice.${notice.kind}`, values)
    default:
      return text(notice.count > 1 ? `notice.${notice.kind}Many` : `notice.${notice.kind}`, values)
  }
}

export function Notices({ phone }: { phone: boolean }): JSX.Element | null {
  const { text, format } = useText()
  const session = useSession()
  const map = useLiveMap()
  const current = useNotices((state) => state.current)

  useEffect(
    () =>
      session.onEvent((event) => {
        const news = newsOf(event, isMine(event.deliveryId), useWantedNotices.getState().wanted)
        if (news) notify(news)
      }),
    [session],
  )

  if (!current) return null
  const show = (): void => {
    if (!current.deliveryId) return
    session.selectDelivery(current.deliveryId)
    if (current.place) map?.camera.flyTo(current.place, 14.5)
    else map?.camera.flyToSelected()
    dismissNotice()
  }
  const showable = current.deliveryId && (current.kind === 'requested' || current.kind === 'started' || current.kind === 'delivered')
  const severity = { delivered: 'success', started: 'info', requested: 'info', rejected: 'warning', cancelled: 'info', failed: 'error', live: 'warning' } as const
  return (
    <Snackbar open key={current.key} anchorOrigin={{ vertical: 'bottom', horizontal: 'center' }} sx={{ bottom: phone ? 16 : 28 }}>
      <Alert
        severity={severity[current.kind]}
        role="status"
        data-testid={`notice-${current.kind}`}
        elevation={6}
        action={
          <>
            {showable && (
              <Button color="inherit" size="small" onClick={show}>
                {text('notice.show')}
              </Button>
            )}
            <IconButton size="small" color="inherit" aria-label={text('notice.dismiss')} onClick={dismissNotice}>
              <CloseIcon fontSize="small" />
            </IconButton>
          </>
        }
        sx={{ alignItems: 'center', overflowWrap: 'anywhere', bgcolor: 'background.paper', color: 'text.primary', border: 1, borderColor: 'divider' }}
      >
        {noticeText(current, text, format)}
      </Alert>
    </Snackbar>
  )
}
