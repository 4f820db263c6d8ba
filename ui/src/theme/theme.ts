/** The page's look: Material UI with CSS variables, one theme for light and dark. */

import { createTheme } from '@mui/material/styles'

export const theme = createTheme({
  cssVariables: { colorSchemeSelector: 'class' },
  colorSchemes: {
    light: {
      palette: {
        primary: { main: '#0067b1' },
        secondary: { main: '#9c3f8b' },
        background: { default: '#eef1f3', paper: '#ffffff' },
        text: { primary: '#1c2733', secondary: '#536271' },
        divider: 'rgba(28,39,51,0.10)',
      },
    },
    dark: {
      palette: {
        primary: { main: '#5cb8f5' },
        secondary: { main: '#df8fcf' },
        background: { default: '#12181e', paper: '#1f2832' },
        text: { primary: '#eef3f7', secondary: '#a3b1bf' },
        divider: 'rgba(238,243,247,0.12)',
      },
    },
  },
  shape: { borderRadius: 12 },
  typography: {
    fontFamily: 'Inter, "Segoe UI", system-ui, -apple-system, Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif',
    fontSize: 13,
    button: { textTransform: 'none', fontWeight: 600 },
    h6: { fontSize: '1rem', fontWeight: 650 },
    subtitle2: { fontWeight: 650 },
    overline: { letterSpacing: '0.06em', lineHeight: 1.6 },
  },
  components: {
    MuiPaper: { styleOverrides: { root: { backgroundImage: 'none' } } },
    MuiButton: { defaultProps: { disableElevation: true } },
    MuiTooltip: { defaultProps: { enterDelay: 500, arrow: true } },
    MuiUseMediaQuery: { defaultProps: { noSsr: true } },
  },
})

/** Screens up to this width get the phone's layout. */
export const PHONE_QUERY = '(max-width: 720px)'
