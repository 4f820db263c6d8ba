/** `node e2e/screenshot.mjs <url> <out.png> [--dark] [--phone] [--select] [--follow] [--lang pt] [--map zoom/lat/lng] [--delivery id] [--wait seconds] [--click selector]...` */

import { parseArgs } from 'node:util'
import { DESKTOP, launch, PHONE, sim, testUrl, vehiclesShown } from './browser.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dark: { type: 'boolean' },
    phone: { type: 'boolean' },
    select: { type: 'boolean' },
    follow: { type: 'boolean' },
    lang: { type: 'string', default: 'en' },
    map: { type: 'string' },
    delivery: { type: 'string' },
    wait: { type: 'string', default: '3' },
    click: { type: 'string', multiple: true, default: [] },
    size: { type: 'string' },
  },
})
const [base, out] = positionals
if (!base || !out) {
  console.error('usage: node e2e/screenshot.mjs <url> <out.png> [--dark] [--phone] [--select] [--follow] [--lang pt] [--map z/lat/lng] [--delivery id] [--wait s] [--click selector] [--size 1280x720]')
  process.exit(2)
}
const browser = await launch()
try {
  const [width, height] = values.size?.split('x').map(Number) ?? []
  const viewport = values.size ? { width, height } : values.phone ? PHONE : DESKTOP
  const page = await browser.newPage({ viewport, colorScheme: values.dark ? 'dark' : 'light', hasTouch: values.phone, isMobile: values.phone })
  page.on('pageerror', (error) => console.error('page error:', error.message))
  page.on('console', (message) => message.type() === 'error' && console.error('console:', message.text()))
  await page.goto(testUrl(base, { lang: values.lang, ...(values.map ? { map: values.map } : {}), ...(values.delivery ? { delivery: values.delivery } : {}) }))
  await vehiclesShown(page)
  await page.waitForTimeout(Number(values.wait) * 1000)
  if (values.select || values.follow) {
    // The vehicle nearest to the middle of the free part of the map.
    const place = await page.evaluate(([w, h]) => {
      const middle = { x: w > 720 ? w / 2 + 60 : w / 2, y: h / 2 }
      const found = window.__sim.ids().map((id) => ({ id, ...window.__sim.place(id) })).filter((vehicle) => vehicle.state === 0)
      return found.sort((a, b) => Math.hypot(a.x - middle.x, a.y - middle.y) - Math.hypot(b.x - middle.x, b.y - middle.y))[0]
    }, [viewport.width, viewport.height])
    await page.mouse.click(place.x, place.y)
    await page.waitForTimeout(1500)
    if (values.follow) await page.getByRole('button', { name: /^(Follow|Seguir)$/ }).click()
    await page.waitForTimeout(2500)
  }
  for (const selector of values.click) {
    await page.locator(selector).first().click()
    await page.waitForTimeout(800)
  }
  await page.screenshot({ path: out })
  console.log(JSON.stringify({ vehicles: await sim(page, 'vehicles'), fps: Math.round(await sim(page, 'fps')), view: await sim(page, 'view'), selected: await sim(page, 'selected'), delay: await sim(page, 'delayMs') }))
} finally {
  await browser.close()
}
