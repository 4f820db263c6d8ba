import AppBar from '@mui/material/AppBar'
import Box from '@mui/material/Box'
import Button from '@mui/material/Button'
import IconButton from '@mui/material/IconButton'
import Toolbar from '@mui/material/Toolbar'
import Tooltip from '@mui/material/Tooltip'
import Typography from '@mui/material/Typography'
import useMediaQuery from '@mui/material/useMediaQuery'
import type { JSX } from 'react'
import { ConnectionChip } from '../connection/ConnectionChip'
import { useText } from '../i18n/language'
import { RunClock } from '../run/RunClock'
import { StateCounters } from '../run/StateCounters'
import { AddIcon, ListIcon } from '../common/icons'
import { MoreMenu } from './MoreMenu'

interface BarProps {
  phone: boolean
  listOpen: boolean
  onToggleList: () => void
  onStart: () => void
  onImport: () => void
  onViews: () => void
}

/** The bar above the map: list, clock, counters, connection, start. */
export function TopBar({ phone, listOpen, onToggleList, onStart, onImport, onViews }: BarProps): JSX.Element {
  const { text } = useText()
  const wide = useMediaQuery('(min-width: 1500px)')
  const middle = useMediaQuery('(min-width: 1080px)')
  return (
    <AppBar position="static" color="inherit" elevation={0} sx={{ bgcolor: 'background.paper', borderBottom: 1, borderColor: 'divider', zIndex: 4, flexShrink: 0 }}>
      <Toolbar variant="dense" sx={{ gap: { xs: 0.25, sm: 1.5 }, minHeight: 56, px: { xs: 1.5, sm: 2 } }}>
        <Tooltip title={text(listOpen ? 'list.close' : 'list.open')}>
          <IconButton edge="start" aria-label={text(listOpen ? 'list.close' : 'list.open')} aria-expanded={listOpen} data-testid="toggle-list" onClick={onToggleList}>
            <ListIcon />
          </IconButton>
        </Tooltip>
        {middle && (
          <Box sx={{ display: 'flex', alignItems: 'center', gap: 1 }}>
            <Logo />
            <Typography component="h1" variant="h6" noWrap>
              {text('app.name')}
            </Typography>
          </Box>
        )}
        <RunClock compact={phone} />
        <Box sx={{ flex: 1 }} />
        {!phone && <StateCounters words={wide} />}
        {!phone && <Box sx={{ flex: 1 }} />}
        <ConnectionChip compact={!middle} />
        {phone ? (
          <IconButton color="primary" aria-label={text('start.open')} data-testid="start" onClick={onStart}>
            <AddIcon />
          </IconButton>
        ) : (
          <Button variant="contained" startIcon={<AddIcon />} data-testid="start" onClick={onStart} sx={{ whiteSpace: 'nowrap' }}>
            {text('start.open')}
          </Button>
        )}
        <MoreMenu onImport={onImport} onViews={onViews} />
      </Toolbar>
    </AppBar>
  )
}

function Logo(): JSX.Element {
  return (
    <svg width="24" height="24" viewBox="0 0 32 32" aria-hidden>
      <rect width="32" height="32" rx="8" fill="#0b5fa5" />
      <path d="M16 5 L25 26 L16 21.5 L7 26 Z" fill="#fff" />
    </svg>
  )
}
