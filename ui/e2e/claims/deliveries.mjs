/** Deliveries: started, listed, imported routes driven, paused, resumed, cancelled, delivered. */

import { until } from '../browser.mjs'

/** Tick a route in the picker and start it; the first delivery of the answer. */
async function startOn(page, route) {
  await route.click()
  const answered = page.waitForResponse((answer) => answer.request().method() === 'POST' && new URL(answer.url()).pathname.endsWith('/deliveries'), { timeout: 15_000 })
  const [response] = await Promise.all([answered, page.getByTestId('start-submit').click()])
  return (await response.json()).deliveries[0]
}

export async function deliveryClaims({ page, origin, claim, ask, noticed }) {
  await claim('a delivery that is started appears in the list and on the map', async () => {
    await page.getByTestId('start').click()
    const rows = page.locator('[data-route]')
    await rows.first().waitFor({ timeout: 10_000 })
    await page.getByLabel('Search routes').fill('2')
    const wanted = page.locator('[data-route="2"]')
    await wanted.waitFor({ timeout: 4_000 }).catch(() => page.getByLabel('Search routes').fill(''))
    const started = await startOn(page, ((await wanted.count()) > 0 ? wanted : rows).first())
    const notice = await until(async () => (await noticed('requested', 100)) ?? (await noticed('started', 100)), 10_000)
    await page.getByRole('button', { name: 'Show on the map' }).first().click({ timeout: 8_000 })
    await page.getByLabel('Search deliveries').fill(started.deliveryId)
    await page.locator(`[data-delivery="${started.deliveryId}"]`).waitFor({ timeout: 15_000 })
    const shown = await until(async () => {
      const now = await ask('selected')
      return now.deliveryId === started.deliveryId && now.vehicleId !== null ? ask('place', now.vehicleId) : null
    }, 25_000)
    await page.getByLabel('Search deliveries').fill('')
    const box = await page.getByTestId('map').boundingBox()
    const inView = shown && shown.x > box.x && shown.x < box.x + box.width && shown.y > box.y && shown.y < box.y + box.height
    return { ok: notice && inView, deliveryId: started.deliveryId, routeId: started.routeId, notice, place: shown && [shown.lng, shown.lat] }
  })

  await claim('a row of the list selects with the keyboard', async () => {
    const list = page.getByRole('listbox')
    await list.focus()
    const before = (await ask('selected')).deliveryId
    // New deliveries push rows down, so a row may turn out to be the selected one: then the next will do.
    let after = null
    for (let tries = 0; tries < 3 && after === null; tries += 1) {
      await page.keyboard.press('ArrowDown')
      await page.waitForTimeout(300)
      await page.keyboard.press('Enter')
      after = await until(async () => {
        const now = (await ask('selected')).deliveryId
        return now && now !== before ? now : null
      }, 3_000)
    }
    return { ok: after !== null, before, after }
  })

  await claim('the state filter narrows list and address', async () => {
    const counts = await page.request.get(`${origin}/deliveries?state=moving&limit=1`)
    await page.locator('header [data-state="moving"]').click()
    const narrowed = await until(async () => new URL(page.url()).searchParams.get('state') === 'moving', 3_000)
    await page.locator('header [data-state="moving"]').click()
    return { ok: narrowed && counts.ok(), moving: (await counts.json()).total }
  })
}

/** Six kilometres along the valley: long enough to outlast the claims about its delivery. */
const lane = (title) => ({
  type: 'FeatureCollection',
  features: [{ type: 'Feature', properties: { name: title }, geometry: { type: 'LineString', coordinates: [[9.5209, 47.141], [9.525, 47.165], [9.53, 47.195]] } }],
})

const DAMAGED = '-15.83031,-47.92650\n-15.83030,-47.92644\n-15.83029,-47.92637-15.82594,-47.92923\n'

