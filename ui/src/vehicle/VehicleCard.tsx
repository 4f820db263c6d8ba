/** The selected delivery: what it is, how far it has come, and what one can do with it. */

import Box from '@mui/material/Box'
import Button from '@mui/material/Button'
import IconButton from '@mui/material/IconButton'
import LinearProgress from '@mui/material/LinearProgress'
import Paper from '@mui/material/Paper'
import Typography from '@mui/material/Typography'
import { useEffect, useState, type JSX } from 'react'
import { useLiveMap, useSession } from '../common/context'
import { describeError } from '../common/describeError'
import { CancelIcon, CloseIcon, FollowIcon, PauseIcon, PlayIcon } from '../common/icons'
import { useNow } from '../common/useNow'
import { useControlDelivery, type ControlAction } from '../api/queries'
import type { Delivery } from '../api/schema'
import { StateDot } from '../deliveries/StateDot'
import { useText } from '../i18n/language'
import { stateWord, vehicleWord } from '../i18n/words'
import { useSelection } from '../live/liveStatus'
import { notify } from '../notices/noticeQueue'
import { useSelectedDelivery } from './useSelectedDelivery'

const CONFIRM_MS = 4_000

export function VehicleCard({ phone }: { phone: boolean }): JSX.Element | null {
  const { text } = useText()
  const session = useSession()
  const { selected, delivery, error, expected } = useSelectedDelivery()
  if (!selected) return null
  return (
    <Paper
      component="section"
      aria-label={text('card.label')}
      elevation={phone ? 8 : 3}
      sx={{
        position: 'absolute', zIndex: 2, display: 'flex', flexDirection: 'column', gap: 1.25, p: 2,
        ...(phone ? { left: 8, right: 8, bottom: 'max(8px, env(safe-area-inset-bottom))' } : { right: 12, top: 12, width: 320 }),
      }}
    >
      <Box sx={{ display: 'flex', alignItems: 'flex-start', gap: 1 }}>
        <Box sx={{ flex: 1, minWidth: 0 }}>
          <Typography variant="h6" component="h2" sx={{ overflowWrap: 'anywhere', lineHeight: 1.3 }}>
            {delivery ? delivery.routeTitle || delivery.routeId : text('card.label')}
          </Typography>
          {delivery && (
            <Typography variant="caption" color="text.secondary" sx={{ display: 'block', overflowWrap: 'anywhere', lineHeight: 1.4 }} data-testid="card-delivery">
              {delivery.deliveryId}
            </Typography>
          )}
        </Box>
        <IconButton size="small" edge="end" aria-label={text('card.close')} onClick={() => session.deselect()}>
          <CloseIcon fontSize="small" />
        </IconButton>
      </Box>
      {delivery ? <Details delivery={delivery} phone={phone} /> : <Typography variant="body2">{error ? text('card.notFound', { reason: describeError(error, text) }) : text(expected ? 'card.requested' : 'card.loading')}</Typography>}
    </Paper>
  )
}

