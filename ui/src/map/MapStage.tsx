/** The map's place on the page: makes the map once, feeds it what changes, and says plainly when it cannot be drawn. */

import Alert from '@mui/material/Alert'
import Box from '@mui/material/Box'
import Chip from '@mui/material/Chip'
import { useQuery } from '@tanstack/react-query'
import type { FeatureCollection, LineString } from 'geojson'
import { useEffect, useRef, useState, type JSX } from 'react'
import { useColourMode } from '../common/colourMode'
import { useSession } from '../common/context'
import { dataOf, server } from '../api/client'
import { useConfig } from '../api/queries'
import { stateMask, useFilter } from '../deliveries/filter'
import { useText } from '../i18n/language'
import { useLiveStatus, useSelection } from '../live/liveStatus'
import { exposeProbe, wantsProbe } from '../testing/probe'
import { readUrl, updateUrl } from '../url/urlState'
import { useSelectedDelivery } from '../vehicle/useSelectedDelivery'
import { LiveMap } from './LiveMap'
import { MapButtons } from './MapButtons'
import { drivenAt } from './route'
import { WebGlMissing } from './VehicleOverlay'
import { loadWorldOutline } from './worldOutline'

const WORLD_VIEW = { lng: 10, lat: 25, zoom: 1.6 }

/** Below this zoom the outline of the world is seen. */
const OUTLINE_ZOOM = 11

export default function MapStage({ onMap, phone }: { onMap: (map: LiveMap | null) => void; phone: boolean }): JSX.Element {
  const { text, format } = useText()
  const session = useSession()
  const mode = useColourMode()
  const holder = useRef<HTMLDivElement>(null)
  const [map, setMap] = useState<LiveMap | null>(null)
  const [trouble, setTrouble] = useState<string | null>(null)
  const [outlineWanted, setOutlineWanted] = useState(false)
  const view = useLiveStatus((state) => state.view)
  const config = useConfig()
  const first = useRef({ mode, format, label: text('map.label') })

  useEffect(() => {
    const container = holder.current
    if (!container) return
    let made: LiveMap
    try {
      const wanted = readUrl(window.location.search).view
      made = new LiveMap({
        container,
        session,
        view: wanted ?? WORLD_VIEW,
        ...first.current,
        keepPixels: false,
        onMoved: (moved) => {
          updateUrl({ view: moved })
          setOutlineWanted((already) => already || moved.zoom < OUTLINE_ZOOM)
        },
        onLost: (lost) => setTrouble(lost ? 'lost' : null),
      })
      setOutlineWanted((wanted ?? WORLD_VIEW).zoom < OUTLINE_ZOOM)
    } catch (error) {
      setTrouble(error instanceof WebGlMissing || /webgl/i.test(String(error)) ? 'webgl' : String(error))
      return
    }
    if (!readUrl(window.location.search).view) made.camera.goHome(false)
    if (wantsProbe()) exposeProbe(made, session)
    setMap(made)
    onMap(made)
    return () => {
      onMap(null)
      setMap(null)
      made.destroy()
    }
  }, [session, onMap])

  useEffect(() => map?.setLook(mode, format), [map, mode, format])
  useEffect(() => map?.setLabel(text('map.label')), [map, text])
  useBaseMap(map, outlineWanted)
  useMask(map)
  useRouteOnMap(map)

  // The server may know where its fleet is at home.
  const bounds = config.data?.bounds
  useEffect(() => {
    if (map && bounds) map.camera.setHome(bounds)
  }, [map, bounds])

  const hint = view?.density ? text('map.density') : view && view.oneOf > 1 ? text('map.sampled', { k: format.count(view.oneOf) }) : null
  return (
    <Box sx={{ position: 'absolute', inset: 0 }}>
      <Box ref={holder} sx={{ position: 'absolute', inset: 0, bgcolor: 'background.default', '& canvas': { outlineOffset: -3 } }} data-testid="map" />
      {hint && <Chip size="small" label={hint} role="status" sx={{ position: 'absolute', top: 12, left: '50%', transform: 'translateX(-50%)', bgcolor: 'background.paper', boxShadow: 2 }} />}
      {trouble && (
        <Alert severity="warning" sx={{ position: 'absolute', top: 72, left: '50%', transform: 'translateX(-50%)', width: 'min(480px, 90%)', zIndex: 1 }}>
          {trouble === 'webgl' ? text('map.noWebgl') : trouble === 'lost' ? text('map.contextLost') : text('map.failed', { reason: trouble })}
        </Alert>
      )}
      {map && <MapButtons map={map} phone={phone} attribution={config.data?.attribution} />}
    </Box>
  )
}

function useBaseMap(map: LiveMap | null, outlineWanted: boolean): void {
  const streets = useQuery({
    queryKey: ['streets'],
    queryFn: ({ signal }) => dataOf(server.GET('/basemap/streets.geojson', { signal })) as Promise<unknown> as Promise<FeatureCollection<LineString>>,
    staleTime: Infinity,
    retry: 1,
  })
  const outline = useQuery({ queryKey: ['outline'], queryFn: loadWorldOutline, staleTime: Infinity, enabled: outlineWanted })
  useEffect(() => {
    if (map && streets.data) map.setStreets(streets.data)
  }, [map, streets.data])
  useEffect(() => {
    if (map && outline.data) map.base.setWorld(outline.data.countries, outline.data.names)
  }, [map, outline.data])
}

function useMask(map: LiveMap | null): void {
  const states = useFilter((state) => state.states)
  const wireStates = useLiveStatus((state) => state.hello?.states)
  useEffect(() => map?.setMask(stateMask(states, wireStates)), [map, states, wireStates])
}

/** The selected delivery's route, and once a second how far it is driven. */
function useRouteOnMap(map: LiveMap | null): void {
  const session = useSession()
  const { delivery, route } = useSelectedDelivery()
  const onMap = useSelection((state) => state.vehicleId !== null)
  useEffect(() => {
    if (!map) return
    const lengthM = delivery?.routeLengthM ?? 0
    const speedMps = onMap && delivery?.state === 'moving' ? (delivery.speedMps ?? 0) : 0
    const driven = delivery ? drivenAt(delivery.distanceM ?? 0, speedMps, delivery.eventTime ?? Number.NaN, session.clock.drawnMs, lengthM) : 0
    map.base.setRoute(route?.coordinates ?? null, lengthM > 0 ? driven / lengthM : (delivery?.progress ?? 0))
  }, [map, route, delivery, onMap, session])
}
