/** The simulation's clock: its time of day, how fast it goes, pause and resume. */

import Box from '@mui/material/Box'
import Button from '@mui/material/Button'
import IconButton from '@mui/material/IconButton'
import Menu from '@mui/material/Menu'
import MenuItem from '@mui/material/MenuItem'
import Tooltip from '@mui/material/Tooltip'
import Typography from '@mui/material/Typography'
import { useState, type JSX } from 'react'
import { useSession } from '../common/context'
import { describeError } from '../common/describeError'
import { PauseIcon, PlayIcon } from '../common/icons'
import { useNow } from '../common/useNow'
import { useControlRun } from '../api/queries'
import { useText } from '../i18n/language'
import { useLiveStatus } from '../live/liveStatus'
import { notify } from '../notices/noticeQueue'

const SCALES = [0.5, 1, 2, 5, 10, 30, 60]

export function RunClock({ compact }: { compact: boolean }): JSX.Element | null {
  const { text, format } = useText()
  const session = useSession()
  const hello = useLiveStatus((state) => state.hello)
  const control = useControlRun()
  const [anchor, setAnchor] = useState<HTMLElement | null>(null)
  useNow(500)
  const runId = hello?.runId ?? null
  const simMs = session.clock.simAt(performance.now())
  const shownMs = Number.isFinite(simMs) ? simMs : (hello?.clock?.[0] ?? null)
  const scale = hello?.clock?.[2] ?? session.clock.simSpeed
  const paused = scale === 0
  const onError = (error: Error): void => notify({ kind: 'failed', reason: describeError(error, text) })
  return (
    <Box sx={{ display: 'flex', alignItems: 'center', gap: 0.5 }}>
      <Tooltip title={text('run.clock')}>
        <Typography component="time" variant="body1" data-testid="sim-clock" sx={{ fontVariantNumeric: 'tabular-nums', fontWeight: 650, letterSpacing: '0.01em' }}>
          {format.timeOfDay(shownMs, !compact)}
        </Typography>
      </Tooltip>
      <Tooltip title={text(paused ? 'run.resume' : 'run.pause')}>
        <span>
          <IconButton
            size="small"
            aria-label={text(paused ? 'run.resume' : 'run.pause')}
            disabled={runId === null || control.isPending}
            onClick={() => runId !== null && control.mutate({ runId, action: paused ? 'resume' : 'pause' }, { onError })}
          >
            {paused ? <PlayIcon fontSize="small" /> : <PauseIcon fontSize="small" />}
          </IconButton>
        </span>
      </Tooltip>
      <Button size="small" color="inherit" disabled={runId === null} aria-label={`${text('run.scale')}: ${format.scale(scale)}`} aria-haspopup="menu" onClick={(event) => setAnchor(event.currentTarget)} sx={{ minWidth: 0, px: 1, fontVariantNumeric: 'tabular-nums' }}>
        {paused ? text('run.paused') : format.scale(scale)}
      </Button>
      <Menu anchorEl={anchor} open={anchor !== null} onClose={() => setAnchor(null)}>
        {SCALES.map((value) => (
          <MenuItem
            key={value}
            dense
            selected={value === scale}
            onClick={() => {
              setAnchor(null)
              if (runId !== null) control.mutate({ runId, timeScale: value }, { onError })
            }}
          >
            {format.scale(value)}
          </MenuItem>
        ))}
      </Menu>
    </Box>
  )
}
