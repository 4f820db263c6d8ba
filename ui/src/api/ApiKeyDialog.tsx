import Button from '@mui/material/Button'
import Dialog from '@mui/material/Dialog'
import DialogActions from '@mui/material/DialogActions'
import DialogContent from '@mui/material/DialogContent'
import DialogContentText from '@mui/material/DialogContentText'
import DialogTitle from '@mui/material/DialogTitle'
import TextField from '@mui/material/TextField'
import { useState, type FormEvent, type JSX } from 'react'
import { useText } from '../i18n/language'
import { useApiKey } from './apiKey'

/** Asks for the key that the server wants. */
export default function ApiKeyDialog({ onGiven }: { onGiven: () => void }): JSX.Element {
  const { text } = useText()
  const { give, refused } = useApiKey()
  const [key, setKey] = useState('')
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (!key.trim()) return
    give(key.trim())
    onGiven()
  }
  return (
    <Dialog open fullWidth maxWidth="xs" aria-labelledby="key-title">
      <form onSubmit={submit}>
        <DialogTitle id="key-title">{text('key.title')}</DialogTitle>
        <DialogContent>
          <DialogContentText sx={{ mb: 2 }}>{text('key.help')}</DialogContentText>
          <TextField autoFocus fullWidth size="small" type="password" label={text('key.label')} value={key} error={refused} helperText={refused ? text('key.wrong') : undefined} onChange={(event) => setKey(event.target.value)} slotProps={{ htmlInput: { autoComplete: 'off' } }} />
        </DialogContent>
        <DialogActions sx={{ px: 3, pb: 2 }}>
          <Button type="submit" variant="contained">
            {text('key.submit')}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  )
}
