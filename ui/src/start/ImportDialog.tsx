/** Import a file of routes; what the server says about a bad file is shown as it is. */

import Alert from '@mui/material/Alert'
import AlertTitle from '@mui/material/AlertTitle'
import Box from '@mui/material/Box'
import Button from '@mui/material/Button'
import Checkbox from '@mui/material/Checkbox'
import Dialog from '@mui/material/Dialog'
import DialogActions from '@mui/material/DialogActions'
import DialogContent from '@mui/material/DialogContent'
import DialogTitle from '@mui/material/DialogTitle'
import FormControlLabel from '@mui/material/FormControlLabel'
import LinearProgress from '@mui/material/LinearProgress'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useState, type DragEvent, type JSX } from 'react'
import { describeError } from '../common/describeError'
import { UploadIcon } from '../common/icons'
import { useImportRoutes } from '../api/queries'
import { useText } from '../i18n/language'

const SHOWN_LINES = 20

function Lines({ heading, lines }: { heading: string; lines: string[] }): JSX.Element | null {
  if (lines.length === 0) return null
  return (
    <>
      {heading}
      {lines.slice(0, SHOWN_LINES).map((line) => (
        <div key={line}>{line}</div>
      ))}
    </>
  )
}

export default function ImportDialog({ onClose }: { onClose: () => void }): JSX.Element {
  const { text, format } = useText()
  const [file, setFile] = useState<File | null>(null)
  const [skipInvalid, setSkipInvalid] = useState(false)
  const upload = useImportRoutes()
  const choose = (chosen: File | null | undefined): void => {
    setFile(chosen ?? null)
    upload.reset()
  }
  const drop = (event: DragEvent): void => {
    event.preventDefault()
    choose(event.dataTransfer.files.item(0))
  }
  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="sm" aria-labelledby="import-title">
      <DialogTitle id="import-title">{text('import.title')}</DialogTitle>
      <DialogContent>
        <Stack spacing={2}>
          <Box onDragOver={(event) => event.preventDefault()} onDrop={drop} sx={{ border: '1.5px dashed', borderColor: 'divider', borderRadius: 1, p: 3, textAlign: 'center' }}>
            <Button component="label" variant="outlined" startIcon={<UploadIcon />}>
              {text('import.choose')}
              <input type="file" hidden data-testid="import-file" onChange={(event) => choose(event.target.files?.item(0))} />
            </Button>
            <Typography variant="body2" sx={{ mt: 1.5, fontWeight: 600, overflowWrap: 'anywhere' }}>
              {file ? file.name : ' '}
            </Typography>
            <Typography variant="caption" color="text.secondary">
              {text('import.help')}
            </Typography>
          </Box>
          <FormControlLabel control={<Checkbox size="small" checked={skipInvalid} onChange={(event) => setSkipInvalid(event.target.checked)} />} label={text('import.skipInvalid')} />
          {upload.isPending && <LinearProgress aria-label={text('list.loading')} />}
          {upload.isError && (
            <Alert severity="error" sx={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>
              <AlertTitle>{text('import.failed')}</AlertTitle>
              {describeError(upload.error, text)}
            </Alert>
          )}
          {upload.isSuccess && (
            <Alert severity="success" sx={{ overflowWrap: 'anywhere' }}>
              <AlertTitle>{text(upload.data.routes.length === 1 ? 'import.doneOne' : 'import.done', { count: format.count(upload.data.routes.length) })}</AlertTitle>
              <Lines heading={text('import.replaced', { count: format.count(upload.data.replaced.length) })} lines={upload.data.replaced} />
              <Lines heading={text('import.skipped', { count: format.count(upload.data.skipped.length) })} lines={upload.data.skipped} />
              <Lines heading={text('import.notices')} lines={upload.data.notices} />
            </Alert>
          )}
        </Stack>
      </DialogContent>
      <DialogActions sx={{ px: 3, pb: 2 }}>
        <Button onClick={onClose}>{text('start.cancel')}</Button>
        <Button variant="contained" disabled={!file || upload.isPending} onClick={() => file && upload.mutate({ file, skipInvalid })}>
          {text('import.submit')}
        </Button>
      </DialogActions>
    </Dialog>
  )
}
