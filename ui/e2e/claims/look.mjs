/** How the page looks: dark, in Portuguese, on a phone. */

import { PHONE, until } from '../browser.mjs'
import { brightness } from '../pixels.mjs'

export async function lookClaims({ page, claim }) {
  await claim('dark mode darkens page and map', async () => {
    const background = () => page.getByTestId('map').evaluate((map) => getComputedStyle(map).backgroundColor)
    const light = await background()
    await page.getByTestId('menu').click()
    await page.getByTestId('menu-dark').click()
    await page.keyboard.press('Escape')
    await page.waitForTimeout(1_500)
    const dark = await background()
    const bright = (colour) => colour.match(/\d+/g).slice(0, 3).map(Number).reduce((sum, part) => sum + part, 0) / 3
    const mean = await brightness(page, await page.screenshot({ clip: { x: 500, y: 200, width: 300, height: 300 } }))
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

  await claim("nothing is cut off at a phone's width", async () => {
    await page.setViewportSize(PHONE)
    const measure = () => page.evaluate(() => ({ page: document.documentElement.scrollWidth, window: window.innerWidth, bar: document.querySelector('header').scrollWidth }))
    // The map follows the window with its next frame.
    const fits = await until(async () => {
      const widths = await measure()
      return widths.window === PHONE.width && widths.page <= widths.window && widths.bar <= widths.window
    }, 10_000)
    return { ok: fits, ...(await measure()) }
  })
}
