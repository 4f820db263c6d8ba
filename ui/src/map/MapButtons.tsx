import Box from '@mui/material/Box'
import Divider from '@mui/material/Divider'
import IconButton from '@mui/material/IconButton'
import Link from '@mui/material/Link'
import Paper from '@mui/material/Paper'
import Tooltip from '@mui/material/Tooltip'
import Typography from '@mui/material/Typography'
import type { JSX } from 'react'
import { AddIcon, HomeIcon, RemoveIcon } from '../common/icons'
import { useText } from '../i18n/language'
import type { TextKey } from '../i18n/en'
import type { LiveMap } from './LiveMap'

const OSM = '© OpenStreetMap contributors'

/** Zoom, home, and who made the map's data. */
export function MapButtons({ map, phone, attribution }: { map: LiveMap; phone: boolean; attribution: string | undefined }): JSX.Element {
  const { text } = useText()
  const button = (key: TextKey, Icon: typeof AddIcon, act: () => void): JSX.Element => (
    <Tooltip title={text(key)} placement="left">
      <IconButton size="small" aria-label={text(key)} onClick={act} sx={{ borderRadius: 0, width: 36, height: 36 }}>
        <Icon fontSize="small" />
      </IconButton>
    </Tooltip>
  )
  return (
    <>
      <Paper elevation={3} sx={{ position: 'absolute', right: 12, ...(phone ? { top: 12 } : { bottom: 36 }), display: 'flex', flexDirection: 'column', overflow: 'hidden', zIndex: 1 }}>
        {button('map.zoomIn', AddIcon, () => map.camera.zoomBy(1))}
        <Divider />
        {button('map.zoomOut', RemoveIcon, () => map.camera.zoomBy(-1))}
        <Divider />
        {button('map.home', HomeIcon, () => map.camera.goHome())}
      </Paper>
      <Box sx={{ position: 'absolute', right: 0, bottom: 0, px: 1, py: 0.25, borderTopLeftRadius: 8, bgcolor: 'background.paper', zIndex: 1 }} data-testid="attribution">
        <Typography variant="caption" color="text.secondary" sx={{ fontSize: 11 }}>
          <Link href="https://www.openstreetmap.org/copyright" target="_blank" rel="noopener noreferrer" color="inherit" underline="hover">
            {attribution?.includes('OpenStreetMap') ? attribution.split(',')[0] : OSM}
          </Link>
          {attribution && !attribution.includes('OpenStreetMap') ? ` · ${attribution}` : ''} · {text('map.naturalEarth')}
        </Typography>
      </Box>
    </>
  )
}