function Details({ delivery, phone }: { delivery: Delivery; phone: boolean }): JSX.Element {
  const { text, format } = useText()
  const session = useSession()
  useNow(500)
  const nowMs = session.clock.simAt(performance.now())
  const ended = delivery.endedAt ?? null
  const running = ['moving', 'stopped', 'paused'].includes(delivery.state)
  const leftMs = delivery.plannedArrival === null ? null : delivery.plannedArrival - nowMs
  const arrival = !running
    ? ended === null ? '–' : text('card.arrivedAt', { time: format.timeOfDay(ended) })
    : delivery.plannedArrival === null || leftMs === null || !Number.isFinite(leftMs) ? '–' : text('card.etaIn', { time: format.timeOfDay(delivery.plannedArrival), left: format.duration(leftMs) })
  const vehicleId = useSelection((state) => state.vehicleId)
  const newestMs = Math.max(delivery.eventTime ?? Number.NaN, session.newestSampleMs(vehicleId) ?? 0)
  const ageMs = (nowMs - newestMs) / Math.max(1, session.clock.simSpeed)
  return (
    <>
      <Box sx={{ display: 'flex', alignItems: 'center', gap: 1 }}>
        <StateDot state={delivery.state} />
        <Typography variant="body2" sx={{ fontWeight: 600, flex: 1 }} data-testid="card-state">
          {stateWord(delivery.state, text)}
        </Typography>
        <Typography variant="body2" sx={{ fontWeight: 650, fontVariantNumeric: 'tabular-nums' }} data-testid="card-speed">
          {format.speed(running ? delivery.speedMps : 0)}
        </Typography>
      </Box>
      {delivery.reason && <Typography variant="body2" color="error">{text('card.reason', { reason: delivery.reason })}</Typography>}
      <Box>
        <LinearProgress variant="determinate" value={100 * Math.min(1, Math.max(0, delivery.progress ?? 0))} aria-label={text('card.progress')} sx={{ height: 6, borderRadius: 3, bgcolor: 'divider' }} />
        <Box sx={{ display: 'flex', justifyContent: 'space-between', mt: 0.5 }}>
          <Typography variant="caption" color="text.secondary" data-testid="card-progress">
            {format.percent(delivery.progress)}
          </Typography>
          <Typography variant="caption" color="text.secondary">
            {text('card.progressOf', { done: format.distance(delivery.distanceM), total: format.distance(delivery.routeLengthM) })}
          </Typography>
        </Box>
      </Box>
      <Box component="dl" sx={{ m: 0, display: 'grid', gridTemplateColumns: 'auto 1fr', columnGap: 2, rowGap: 0.5, '& dd': { m: 0, textAlign: 'right', fontVariantNumeric: 'tabular-nums', overflowWrap: 'anywhere' } }}>
        <Fact name={text('card.eta')} value={arrival} />
        <Fact name={text('card.vehicle')} value={vehicleWord(delivery.vehicle, text)} />
        {!phone && delivery.driverId !== delivery.deliveryId && <Fact name={text('card.driver')} value={delivery.driverId} />}
        {!phone && <Fact name={text('card.started')} value={format.timeOfDay(delivery.startedAt, true)} />}
        {running && <Fact name={text('card.age')} value={!Number.isFinite(ageMs) ? '–' : text('card.ageAgo', { age: format.age(ageMs) })} />}
      </Box>
      {running && <Actions key={delivery.deliveryId} delivery={delivery} />}
    </>
  )
}

function Fact({ name, value }: { name: string; value: string }): JSX.Element {
  return (
    <>
      <Typography component="dt" variant="body2" color="text.secondary">
        {name}
      </Typography>
      <Typography component="dd" variant="body2">
        {value}
      </Typography>
    </>
  )
}

function Actions({ delivery }: { delivery: Delivery }): JSX.Element {
  const { text } = useText()
  const map = useLiveMap()
  const following = useSelection((state) => state.following)
  const onMap = useSelection((state) => state.vehicleId !== null)
  const control = useControlDelivery()
  const [sure, setSure] = useState(false)
  const paused = delivery.state === 'paused'
  // What is asked for takes a moment to happen; until then there is nothing more to press.
  const ending = control.isPending || (control.isSuccess && control.variables.action === 'cancel')

  useEffect(() => {
    if (!sure) return
    const timer = setTimeout(() => setSure(false), CONFIRM_MS)
    return () => clearTimeout(timer)
  }, [sure])

  const ask = (action: ControlAction): void => {
    control.mutate({ deliveryId: delivery.deliveryId, action }, { onError: (error) => notify({ kind: 'failed', reason: describeError(error, text) }) })
  }
  const follow = (): void => {
    useSelection.setState({ following: !following })
    if (!following && delivery.position && map && map.map.getZoom() < 13) map.map.jumpTo({ center: delivery.position, zoom: 15 })
  }
  return (
    <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1, mt: 0.5 }}>
      <Button size="small" variant={following ? 'contained' : 'outlined'} startIcon={<FollowIcon />} aria-pressed={following} disabled={!onMap || !map} onClick={follow}>
        {text('card.follow')}
      </Button>
      <Button size="small" variant="outlined" startIcon={paused ? <PlayIcon /> : <PauseIcon />} disabled={ending} onClick={() => ask(paused ? 'resume' : 'pause')}>
        {text(paused ? 'card.resume' : 'card.pause')}
      </Button>
      <Button size="small" color="error" variant={sure ? 'contained' : 'text'} startIcon={<CancelIcon />} disabled={ending} onClick={() => (sure ? ask('cancel') : setSure(true))}>
        {text(sure ? 'card.cancelConfirm' : 'card.cancel')}
      </Button>
    </Box>
  )
}
