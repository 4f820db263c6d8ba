/**
 * `node e2e/run.mjs <url>`: what a viewer sees and does, over a running server. Prints one JSON line per claim, {"claim", "ok", "detail"}; exits 1 if one fails.
 * `--shots <folder>` keeps a screenshot per step.
 */

import { parseArgs } from 'node:util'
import { DESKTOP, launch, PHONE, sim, testUrl, until, vehiclesShown } from './browser.mjs'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { shots: { type: 'string' } } })
const [base] = positionals
if (!base) {
  console.error('usage: node e2e/run.mjs <url> [--shots folder]')
  process.exit(2)
}
const origin = new URL(base).origin
let failed = 0

function tell(claim, ok, detail) {
  if (!ok) failed += 1
  console.log(JSON.stringify({ claim, ok: Boolean(ok), detail }))
}

/** A step that throws is a claim that fails; the others still get their turn. */
async function claim(name, check) {
  try {
    const { ok, ...detail } = await check()
    tell(name, ok, detail)
  } catch (error) {
    tell(name, false, { error: String(error?.message ?? error).slice(0, 400) })
  }
  if (values.shots) await page.screenshot({ path: `${values.shots}/${name.replace(/\W+/g, '-')}.png` }).catch(() => undefined)
}

const browser = await launch()
const context = await browser.newContext({ viewport: DESKTOP, locale: 'en-GB', colorScheme: 'light' })
const page = await context.newPage()

const pageErrors = []
const consoleErrors = []
const outside = []
page.on('pageerror', (error) => pageErrors.push(error.message))
page.on('console', (message) => message.type() === 'error' && consoleErrors.push(message.text()))
const watch = (address) => {
  const url = new URL(address)
  if (url.protocol === 'blob:' || url.protocol === 'data:') return
  if (url.origin.replace(/^ws/, 'http') !== origin) outside.push(address)
}
page.on('request', (request) => watch(request.url()))
page.on('websocket', (socket) => watch(socket.url()))
await page.addInitScript(() => {
  window.__notices = []
  new MutationObserver(() => {
    for (const notice of document.querySelectorAll('[data-testid^="notice-"]')) {
      const seen = `${notice.dataset.testid}: ${notice.textContent}`
      if (window.__notices.at(-1) !== seen) window.__notices.push(seen)
    }
  }).observe(document, { childList: true, subtree: true, characterData: true })
})

const places = (ids) => page.evaluate((wanted) => Object.fromEntries(wanted.map((id) => [id, window.__sim.place(id)])), ids)
const noticed = (kind, withinMs) => until(() => page.evaluate((prefix) => window.__notices.find((notice) => notice.startsWith(prefix)), `notice-${kind}`), withinMs, 250)

/** How many pixels differ between two pictures of the map. */
function changedPixels(before, after) {
  return page.evaluate(
    async (pictures) => {
      const read = async (base64) => {
        const picture = new Image()
        picture.src = `data:image/png;base64,${base64}`
        await picture.decode()
        const canvas = new OffscreenCanvas(picture.width, picture.height)
        const pen = canvas.getContext('2d')
        pen.drawImage(picture, 0, 0)
        return pen.getImageData(0, 0, picture.width, picture.height).data
      }
      const [a, b] = await Promise.all(pictures.map(read))
      let changed = 0
      for (let i = 0; i < a.length; i += 4) if (Math.abs(a[i] - b[i]) + Math.abs(a[i + 1] - b[i + 1]) + Math.abs(a[i + 2] - b[i + 2]) > 60) changed += 1
      return changed
    },
    [before, after].map((picture) => picture.toString('base64')),
  )
}

/** A moving vehicle on the free part of the map, well apart from the others. */
const loner = () =>
  page.evaluate(() => {
    const all = window.__sim.ids().map((id) => ({ id, ...window.__sim.place(id) }))
    const apart = (one) => Math.min(...all.filter((other) => other.id !== one.id).map((other) => Math.hypot(other.x - one.x, other.y - one.y)))
    const free = all.filter((one) => one.state === 0 && one.x > 420 && one.x < 900 && one.y > 130 && one.y < 560)
    return free.map((one) => ({ ...one, apart: apart(one) })).sort((a, b) => b.apart - a.apart)[0] ?? null
  })

