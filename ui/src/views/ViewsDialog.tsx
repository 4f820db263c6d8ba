/** Keep the map's address under a name, open a kept one, forget one. They are the server's, so everybody who uses it sees them. */

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import Dialog from '@mui/material/Dialog'
import DialogActions from '@mui/material/DialogActions'
import DialogContent from '@mui/material/DialogContent'
import DialogTitle from '@mui/material/DialogTitle'
import IconButton from '@mui/material/IconButton'
import List from '@mui/material/List'
import ListItem from '@mui/material/ListItem'
import ListItemButton from '@mui/material/ListItemButton'
import ListItemText from '@mui/material/ListItemText'
import Stack from '@mui/material/Stack'
import TextField from '@mui/material/TextField'
import Tooltip from '@mui/material/Tooltip'
import Typography from '@mui/material/Typography'
import { useState, type FormEvent, type JSX } from 'react'
import { useDeleteView, useSaveView, useViews } from '../api/queries'
import type { SavedView } from '../api/schema'
import { useLiveMap, useSession } from '../common/context'
import { describeError } from '../common/describeError'
import { DeleteIcon } from '../common/icons'
import { useText } from '../i18n/language'
import { idFor, openView, queryToKeep } from './savedViews'

const LONGEST_TITLE = 100

export default function ViewsDialog({ onClose }: { onClose: () => void }): JSX.Element {
  const { text } = useText()
  const session = useSession()
  const map = useLiveMap()
  const views = useViews()
  const save = useSaveView()
  const remove = useDeleteView()
  const [title, setTitle] = useState('')
  const error = save.error ?? remove.error ?? views.error
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (!title.trim() || save.isPending || !views.data) return
    const id = idFor(title, views.data, Date.now())
    save.mutate({ id, title: title.trim(), query: queryToKeep(window.location.search) }, { onSuccess: () => setTitle('') })
  }
  const open = (view: SavedView): void => {
    openView(view, session, map?.camera)
    onClose()
  }
  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="xs" aria-labelledby="views-title">
      <DialogTitle id="views-title">{text('views.title')}</DialogTitle>
      <DialogContent>
        <Stack component="form" direction="row" spacing={1} onSubmit={submit} sx={{ pt: 1 }}>
          <TextField autoFocus fullWidth size="small" label={text('views.name')} value={title} onChange={(event) => setTitle(event.target.value)} slotProps={{ htmlInput: { maxLength: LONGEST_TITLE, autoComplete: 'off' } }} />
          <Button type="submit" variant="contained" disabled={!title.trim() || save.isPending || !views.data}>
            {text('views.save')}
          </Button>
        </Stack>
        {error && (
          <Alert severity="error" sx={{ mt: 2, overflowWrap: 'anywhere' }}>
            {text('notice.failed', { reason: describeError(error, text) })}
          </Alert>
        )}
        {views.data?.length === 0 && (
          <Typography variant="body2" color="text.secondary" sx={{ mt: 2 }}>
            {text('views.empty')}
          </Typography>
        )}
        <List dense disablePadding sx={{ mt: 1 }}>
          {views.data?.map((view) => (
            <ListItem key={view.id} disablePadding secondaryAction={<DeleteButton label={text('views.delete', { title: view.title })} onDelete={() => remove.mutate(view.id)} />}>
              <ListItemButton onClick={() => open(view)}>
                <ListItemText primary={view.title} slotProps={{ primary: { noWrap: true } }} />
              </ListItemButton>
            </ListItem>
          ))}
        </List>
      </DialogContent>
      <DialogActions sx={{ px: 3, pb: 2 }}>
        <Button onClick={onClose}>{text('start.cancel')}</Button>
      </DialogActions>
    </Dialog>
  )
}

function DeleteButton({ label, onDelete }: { label: string; onDelete: () => void }): JSX.Element {
  return (
    <Tooltip title={label}>
      <IconButton size="small" edge="end" aria-label={label} onClick={onDelete}>
        <DeleteIcon fontSize="small" />
      </IconButton>
    </Tooltip>
  )
}
