import CssBaseline from '@mui/material/CssBaseline'
import { ThemeProvider } from '@mui/material/styles'
import { QueryClientProvider } from '@tanstack/react-query'
import { createRoot } from 'react-dom/client'
import { liveUrl } from './api/client'
import { createQueryClient } from './api/queries'
import { App } from './shell/App'
import { SessionContext } from './common/context'
import { LiveSession } from './live/LiveSession'
import { notify } from './notices/noticeQueue'
import { theme } from './theme/theme'

// The socket opens while the map's code is still on its way.
const session = new LiveSession(liveUrl, (reason) => notify({ kind: 'live', reason }))
session.start()

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
createRoot(root).render(
  <ThemeProvider theme={theme} defaultMode="system">
    <CssBaseline />
    <QueryClientProvider client={createQueryClient()}>
      <SessionContext.Provider value={session}>
        <App />
      </SessionContext.Provider>
    </QueryClientProvider>
  </ThemeProvider>,
)
