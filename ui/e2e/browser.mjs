/** Chromium without a GPU, as all scripts of this folder start it. */

import { chromium } from 'playwright-core'

const FLAGS = [
  '--no-sandbox',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--disable-gpu-sandbox',
  '--ignore-gpu-blocklist',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]

export const DESKTOP = { width: 1280, height: 720 }
export const PHONE = { width: 390, height: 844 }

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS })
}

/** The page's address with the probe switched on. */
export function testUrl(base, params = {}) {
  const url = new URL(base)
  url.searchParams.set('test', '1')
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value)
  return url.toString()
}

/** Ask until the answer is true; null when the time is up. */
export async function until(ask, withinMs = 15_000, everyMs = 100) {
  const end = performance.now() + withinMs
  for (;;) {
    const found = await ask()
    if (found) return found
    if (performance.now() > end) return null
    await new Promise((done) => setTimeout(done, everyMs))
  }
}

export function sim(page, method, ...values) {
  return page.evaluate(([name, args]) => (window.__sim ? window.__sim[name](...args) : null), [method, values])
}

export function vehiclesShown(page, withinMs = 20_000) {
  return until(async () => (await sim(page, 'firstVehicleMs')) !== null, withinMs)
}
