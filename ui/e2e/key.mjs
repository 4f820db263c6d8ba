/** `node e2e/key.mjs <url> <key>`: a server that wants a key. The page asks for it, says so when it is wrong, and shows vehicles when it is right. Prints claims as `run.mjs` does. */

import { testUrl, until, vehiclesShown } from './browser.mjs'
import { openStage } from './stage.mjs'

const [base, key] = process.argv.slice(2)
if (!base || !key) {
  console.error('usage: node e2e/key.mjs <url> <key>')
  process.exit(2)
}
const stage = await openStage(base)
const { page, claim, ask } = stage
// Refusals are what this script is about; the browser writes each to the console.
stage.faults.expected.push(/status of 401/, /WebSocket connection to .* failed/)
const dialog = page.getByRole('dialog', { name: 'This server asks for a key' })
const field = dialog.getByLabel('API key')
const give = async (text) => {
  await field.fill(text)
  await dialog.getByRole('button', { name: 'Go on' }).click()
}
try {
  await claim('a page without a key asks for it and shows nothing', async () => {
    await page.goto(testUrl(base, { lang: 'en' }))
    await dialog.waitFor({ timeout: 20_000 })
    const [vehicles, phase] = [await ask('vehicles'), await page.getByTestId('connection').getAttribute('data-phase')]
    return { ok: !vehicles && phase !== 'connected', vehicles, phase }
  })

  await claim('a wrong key is called wrong', async () => {
    await give(`not-${key}`)
    const told = page.getByText('The server did not accept this key.')
    await told.waitFor({ timeout: 20_000 })
    return { ok: !(await ask('vehicles')), told: await told.textContent() }
  })

  await claim('the right key shows vehicles, over the socket as well', async () => {
    await give(key)
    const connected = await until(async () => (await ask('phase')) === 'connected', 20_000)
    const shown = await vehiclesShown(page, 20_000)
    const vehicles = await until(() => ask('vehicles'), 10_000)
    await page.locator('[data-delivery]').first().waitFor({ timeout: 10_000 })
    await page.waitForTimeout(1_500)
    return { ok: connected && shown && vehicles > 0 && (await dialog.count()) === 0, vehicles, dialogs: await dialog.count() }
  })

  await claim('the key is kept for this tab', async () => {
    await page.reload()
    const shown = await vehiclesShown(page, 30_000)
    return { ok: shown && (await dialog.count()) === 0, address: page.url().includes(key) ? 'holds the key' : 'without the key' }
  })
} finally {
  process.exitCode = (await stage.end()) > 0 ? 1 : 0
}
