/** The page: a bar, the map, and what floats above it. */

import Box from '@mui/material/Box'
import useMediaQuery from '@mui/material/useMediaQuery'
import { useQueryClient } from '@tanstack/react-query'
import { lazy, Suspense, useCallback, useEffect, useState, type JSX } from 'react'
import { useApiKey } from '../api/apiKey'
import { DeliveryPanel } from '../deliveries/DeliveryPanel'
import { useText } from '../i18n/language'
import type { LiveMap } from '../map/LiveMap'
import { Notices } from '../notices/Notices'
import { StateCounters } from '../run/StateCounters'
import { PHONE_QUERY } from '../theme/theme'
import { VehicleCard } from '../vehicle/VehicleCard'
import { MapContext, useSession } from '../common/context'
import { TopBar } from './TopBar'
import { useUrlSync } from './useUrlSync'

const MapStage = lazy(() => import('../map/MapStage'))
const StartDialog = lazy(() => import('../start/StartDialog'))
const ImportDialog = lazy(() => import('../start/ImportDialog'))
const ViewsDialog = lazy(() => import('../views/ViewsDialog'))
const ApiKeyDialog = lazy(() => import('../api/ApiKeyDialog'))

export function App(): JSX.Element {
  const { text, locale } = useText()
  const session = useSession()
  const queries = useQueryClient()
  const phone = useMediaQuery(PHONE_QUERY)
  const asking = useApiKey((state) => state.asking)
  const [map, setMap] = useState<LiveMap | null>(null)
  const [listOpen, setListOpen] = useState(!phone)
  const [dialog, setDialog] = useState<'start' | 'import' | 'views' | null>(null)
  useUrlSync()

  useEffect(() => {
    document.documentElement.lang = locale === 'pt' ? 'pt-BR' : 'en'
    document.title = text('app.name')
  }, [locale, text])

  const keyGiven = useCallback(() => {
    void queries.invalidateQueries()
    session.reconnect()
  }, [queries, session])
  const closeList = useCallback(() => setListOpen(false), [])
  const closeDialog = useCallback(() => setDialog(null), [])

  return (
    <MapContext.Provider value={map}>
      <Box sx={{ height: '100dvh', display: 'flex', flexDirection: 'column', overflow: 'hidden', bgcolor: 'background.default' }}>
        <TopBar phone={phone} listOpen={listOpen} onToggleList={() => setListOpen((open) => !open)} onStart={() => setDialog('start')} onImport={() => setDialog('import')} onViews={() => setDialog('views')} />
        {phone && !listOpen && (
          <Box sx={{ bgcolor: 'background.paper', borderBottom: 1, borderColor: 'divider', overflowX: 'auto', flexShrink: 0, display: 'flex', justifyContent: 'center' }}>
            <StateCounters words={false} />
          </Box>
        )}
        <Box component="main" sx={{ flex: 1, position: 'relative', minHeight: 0 }}>
          <Suspense fallback={null}>
            <MapStage onMap={setMap} phone={phone} />
          </Suspense>
          {listOpen && <DeliveryPanel phone={phone} onClose={closeList} />}
          <VehicleCard phone={phone} />
          <Notices phone={phone} />
        </Box>
        <Suspense fallback={null}>
          {dialog === 'start' && <StartDialog onClose={closeDialog} />}
          {dialog === 'import' && <ImportDialog onClose={closeDialog} />}
          {dialog === 'views' && <ViewsDialog onClose={closeDialog} />}
          {asking && <ApiKeyDialog onGiven={keyGiven} />}
        </Suspense>
      </Box>
    </MapContext.Provider>
  )
}
