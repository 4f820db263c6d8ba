/** Vehicles on the map: they appear, move, can be picked and followed, and survive a lost graphics context. */

import { until, vehiclesShown } from '../browser.mjs'
import { changedPixels } from '../pixels.mjs'

const MAP_CLIP = { x: 400, y: 130, width: 560, height: 400 }

/** A moving vehicle on the free part of the map, well apart from the others. */
const loner = (page) =>
  page.evaluate(() => {
    const all = window.__sim.ids().map((id) => ({ id, ...window.__sim.place(id) }))
    const apart = (one) => Math.min(...all.filter((other) => other.id !== one.id).map((other) => Math.hypot(other.x - one.x, other.y - one.y)))
    const free = all.filter((one) => one.state === 0 && one.x > 420 && one.x < 900 && one.y > 130 && one.y < 560)
    return free.map((one) => ({ ...one, apart: apart(one) })).sort((a, b) => b.apart - a.apart)[0] ?? null
  })

export async function vehicleClaims({ page, origin, claim, ask, places, card }) {
  await claim('vehicles appear', async () => {
    await vehiclesShown(page, 30_000)
    const vehicles = await until(() => ask('vehicles'), 10_000)
    return { ok: vehicles > 0, vehicles, firstVehicleMs: Math.round(await ask('firstVehicleMs')) }
  })

  await claim('vehicles move smoothly between frames', async () => {
    await until(() => ask('idle'), 20_000)
    await page.waitForTimeout(2_000)
    const ids = (await ask('ids')).slice(0, 300)
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
    const before = await page.screenshot({ clip: MAP_CLIP })
    await page.waitForTimeout(2_000)
    const changed = await changedPixels(page, before, await page.screenshot({ clip: MAP_CLIP }))
    return { ok: changed > 20, changedPixels: changed }
  })

  await claim('a click selects the vehicle under it and shows its route', async () => {
    const near = await loner(page)
    await page.evaluate(({ lng, lat }) => window.__sim.jumpTo({ lng, lat, zoom: 15 }), near)
    await until(() => ask('idle'), 20_000)
    await page.waitForTimeout(1_500)
    // The page may be slow and the vehicle fast: aim again until the click lands.
    let aimed = null
    const selected = await until(async () => {
      aimed = await loner(page)
      if (!aimed) return null
      await page.mouse.click(aimed.x, aimed.y)
      const now = await ask('selected')
      return now.vehicleId !== null && now
    }, 10_000)
    const known = await until(async () => (await ask('selected')).deliveryId, 8_000)
    const shown = await card.getByTestId('card-delivery').textContent({ timeout: 8_000 })
    const delivery = await (await page.request.get(`${origin}/deliveries/${encodeURIComponent(known)}`)).json()
    const route = await until(async () => {
      const found = await ask('route')
      return found.driven + found.ahead > 1 ? found : null
    }, 8_000)
    const at = await places([aimed.id])
    const metres = delivery.position && at[aimed.id] ? Math.hypot((delivery.position.lng - at[aimed.id].lng) * 75_000, (delivery.position.lat - at[aimed.id].lat) * 111_000) : null
    return { ok: selected?.vehicleId === aimed.id && shown === known && route !== null && metres !== null && metres < 400, aimed: aimed.id, selected: selected?.vehicleId, deliveryId: known, card: shown, route, metresFromStored: metres === null ? null : Math.round(metres) }
  })

  await claim('follow keeps the vehicle in the middle', async () => {
    await page.getByRole('button', { name: 'Follow' }).click()
    await page.waitForTimeout(2_500)
    const { vehicleId, following } = await ask('selected')
    const at = await ask('place', vehicleId)
    const box = await page.getByTestId('map').boundingBox()
    const off = at ? Math.hypot(at.x - (box.x + box.width / 2), at.y - (box.y + box.height / 2)) : null
    await page.getByRole('button', { name: 'Follow' }).click()
    return { ok: following && off !== null && off < 40, pixelsOff: off === null ? null : Math.round(off) }
  })

  await claim('the address holds view and selection', async () => {
    const params = new URL(page.url()).searchParams
    const { deliveryId } = await ask('selected')
    return { ok: params.get('delivery') === deliveryId && /^\d/.test(params.get('map') ?? ''), map: params.get('map'), delivery: params.get('delivery') }
  })
}

/** Take the graphics context away from a canvas, or give it back. */
const context = (page, selector, act) =>
  page.evaluate(
    ([wanted, method]) => {
      window.__taken ??= new Map()
      const canvas = document.querySelector(wanted)
      // An extension is to be had only while the context lives.
      if (!window.__taken.has(wanted)) window.__taken.set(wanted, canvas.getContext('webgl2').getExtension('WEBGL_lose_context'))
      window.__taken.get(wanted)[method]()
    },
    [selector, act],
  )

export async function lostContextClaims({ page, claim, ask }) {
  const message = page.getByText('The graphics driver stopped drawing the map.')
  for (const [name, selector] of [['vehicles', 'canvas.vehicle-overlay'], ['streets', 'canvas.maplibregl-canvas']]) {
    await claim(`a lost graphics context is told, and its return draws the ${name} again`, async () => {
      await page.getByRole('button', { name: 'Show the whole area' }).click()
      await page.waitForTimeout(1_500)
      await until(() => ask('idle'), 20_000)
      const whole = await page.screenshot({ clip: MAP_CLIP })
      await context(page, selector, 'loseContext')
      await message.waitFor({ timeout: 10_000 })
      await page.waitForTimeout(500)
      const [without, framesLost] = [await page.screenshot({ clip: MAP_CLIP }), await ask('frames')]
      await context(page, selector, 'restoreContext')
      await message.waitFor({ state: 'detached', timeout: 10_000 })
      await until(() => ask('idle'), 20_000)
      await page.waitForTimeout(1_000)
      const back = await page.screenshot({ clip: MAP_CLIP })
      const [gone, returned, fromBefore] = [await changedPixels(page, whole, without), await changedPixels(page, without, back), await changedPixels(page, whole, back)]
      const frames = (await ask('frames')) - framesLost
      return { ok: gone > 100 && returned > 100 && fromBefore < returned && frames > 0, pixelsGone: gone, pixelsReturned: returned, changedSinceBefore: fromBefore, frames }
    })
  }
}
