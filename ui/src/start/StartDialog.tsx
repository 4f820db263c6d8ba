/** Start deliveries: on chosen routes, or at random. */

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import Dialog from '@mui/material/Dialog'
import DialogActions from '@mui/material/DialogActions'
import DialogContent from '@mui/material/DialogContent'
import DialogTitle from '@mui/material/DialogTitle'
import MenuItem from '@mui/material/MenuItem'
import Stack from '@mui/material/Stack'
import Tab from '@mui/material/Tab'
import Tabs from '@mui/material/Tabs'
import TextField from '@mui/material/TextField'
import { useState, type FormEvent, type JSX } from 'react'
import { describeError } from '../common/describeError'
import { useStartDeliveries } from '../api/queries'
import type { RouteSummary } from '../api/schema'
import { useText } from '../i18n/language'
import { vehicleWord } from '../i18n/words'
import { notify } from '../notices/noticeQueue'
import { rememberMine } from '../notices/mine'
import { RoutePicker } from './RoutePicker'
import { checkStart, EMPTY_FORM, VEHICLES, type StartForm } from './startForm'

export default function StartDialog({ onClose }: { onClose: () => void }): JSX.Element {
  const { text, format } = useText()
  const [chosen, setChosen] = useState<ReadonlyMap<string, RouteSummary>>(new Map())
  const [form, setForm] = useState<StartForm>(EMPTY_FORM)
  const [tried, setTried] = useState(false)
  const start = useStartDeliveries()
  const checked = checkStart({ ...form, routeIds: [...chosen.keys()] })
  const problem = tried && !checked.ok ? checked.problem : null
  const errorOf = (field: string): string | null => (problem?.field === field ? text(problem.key, problem.values) : null)
  const change = (part: Partial<StartForm>): void => setForm((old) => ({ ...old, ...part }))

  const toggle = (route: RouteSummary): void =>
    setChosen((old) => {
      const next = new Map(old)
      if (!next.delete(route._id)) next.set(route._id, route)
      return next
    })

  const submit = (event: FormEvent): void => {
    event.preventDefault()
    setTried(true)
    if (!checked.ok) return
    start.mutate(checked.request, {
      onSuccess: ({ deliveries }) => {
        rememberMine(deliveries.map((delivery) => delivery.deliveryId))
        const [first] = deliveries
        const route = first ? chosen.get(first.routeId) : undefined
        if (first) notify({ kind: 'requested', count: deliveries.length, title: route?.title ?? first.routeId, deliveryId: first.deliveryId, place: route?.startPosition, mine: true })
        onClose()
      },
    })
  }

  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="sm" aria-labelledby="start-title">
      <form onSubmit={submit} noValidate>
        <DialogTitle id="start-title">{text('start.title')}</DialogTitle>
        <DialogContent sx={{ pt: 0 }}>
          <Tabs value={form.mode} onChange={(_, mode: StartForm['mode']) => change({ mode })} sx={{ mb: 2 }}>
            <Tab value="chosen" label={text('start.chosen')} />
            <Tab value="random" label={text('start.random')} />
          </Tabs>
          <Stack spacing={2}>
            {form.mode === 'chosen' && <RoutePicker chosen={chosen} onToggle={toggle} error={errorOf('routes')} />}
            <Stack direction={{ xs: 'column', sm: 'row' }} spacing={2}>
              <TextField select size="small" fullWidth label={text('start.vehicle')} value={form.vehicle} onChange={(event) => change({ vehicle: event.target.value as StartForm['vehicle'] })}>
                {VEHICLES.map((vehicle) => (
                  <MenuItem key={vehicle} value={vehicle}>
                    {vehicleWord(vehicle, text)}
                  </MenuItem>
                ))}
              </TextField>
              {form.mode === 'chosen' ? (
                <CountField label={text('start.count')} value={form.perRoute} error={errorOf('perRoute')} onChange={(perRoute) => change({ perRoute })} />
              ) : (
                <CountField label={text('start.randomCount')} value={form.randomCount} error={errorOf('randomCount')} onChange={(randomCount) => change({ randomCount })} />
              )}
            </Stack>
            {start.isError && <Alert severity="error">{text('start.failed', { reason: describeError(start.error, text) })}</Alert>}
          </Stack>
        </DialogContent>
        <DialogActions sx={{ px: 3, pb: 2 }}>
          <Button onClick={onClose}>{text('start.cancel')}</Button>
          <Button type="submit" variant="contained" disabled={start.isPending} data-testid="start-submit">
            {text('start.submit', { count: checked.ok ? format.count(checked.total) : '' }).trim()}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  )
}

function CountField({ label, value, error, onChange }: { label: string; value: string; error: string | null; onChange: (value: string) => void }): JSX.Element {
  return (
    <TextField size="small" fullWidth label={label} value={value} error={error !== null} helperText={error ?? undefined} onChange={(event) => onChange(event.target.value)} slotProps={{ htmlInput: { inputMode: 'numeric', autoComplete: 'off' } }} />
  )
}
