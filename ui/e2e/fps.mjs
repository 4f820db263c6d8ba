/** `node e2e/fps.mjs <url> <seconds>`: how fast the map moves, as one JSON object. The view holds the whole fleet. */

import { DESKTOP, launch, sim, testUrl, until, vehiclesShown } from './browser.mjs'

const [base, seconds = '10', view] = process.argv.slice(2)
if (!base) {
  console.error('usage: node e2e/fps.mjs <url> [seconds] [zoom/lat/lng]')
  process.exit(2)
}
const browser = await launch()
try {
  const page = await browser.newPage({ viewport: DESKTOP })
  await page.goto(testUrl(base, view ? { map: view } : {}))
  if (!(await vehiclesShown(page))) throw new Error('no vehicle within 20 s')
  const firstVehicleMs = await sim(page, 'firstVehicleMs')
  // The first seconds belong to the page's own start.
  await until(() => sim(page, 'idle'), 10_000)
  await new Promise((done) => setTimeout(done, 2_000))
  const start = { frames: await sim(page, 'frames'), at: performance.now() }
  await new Promise((done) => setTimeout(done, Number(seconds) * 1000))
  const frames = (await sim(page, 'frames')) - start.frames
  const fps = (1000 * frames) / (performance.now() - start.at)
  const [vehicles, level, zoom] = [await sim(page, 'vehicles'), await sim(page, 'level'), (await sim(page, 'view')).zoom]
  console.log(JSON.stringify({ fps: Math.round(fps * 10) / 10, first_vehicle_ms: Math.round(firstVehicleMs), vehicles, zoom: Math.round(zoom * 100) / 100, plain: level.plain }))
} finally {
  await browser.close()
}