try {
  await page.goto(testUrl(base, { lang: 'en' }))

  await claim('vehicles appear', async () => {
    await vehiclesShown(page, 30_000)
    const vehicles = await until(() => sim(page, 'vehicles'), 10_000)
    return { ok: vehicles > 0, vehicles, firstVehicleMs: Math.round(await sim(page, 'firstVehicleMs')) }
  })

  await claim('vehicles move smoothly between frames', async () => {
    await until(() => sim(page, 'idle'), 20_000)
    await page.waitForTimeout(2_000)
    const ids = (await sim(page, 'ids')).slice(0, 300)
    const walk = [await places(ids)]
    for (let i = 0; i < 10; i += 1) {
      await page.waitForTimeout(200)
      walk.push(await places(ids))
    }
    const moved = ids.filter((id) => walk[0][id] && walk[10][id] && Math.hypot(walk[10][id].lng - walk[0][id].lng, walk[10][id].lat - walk[0][id].lat) > 1e-5)
    // One that is drawn at 1 Hz stands still in four of five looks; a smooth one in hardly any.
    const steps = moved.flatMap((id) => walk.slice(1).map((places_, i) => (places_[id] && walk[i][id] ? Math.hypot(places_[id].lng - walk[i][id].lng, places_[id].lat - walk[i][id].lat) : 0)))
    const still = steps.filter((step) => step < 1e-8).length / Math.max(1, steps.length)
    return { ok: moved.length > ids.length / 3 && still < 0.5, watched: ids.length, moved: moved.length, stillShare: Math.round(still * 100) / 100 }
  })

  await claim('the pixels of the map change', async () => {
    const clip = { x: 400, y: 130, width: 560, height: 400 }
    const before = await page.screenshot({ clip })
    await page.waitForTimeout(2_000)
    const changed = await changedPixels(before, await page.screenshot({ clip }))
    return { ok: changed > 20, changedPixels: changed }
  })

  await claim('a click selects the vehicle under it and shows its route', async () => {
    const near = await loner()
    await page.evaluate(({ lng, lat }) => window.__sim.jumpTo({ lng, lat, zoom: 15 }), near)
    await until(() => sim(page, 'idle'), 20_000)
    await page.waitForTimeout(1_500)
    // The page may be slow and the vehicle fast: aim again until the click lands.
    let aimed = null
    const selected = await until(async () => {
      aimed = await loner()
      if (!aimed) return null
      await page.mouse.click(aimed.x, aimed.y)
      const now = await sim(page, 'selected')
      return now.vehicleId !== null && now
    }, 10_000)
    const known = await until(async () => (await sim(page, 'selected')).deliveryId, 8_000)
    const card = await page.getByTestId('card-delivery').textContent({ timeout: 8_000 })
    const delivery = await (await page.request.get(`${origin}/deliveries/${encodeURIComponent(known)}`)).json()
    const route = await until(async () => {
      const found = await sim(page, 'route')
      return found.driven + found.ahead > 1 ? found : null
    }, 8_000)
    const at = await places([aimed.id])
    const metres = delivery.position && at[aimed.id] ? Math.hypot((delivery.position.lng - at[aimed.id].lng) * 75_000, (delivery.position.lat - at[aimed.id].lat) * 111_000) : null
    return { ok: selected?.vehicleId === aimed.id && card === known && route !== null && metres !== null && metres < 400, aimed: aimed.id, selected: selected?.vehicleId, deliveryId: known, card, route, metresFromStored: metres === null ? null : Math.round(metres) }
  })

  await claim('follow keeps the vehicle in the middle', async () => {
    await page.getByRole('button', { name: 'Follow' }).click()
    await page.waitForTimeout(2_500)
    const { vehicleId, following } = await sim(page, 'selected')
    const at = await sim(page, 'place', vehicleId)
    const box = await page.getByTestId('map').boundingBox()
    const off = at ? Math.hypot(at.x - (box.x + box.width / 2), at.y - (box.y + box.height / 2)) : null
    await page.getByRole('button', { name: 'Follow' }).click()
    return { ok: following && off !== null && off < 40, pixelsOff: off === null ? null : Math.round(off) }
  })

  await claim('the address holds view and selection', async () => {
    const params = new URL(page.url()).searchParams
    const { deliveryId } = await sim(page, 'selected')
    return { ok: params.get('delivery') === deliveryId && /^\d/.test(params.get('map') ?? ''), map: params.get('map'), delivery: params.get('delivery') }
  })

  await claim('a delivery that is started appears in the list and on the map', async () => {
    await page.getByTestId('start').click()
    const rows = page.locator('[data-route]')
    await rows.first().waitFor({ timeout: 10_000 })
    await page.getByLabel('Search routes').fill('2')
    const wanted = page.locator('[data-route="2"]')
    await wanted.waitFor({ timeout: 4_000 }).catch(() => page.getByLabel('Search routes').fill(''))
    await ((await wanted.count()) > 0 ? wanted : rows).first().click()
    const [response] = await Promise.all([page.waitForResponse((answer) => answer.request().method() === 'POST' && new URL(answer.url()).pathname.endsWith('/deliveries'), { timeout: 15_000 }), page.getByTestId('start-submit').click()])
    const [started] = (await response.json()).deliveries
    const notice = await until(async () => (await noticed('requested', 100)) ?? (await noticed('started', 100)), 10_000)
    await page.getByRole('button', { name: 'Show on the map' }).first().click({ timeout: 8_000 })
    await page.getByLabel('Search deliveries').fill(started.deliveryId)
    await page.locator(`[data-delivery="${started.deliveryId}"]`).waitFor({ timeout: 15_000 })
    const shown = await until(async () => {
      const now = await sim(page, 'selected')
      return now.deliveryId === started.deliveryId && now.vehicleId !== null ? sim(page, 'place', now.vehicleId) : null
    }, 25_000)
    await page.getByLabel('Search deliveries').fill('')
    const box = await page.getByTestId('map').boundingBox()
    const inView = shown && shown.x > box.x && shown.x < box.x + box.width && shown.y > box.y && shown.y < box.y + box.height
    return { ok: notice && inView, deliveryId: started.deliveryId, routeId: started.routeId, notice, place: shown && [shown.lng, shown.lat] }
  })

  await claim('a row of the list selects with the keyboard', async () => {
    const list = page.getByRole('listbox')
    await list.focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await page.waitForTimeout(300)
    const before = (await sim(page, 'selected')).deliveryId
    await page.keyboard.press('Enter')
    const after = await until(async () => {
      const now = (await sim(page, 'selected')).deliveryId
      return now && now !== before ? now : null
    }, 5_000)
    return { ok: after !== null, before, after }
  })

  await claim('the state filter narrows list and address', async () => {
    const counts = await page.request.get(`${origin}/deliveries?state=moving&limit=1`)
    await page.locator('header [data-state="moving"]').click()
    const narrowed = await until(async () => new URL(page.url()).searchParams.get('state') === 'moving', 3_000)
    await page.locator('header [data-state="moving"]').click()
    return { ok: narrowed && counts.ok(), moving: (await counts.json()).total }
  })

  await claim('dark mode darkens page and map', async () => {
    await page.evaluate(() => {
      const map = document.querySelector('[data-testid="map"]')
      window.__light = getComputedStyle(map).backgroundColor
    })
    await page.getByTestId('menu').click()
    await page.getByTestId('menu-dark').click()
    await page.keyboard.press('Escape')
    await page.waitForTimeout(1_500)
    const [light, dark] = await page.evaluate(() => [window.__light, getComputedStyle(document.querySelector('[data-testid="map"]')).backgroundColor])
    const bright = (colour) => colour.match(/\d+/g).slice(0, 3).map(Number).reduce((sum, part) => sum + part, 0) / 3
    const picture = (await page.screenshot({ clip: { x: 500, y: 200, width: 300, height: 300 } })).toString('base64')
    const mean = await page.evaluate(async (base64) => {
      const image = new Image()
      image.src = `data:image/png;base64,${base64}`
      await image.decode()
      const pen = new OffscreenCanvas(image.width, image.height).getContext('2d')
      pen.drawImage(image, 0, 0)
      const { data } = pen.getImageData(0, 0, image.width, image.height)
      return data.reduce((sum, part, i) => (i % 4 === 3 ? sum : sum + part), 0) / ((data.length / 4) * 3)
    }, picture)
    return { ok: bright(light) > 200 && bright(dark) < 60 && mean < 90, light, dark, meanOfMap: Math.round(mean) }
  })

  await claim('the page speaks Portuguese', async () => {
    await page.getByTestId('menu').click()
    await page.getByTestId('menu-pt').click()
    await page.keyboard.press('Escape')
    await page.getByRole('heading', { name: 'Entregas' }).waitFor({ timeout: 5_000 })
    const lang = await page.evaluate(() => document.documentElement.lang)
    const button = await page.getByTestId('start').textContent()
    await page.getByTestId('menu').click()
    await page.getByTestId('menu-en').click()
    await page.keyboard.press('Escape')
    return { ok: lang === 'pt-BR' && button.includes('Iniciar'), lang, button }
  })

  await claim('a delivered notice shows', async () => {
    const notice = await noticed('delivered', 120_000)
    return { ok: notice !== null, notice }
  })

  await claim('nothing is cut off at a phone\'s width', async () => {
    await page.setViewportSize(PHONE)
    await page.waitForTimeout(1_500)
    const widths = await page.evaluate(() => ({ page: document.documentElement.scrollWidth, window: window.innerWidth, bar: document.querySelector('header').scrollWidth }))
    return { ok: widths.page <= widths.window && widths.bar <= widths.window, ...widths }
  })
} catch (error) {
  tell('the script ran to its end', false, { error: String(error) })
} finally {
  tell('no page error', pageErrors.length === 0, { errors: pageErrors.slice(0, 5) })
  tell('no console error', consoleErrors.length === 0, { errors: consoleErrors.slice(0, 5) })
  tell('no request leaves the origin', outside.length === 0, { requests: outside.slice(0, 5) })
  await browser.close()
}
process.exit(failed > 0 ? 1 : 0)
