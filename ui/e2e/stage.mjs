/** One page under test: what it said wrong, and the claims about it, one JSON line each: {"claim", "ok", "detail"}. */

import { DESKTOP, launch, sim, until } from './browser.mjs'

export async function openStage(base, { shots } = {}) {
  const origin = new URL(base).origin
  const browser = await launch()
  // A quarter of the pixels: they are drawn by the processor that also runs the stack under test.
  const context = await browser.newContext({ viewport: DESKTOP, deviceScaleFactor: 0.5, locale: 'en-GB', colorScheme: 'light' })
  const page = await context.newPage()
  const faults = listen(page, origin)
  let failed = 0

  const tell = (claim, ok, detail) => {
    if (!ok) failed += 1
    console.log(JSON.stringify({ claim, ok: Boolean(ok), detail }))
  }

  return {
    origin,
    page,
    faults,
    tell,
    ask: (method, ...values) => sim(page, method, ...values),
    places: (ids) => page.evaluate((wanted) => Object.fromEntries(wanted.map((id) => [id, window.__sim.place(id)])), ids),
    noticed: (kind, withinMs) => until(() => page.evaluate((prefix) => window.__notices.find((notice) => notice.startsWith(prefix)), `notice-${kind}`), withinMs, 250),
    card: page.getByRole('region', { name: 'Selected delivery' }),

    /** A step that throws is a claim that fails; the others still get their turn. */
    async claim(name, check) {
      const startMs = performance.now()
      try {
        const { ok, ...detail } = await check()
        tell(name, ok, { ...detail, tookMs: Math.round(performance.now() - startMs) })
      } catch (error) {
        tell(name, false, { error: String(error?.message ?? error).slice(0, 400) })
      }
      if (shots) await page.screenshot({ path: `${shots}/${name.replace(/\W+/g, '-')}.png` }).catch(() => undefined)
    },

    /** Close the browser; how many claims failed. */
    async end() {
      tell('no page error', faults.page.length === 0, { errors: faults.page.slice(0, 5) })
      tell('no console error', faults.console.length === 0, { errors: faults.console.slice(0, 5) })
      tell('no request leaves the origin', faults.outside.length === 0, { requests: faults.outside.slice(0, 5) })
      await browser.close()
      return failed
    },
  }
}

/** What the page says wrong. `expected`: patterns of console errors that a claim causes. */
function listen(page, origin) {
  const faults = { page: [], console: [], outside: [], expected: [] }
  page.on('pageerror', (error) => faults.page.push(error.message))
  page.on('console', (message) => {
    if (message.type() !== 'error') return
    const said = `${message.text()} (${message.location().url})`
    if (!faults.expected.some((pattern) => pattern.test(said))) faults.console.push(said)
  })
  const watch = (address) => {
    const url = new URL(address)
    if (url.protocol === 'blob:' || url.protocol === 'data:') return
    if (url.origin.replace(/^ws/, 'http') !== origin) faults.outside.push(address)
  }
  page.on('request', (request) => watch(request.url()))
  page.on('websocket', (socket) => watch(socket.url()))
  void page.addInitScript(() => {
    window.__notices = []
    new MutationObserver(() => {
      for (const notice of document.querySelectorAll('[data-testid^="notice-"]')) {
        const seen = `${notice.dataset.testid}: ${notice.textContent}`
        if (window.__notices.at(-1) !== seen) window.__notices.push(seen)
      }
    }).observe(document, { childList: true, subtree: true, characterData: true })
  })
  return faults
}
