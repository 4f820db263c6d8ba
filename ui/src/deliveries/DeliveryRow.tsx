import Box from '@mui/material/Box'
import LinearProgress from '@mui/material/LinearProgress'
import Skeleton from '@mui/material/Skeleton'
import Typography from '@mui/material/Typography'
import { memo, type JSX } from 'react'
import type { Delivery } from '../api/schema'
import { useText } from '../i18n/language'
import { stateWord, vehicleWord } from '../i18n/words'
import { StateDot } from './StateDot'

export const ROW_HEIGHT = 62

interface RowProps {
  id: string
  /** Null while the row's page is on its way. */
  delivery: Delivery | null
  index: number
  total: number
  selected: boolean
  active: boolean
  onSelect: (delivery: Delivery) => void
}

const FINAL = new Set(['delivered', 'cancelled', 'suspended', 'rejected'])

/** One delivery in the list. */
export const DeliveryRow = memo(function DeliveryRow({ id, delivery, index, total, selected, active, onSelect }: RowProps): JSX.Element {
  const { text, format } = useText()
  return (
    <Box
      id={id}
      role="option"
      aria-selected={selected}
      aria-setsize={total}
      aria-posinset={index + 1}
      data-delivery={delivery?.deliveryId}
      title={delivery?.deliveryId}
      onClick={() => delivery && onSelect(delivery)}
      sx={{
        position: 'absolute', top: index * ROW_HEIGHT, left: 0, right: 0, height: ROW_HEIGHT, px: 2, py: 1, cursor: 'pointer',
        display: 'flex', flexDirection: 'column', justifyContent: 'center', gap: 0.25, borderBottom: 1, borderColor: 'divider',
        bgcolor: selected ? 'action.selected' : undefined, boxShadow: active ? 'inset 3px 0 0 var(--mui-palette-primary-main)' : undefined,
        '&:hover': { bgcolor: selected ? 'action.selected' : 'action.hover' },
      }}
    >
      {delivery ? (
        <>
          <Box sx={{ display: 'flex', alignItems: 'center', gap: 1 }}>
            <StateDot state={delivery.state} />
            <Typography variant="body2" noWrap sx={{ flex: 1, fontWeight: 600 }}>
              {delivery.routeTitle || delivery.routeId}
            </Typography>
            <Typography variant="caption" color="text.secondary" sx={{ fontVariantNumeric: 'tabular-nums' }}>
              {FINAL.has(delivery.state) ? stateWord(delivery.state, text) : format.percent(delivery.progress)}
            </Typography>
          </Box>
          <Box sx={{ display: 'flex', alignItems: 'center', gap: 1 }}>
            <Typography variant="caption" color="text.secondary" noWrap sx={{ flex: 1 }}>
              {[vehicleWord(delivery.vehicle, text), ...(delivery.driverId === delivery.deliveryId ? [] : [delivery.driverId])].join(' · ')}
            </Typography>
            <Typography variant="caption" color="text.secondary" sx={{ fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' }}>
              {FINAL.has(delivery.state) ? format.distance(delivery.distanceM) : delivery.state === 'moving' ? format.speed(delivery.speedMps) : stateWord(delivery.state, text)}
            </Typography>
          </Box>
          {!FINAL.has(delivery.state) && (
            <LinearProgress aria-hidden variant="determinate" value={100 * Math.min(1, Math.max(0, delivery.progress ?? 0))} sx={{ height: 2, borderRadius: 1, mt: 0.25, bgcolor: 'divider', '& .MuiLinearProgress-bar': { transition: 'none' } }} />
          )}
        </>
      ) : (
        <Skeleton variant="text" animation={false} aria-label={text('list.loading')} />
      )}
    </Box>
  )
})
