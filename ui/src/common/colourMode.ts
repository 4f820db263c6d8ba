import { useColorScheme } from '@mui/material/styles'
import type { ColourMode } from '../theme/stateColours'

/** Light or dark as it is shown now. */
export function useColourMode(): ColourMode {
  const { mode, systemMode } = useColorScheme()
  return (mode === 'system' ? systemMode : mode) === 'dark' ? 'dark' : 'light'
}
