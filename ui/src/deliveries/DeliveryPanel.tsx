/** The side panel: search, states, and the list. On a phone it covers the map while it is open. */

import Box from '@mui/material/Box'
import Chip from '@mui/material/Chip'
import IconButton from '@mui/material/IconButton'
import InputAdornment from '@mui/material/InputAdornment'
import Paper from '@mui/material/Paper'
import TextField from '@mui/material/TextField'
import Typography from '@mui/material/Typography'
import { useCallback, useDeferredValue, useMemo, useState, type JSX } from 'react'
import { useLiveMap, useSession } from '../common/context'
import { CloseIcon, SearchIcon } from '../common/icons'
import type { Delivery } from '../api/schema'
import { useText } from '../i18n/language'
import { stateWord } from '../i18n/words'
import { LIST_STATES } from '../theme/stateColours'
import { DeliveryList } from './DeliveryList'
import { useFilter } from './filter'
import { StateDot } from './StateDot'

export function DeliveryPanel({ phone, onClose }: { phone: boolean; onClose: () => void }): JSX.Element {
  const { text, format } = useText()
  const session = useSession()
  const map = useLiveMap()
  const { text: search, states, setText, toggleState } = useFilter()
  const searched = useDeferredValue(search)
  const filter = useMemo(() => ({ text: searched, states }), [searched, states])
  const [total, setTotal] = useState<number | null>(null)

  const onSelect = useCallback(
    (delivery: Delivery) => {
      session.selectDelivery(delivery.deliveryId)
      if (delivery.position) map?.camera.flyTo(delivery.position)
      if (phone) onClose()
    },
    [session, map, phone, onClose],
  )

  return (
    <Paper
      component="section"
      aria-label={text('list.title')}
      elevation={phone ? 0 : 3}
      square={phone}
      sx={{ position: 'absolute', zIndex: 3, display: 'flex', flexDirection: 'column', overflow: 'hidden', ...(phone ? { inset: 0 } : { left: 12, top: 12, bottom: 12, width: 356 }) }}
    >
      <Box sx={{ p: 2, pb: 1.25, display: 'flex', flexDirection: 'column', gap: 1.25, borderBottom: 1, borderColor: 'divider' }}>
        <Box sx={{ display: 'flex', alignItems: 'center', minHeight: 28 }}>
          <Typography variant="h6" component="h2" sx={{ flex: 1 }}>
            {text('list.title')}
          </Typography>
          <Typography variant="caption" color="text.secondary" aria-live="off" sx={{ fontVariantNumeric: 'tabular-nums', mr: 0.5 }}>
            {total === null ? '' : format.count(total)}
          </Typography>
          <IconButton size="small" edge="end" aria-label={text('list.close')} onClick={onClose}>
            <CloseIcon fontSize="small" />
          </IconButton>
        </Box>
        <TextField
          size="small"
          fullWidth
          value={search}
          onChange={(event) => setText(event.target.value)}
          placeholder={text('list.search')}
          slotProps={{
            htmlInput: { 'aria-label': text('list.search'), type: 'search', autoComplete: 'off' },
            input: {
              startAdornment: (
                <InputAdornment position="start">
                  <SearchIcon fontSize="small" />
                </InputAdornment>
              ),
            },
          }}
        />
        <Box role="group" aria-label={text('list.filter')} sx={{ display: 'flex', flexWrap: 'wrap', gap: 0.5 }}>
          {LIST_STATES.map((state) => {
            const on = states.includes(state)
            return (
              <Chip
                key={state}
                size="small"
                variant={on ? 'filled' : 'outlined'}
                icon={<StateDot state={state} size={8} />}
                label={stateWord(state, text)}
                aria-pressed={on}
                onClick={() => toggleState(state)}
                sx={{ '& .MuiChip-icon.MuiChip-icon': { ml: 1, mr: -0.25 }, ...(on ? { bgcolor: 'action.selected', fontWeight: 600 } : { borderColor: 'divider' }) }}
              />
            )
          })}
        </Box>
      </Box>
      <DeliveryList filter={filter} onSelect={onSelect} onTotal={setTotal} />
    </Paper>
  )
}
