/** A searchable list of routes to tick. */

import Box from '@mui/material/Box'
import Checkbox from '@mui/material/Checkbox'
import List from '@mui/material/List'
import ListItem from '@mui/material/ListItem'
import ListItemButton from '@mui/material/ListItemButton'
import ListItemText from '@mui/material/ListItemText'
import TextField from '@mui/material/TextField'
import Typography from '@mui/material/Typography'
import { useDeferredValue, useState, type JSX } from 'react'
import { describeError } from '../common/describeError'
import { useRoutes } from '../api/queries'
import type { RouteSummary } from '../api/schema'
import { useText } from '../i18n/language'

interface PickerProps {
  chosen: ReadonlyMap<string, RouteSummary>
  onToggle: (route: RouteSummary) => void
  error: string | null
}

export function RoutePicker({ chosen, onToggle, error }: PickerProps): JSX.Element {
  const { text, format } = useText()
  const [search, setSearch] = useState('')
  const found = useRoutes(useDeferredValue(search), true)
  const routes = found.data?.routes ?? []
  const total = found.data?.total ?? 0
  return (
    <Box>
      <TextField
        size="small"
        fullWidth
        autoFocus
        value={search}
        onChange={(event) => setSearch(event.target.value)}
        label={text('start.search')}
        error={error !== null}
        helperText={error ?? text('start.selected', { count: format.count(chosen.size) })}
        slotProps={{ htmlInput: { type: 'search', autoComplete: 'off' } }}
      />
      <List dense disablePadding aria-label={text('start.routes')} sx={{ height: 240, overflowY: 'auto', border: 1, borderColor: 'divider', borderRadius: 1, mt: 1 }}>
        {routes.map((route) => (
          <ListItem key={route._id} disablePadding>
            <ListItemButton dense role="checkbox" aria-checked={chosen.has(route._id)} onClick={() => onToggle(route)} data-route={route._id}>
              <Checkbox edge="start" size="small" disableRipple tabIndex={-1} checked={chosen.has(route._id)} slotProps={{ input: { 'aria-hidden': true } }} sx={{ py: 0 }} />
              <ListItemText
                primary={route.title}
                secondary={`${route._id} · ${format.distance(route.lengthM)}`}
                slotProps={{ primary: { noWrap: true }, secondary: { noWrap: true } }}
              />
            </ListItemButton>
          </ListItem>
        ))}
        {found.isSuccess && routes.length === 0 && <Note>{text('start.noRoutes')}</Note>}
        {found.isPending && <Note>{text('list.loading')}</Note>}
        {found.isError && <Note>{describeError(found.error, text)}</Note>}
        {total > routes.length && routes.length > 0 && <Note>{text('start.more', { shown: format.count(routes.length), total: format.count(total) })}</Note>}
      </List>
    </Box>
  )
}

function Note({ children }: { children: string }): JSX.Element {
  return (
    <Typography component="li" variant="body2" color="text.secondary" sx={{ p: 2, textAlign: 'center' }}>
      {children}
    </Typography>
  )
}