async function importFile(page, name, text) {
  await page.getByTestId('menu').click()
  await page.getByRole('menuitem', { name: 'Import routes' }).click()
  await page.getByTestId('import-file').setInputFiles({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(text) })
  const dialog = page.getByRole('dialog', { name: 'Import routes' })
  await dialog.getByRole('button', { name: 'Import', exact: true }).click()
  const said = await dialog.getByRole('alert').textContent({ timeout: 15_000 })
  await dialog.getByRole('button', { name: 'Close' }).click()
  await dialog.waitFor({ state: 'detached', timeout: 5_000 })
  return said
}

export async function importClaims({ page, faults, claim, card }) {
  await claim('a damaged route file is refused with the line at fault', async () => {
    faults.expected.push(/status of 422 .*\/routes/)
    const said = await importFile(page, 'damaged.txt', DAMAGED)
    return { ok: said.includes('line 3') && said.includes('-15.83029,-47.92637-15.82594,-47.92923'), said }
  })

  await claim('a route file is imported, and its route can be chosen and started', async () => {
    const title = `Lane ${Date.now().toString(36)}`
    const said = await importFile(page, `${title}.geojson`, JSON.stringify(lane(title)))
    await page.getByTestId('start').click()
    await page.getByLabel('Search routes').fill(title)
    const route = page.locator('[data-route]', { hasText: title })
    await route.waitFor({ timeout: 10_000 })
    const started = await startOn(page, route)
    await page.getByRole('dialog').waitFor({ state: 'detached', timeout: 5_000 })
    await page.getByLabel('Search deliveries').fill(started.deliveryId)
    await page.locator(`[data-delivery="${started.deliveryId}"]`).click({ timeout: 20_000 })
    await card.getByRole('heading', { name: title }).waitFor({ timeout: 15_000 })
    await page.getByLabel('Search deliveries').fill('')
    return { ok: said.includes('1 route imported'), said, ...started }
  })
}

/** On the selected delivery, which must be on its way. */
export async function controlClaims({ claim, ask, card }) {
  const stateSaid = () => card.getByTestId('card-state').textContent({ timeout: 5_000 })
  const becomes = (...words) => until(async () => words.includes(await stateSaid()), 20_000)
  const wireState = async () => {
    const { vehicleId } = await ask('selected')
    return vehicleId === null ? null : (await ask('place', vehicleId))?.state
  }

  await claim('a selected delivery pauses and goes on', async () => {
    const moving = await becomes('Moving', 'At a stop')
    await card.getByRole('button', { name: 'Pause' }).click()
    const paused = await becomes('Paused')
    const onMap = await until(async () => (await wireState()) === 2, 10_000)
    await card.getByRole('button', { name: 'Resume' }).click()
    const again = await becomes('Moving', 'At a stop')
    return { ok: moving && paused && onMap && again, moving, paused, pausedOnTheMap: onMap, again }
  })

  await claim('a selected delivery is cancelled, but not by one press', async () => {
    await card.getByRole('button', { name: 'Cancel delivery' }).click()
    await card.getByRole('button', { name: 'Cancel it for good' }).waitFor({ timeout: 3_000 })
    const afterOnePress = await stateSaid()
    const button = card.getByRole('button', { name: /^Cancel (delivery|it for good)$/ })
    const cancelled = await until(async () => {
      if ((await stateSaid()) === 'Cancelled') return true
      await button.click({ timeout: 1_000 }).catch(() => undefined)
      return false
    }, 20_000, 500)
    const buttons = await card.getByRole('button', { name: 'Pause' }).count()
    return { ok: afterOnePress !== 'Cancelled' && cancelled && buttons === 0, afterOnePress, cancelled, buttonsLeft: buttons }
  })
}

export async function deliveredClaims({ claim, noticed }) {
  await claim('a delivered notice shows', async () => {
    const notice = await noticed('delivered', 60_000)
    return { ok: notice !== null, notice }
  })
}
