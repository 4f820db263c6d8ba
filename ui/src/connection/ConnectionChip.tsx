/** Is what one sees live, and how old is it? */

import Box from '@mui/material/Box'
import ButtonBase from '@mui/material/ButtonBase'
import Tooltip from '@mui/material/Tooltip'
import Typography from '@mui/material/Typography'
import type { JSX } from 'react'
import { useSession } from '../common/context'
import { useNow } from '../common/useNow'
import { useText, type Text } from '../i18n/language'
import type { Format } from '../format/format'
import type { Connection } from '../live/LiveSocket'
import { useLiveStatus } from '../live/liveStatus'

export function connectionWords(connection: Connection, nowMs: number, text: Text, format: Format): string {
  switch (connection.phase) {
    case 'stale':
      return text('connection.stale', { age: format.duration(nowMs - connection.sinceMs) })
    case 'waiting':
      return text('connection.waiting', { seconds: Math.max(0, Math.ceil((connection.retryAtMs - nowMs) / 1000)) })
    default:
      return text(`connection.${connection.phase}`)
  }
}

const COLOURS: Record<Connection['phase'], string> = { connected: 'success.main', connecting: 'warning.main', stale: 'warning.main', waiting: 'error.main', paused: 'text.disabled' }

export function ConnectionChip({ compact }: { compact: boolean }): JSX.Element {
  const { text, format } = useText()
  const session = useSession()
  const connection = useLiveStatus((state) => state.connection)
  const stats = useLiveStatus((state) => state.stats)
  useNow(1_000)
  const words = connectionWords(connection, Date.now(), text, format)
  const live = connection.phase === 'connected'
  const ages = stats ? { p50: format.age(stats.ageP50Ms), p99: format.age(stats.ageP99Ms) } : null
  const hint = live && stats && ages ? `${text('connection.age', ages)}. ${text('connection.frames', { sent: format.count(stats.sent), skipped: format.count(stats.skipped) })}.` : text('connection.reconnect')
  return (
    <Tooltip title={hint}>
      <ButtonBase
        onClick={() => (live ? undefined : session.reconnect())}
        aria-label={`${text('connection.label')}: ${words}`}
        data-testid="connection"
        data-phase={connection.phase}
        sx={{ borderRadius: 4, px: 1.25, height: 32, gap: 1, border: 1, borderColor: 'divider', whiteSpace: 'nowrap', minWidth: 0 }}
      >
        <Box sx={{ width: 8, height: 8, borderRadius: '50%', flexShrink: 0, bgcolor: COLOURS[connection.phase] }} />
        <Typography variant="body2" role="status" noWrap sx={{ fontWeight: 600 }}>
          {words}
        </Typography>
        {live && ages && !compact && (
          <Typography variant="caption" color="text.secondary" aria-hidden sx={{ fontVariantNumeric: 'tabular-nums' }}>
            {text('connection.ageShort', ages)}
          </Typography>
        )}
      </ButtonBase>
    </Tooltip>
  )
}
