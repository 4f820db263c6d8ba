/** The run from the bar: it pauses, goes on, and time goes faster and slower. */

import { until } from '../browser.mjs'

const seconds = (clock) => clock.split(':').reduce((sum, part) => 60 * sum + Number(part), 0)

export async function runClaims({ page, origin, claim, ask, places }) {
  const clock = page.getByTestId('sim-clock')
  const scale = page.getByRole('button', { name: /^Speed of time/ })
  const button = (name) => page.locator('header').getByRole('button', { name })
  const control = async (action, data) => {
    const [run] = await (await page.request.get(`${origin}/runs`)).json()
    await page.request.post(`${origin}/runs/${encodeURIComponent(run.runId)}/${action}`, { data })
  }

  /** Simulated seconds per second, as the clock in the bar shows them. */
  const pace = async () => {
    const [from, startMs] = [seconds(await clock.textContent()), performance.now()]
    await page.waitForTimeout(3_000)
    const passed = (seconds(await clock.textContent()) - from + 86_400) % 86_400
    return Math.round((10_000 * passed) / (performance.now() - startMs)) / 10
  }

  /** Do vehicles stand where they stood a second ago? */
  const stand = async () => {
    const ids = (await ask('ids')).slice(0, 100)
    const before = await places(ids)
    await page.waitForTimeout(1_000)
    const after = await places(ids)
    return ids.every((id) => !before[id] || !after[id] || Math.hypot(after[id].lng - before[id].lng, after[id].lat - before[id].lat) < 1e-6)
  }

  await claim('the run pauses: clock and vehicles stand, and go on', async () => {
    try {
      await page.getByRole('button', { name: 'Show the whole area' }).click()
      await until(async () => (await ask('vehicles')) > 0, 15_000)
      const movedBefore = await until(async () => !(await stand()), 15_000)
      await button('Pause the simulation').click()
      await button('Resume the simulation').waitFor({ timeout: 15_000 })
      const stood = await until(stand, 20_000)
      const pausedPace = await pace()
      await button('Resume the simulation').click()
      await button('Pause the simulation').waitFor({ timeout: 15_000 })
      const movesAgain = await until(async () => !(await stand()), 20_000)
      return { ok: movedBefore && stood && pausedPace === 0 && movesAgain, movedBefore, stood, pausedPace, movesAgain }
    } finally {
      await control('resume')
    }
  })

  await claim('time runs ten times as fast, and as it does again', async () => {
    const choose = async (words) => {
      await scale.click()
      await page.getByRole('menuitem', { name: words, exact: true }).click()
      return until(async () => (await scale.textContent()) === words, 15_000)
    }
    try {
      const told = await choose('×10')
      const fast = await until(async () => {
        const found = await pace()
        return found > 7 && found < 13 ? found : null
      }, 20_000)
      const toldAgain = await choose('×1')
      const plain = await until(async () => {
        const found = await pace()
        return found > 0.5 && found < 1.5 ? found : null
      }, 20_000)
      return { ok: told && fast !== null && toldAgain && plain !== null, told, fast, toldAgain, plain }
    } finally {
      await control('scale', { timeScale: 1 })
    }
  })
}
