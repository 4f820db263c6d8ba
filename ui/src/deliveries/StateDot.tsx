import Box from '@mui/material/Box'
import type { JSX } from 'react'
import { useColourMode } from '../common/colourMode'
import { stateColour } from '../theme/stateColours'

/** The colour of a state, as on the map. Words stand beside it. */
export function StateDot({ state, size = 10, className }: { state: string; size?: number; className?: string }): JSX.Element {
  const mode = useColourMode()
  return <Box component="span" aria-hidden className={className} sx={{ width: size, height: size, borderRadius: '50%', bgcolor: stateColour(state, mode), flexShrink: 0, display: 'inline-block' }} />
}
