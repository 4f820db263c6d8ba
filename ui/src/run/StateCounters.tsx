/** How many vehicles are in which state; each counter also filters map and list. It is the map's legend. */

import Box from '@mui/material/Box'
import ButtonBase from '@mui/material/ButtonBase'
import Tooltip from '@mui/material/Tooltip'
import Typography from '@mui/material/Typography'
import type { JSX } from 'react'
import { useFilter } from '../deliveries/filter'
import { StateDot } from '../deliveries/StateDot'
import { useText } from '../i18n/language'
import { stateWord } from '../i18n/words'
import { useLiveStatus } from '../live/liveStatus'
import { STATES } from '../theme/stateColours'

export function StateCounters({ words }: { words: boolean }): JSX.Element {
  const { text, format } = useText()
  const names = useLiveStatus((state) => state.hello?.states) ?? STATES
  const byState = useLiveStatus((state) => state.stats?.byState)
  const { states, toggleState } = useFilter()
  return (
    <Box role="group" aria-label={text('list.filter')} sx={{ display: 'flex', gap: 0.25 }}>
      {names.map((state, i) => {
        const on = states.includes(state)
        const word = stateWord(state, text)
        return (
          <Tooltip key={state} title={word}>
            <ButtonBase
              aria-pressed={on}
              aria-label={`${word}: ${format.count(byState?.[i] ?? 0)}`}
              data-state={state}
              onClick={() => toggleState(state)}
              sx={{ px: 1, height: 32, borderRadius: 4, gap: 0.75, bgcolor: on ? 'action.selected' : undefined, '&:hover': { bgcolor: 'action.hover' }, opacity: states.length > 0 && !on ? 0.5 : 1 }}
            >
              <StateDot state={state} size={9} />
              <Typography variant="body2" sx={{ fontWeight: 650, fontVariantNumeric: 'tabular-nums', minWidth: '1.2em', textAlign: 'left' }}>
                {byState ? format.count(byState[i] ?? 0) : '–'}
              </Typography>
              {words && (
                <Typography variant="body2" color="text.secondary">
                  {word}
                </Typography>
              )}
            </ButtonBase>
          </Tooltip>
        )
      })}
    </Box>
  )
}
