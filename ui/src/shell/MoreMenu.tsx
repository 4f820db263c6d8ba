/** What one asks for now and then: routes of one's own, saved views; and what one sets once: appearance, language, whose news. */

import Divider from '@mui/material/Divider'
import IconButton from '@mui/material/IconButton'
import ListItemIcon from '@mui/material/ListItemIcon'
import ListSubheader from '@mui/material/ListSubheader'
import Menu from '@mui/material/Menu'
import MenuItem from '@mui/material/MenuItem'
import { useColorScheme } from '@mui/material/styles'
import Tooltip from '@mui/material/Tooltip'
import { useState, type JSX } from 'react'
import type { Locale } from '../format/format'
import { LANGUAGES, useLanguage, useText } from '../i18n/language'
import { useWantedNotices, type Wanted } from '../notices/mine'
import { BookmarkIcon, CheckIcon, MoreIcon, UploadIcon } from '../common/icons'

const MODES = ['light', 'dark', 'system'] as const

export function MoreMenu({ onImport, onViews }: { onImport: () => void; onViews: () => void }): JSX.Element {
  const { text, locale } = useText()
  const { mode, setMode } = useColorScheme()
  const setLocale = useLanguage((state) => state.setLocale)
  const { wanted, setWanted } = useWantedNotices()
  const [anchor, setAnchor] = useState<HTMLElement | null>(null)
  const close = (): void => setAnchor(null)
  const choice = (key: string, label: string, on: boolean, choose: () => void, lang?: string): JSX.Element => (
    <MenuItem key={key} dense role="menuitemradio" aria-checked={on} lang={lang} data-testid={`menu-${key}`} onClick={choose}>
      <ListItemIcon>{on && <CheckIcon fontSize="small" />}</ListItemIcon>
      {label}
    </MenuItem>
  )
  const heading = (key: string, label: string): JSX.Element => (
    <ListSubheader key={key} role="presentation" disableSticky sx={{ lineHeight: 2.4, bgcolor: 'transparent' }}>
      {label}
    </ListSubheader>
  )
  return (
    <>
      <Tooltip title={text('menu.open')}>
        <IconButton aria-label={text('menu.open')} aria-haspopup="menu" data-testid="menu" onClick={(event) => setAnchor(event.currentTarget)} edge="end">
          <MoreIcon />
        </IconButton>
      </Tooltip>
      <Menu anchorEl={anchor} open={anchor !== null} onClose={close} slotProps={{ paper: { sx: { minWidth: 220 } } }}>
        <MenuItem
          dense
          onClick={() => {
            close()
            onImport()
          }}
        >
          <ListItemIcon>
            <UploadIcon fontSize="small" />
          </ListItemIcon>
          {text('import.open')}
        </MenuItem>
        <MenuItem
          dense
          data-testid="menu-views"
          onClick={() => {
            close()
            onViews()
          }}
        >
          <ListItemIcon>
            <BookmarkIcon fontSize="small" />
          </ListItemIcon>
          {text('views.open')}
        </MenuItem>
        <Divider />
        {heading('theme', text('menu.theme'))}
        {MODES.map((value) => choice(value, text(`menu.${value}`), mode === value, () => setMode(value)))}
        {heading('language', text('menu.language'))}
        {(Object.keys(LANGUAGES) as Locale[]).map((value) => choice(value, LANGUAGES[value].name, locale === value, () => setLocale(value), value))}
        {heading('notices', text('menu.notices'))}
        {(['all', 'mine'] as Wanted[]).map((value) => choice(`notices-${value}`, text(value === 'all' ? 'menu.noticesAll' : 'menu.noticesMine'), wanted === value, () => setWanted(value)))}
      </Menu>
    </>
  )
}
