/**
 * `node e2e/run.mjs <url>`: what a viewer sees and does, over a running server. Prints one JSON line per claim, {"claim", "ok", "detail"}; exits 1 if one fails.
 * `--shots <folder>` keeps a screenshot per claim.
 */

import { parseArgs } from 'node:util'
import { testUrl } from './browser.mjs'
import { controlClaims, deliveredClaims, deliveryClaims, importClaims } from './claims/deliveries.mjs'
import { lookClaims } from './claims/look.mjs'
import { runClaims } from './claims/run.mjs'
import { lostContextClaims, vehicleClaims } from './claims/vehicles.mjs'
import { openStage } from './stage.mjs'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { shots: { type: 'string' } } })
const [base] = positionals
if (!base) {
  console.error('usage: node e2e/run.mjs <url> [--shots folder]')
  process.exit(2)
}
const stage = await openStage(base, values)
try {
  await stage.page.goto(testUrl(base, { lang: 'en' }))
  await vehicleClaims(stage)
  await deliveryClaims(stage)
  await importClaims(stage)
  await controlClaims(stage)
  await runClaims(stage)
  // Time that ran faster has brought arrivals.
  await deliveredClaims(stage)
  await lostContextClaims(stage)
  await lookClaims(stage)
} catch (error) {
  stage.tell('the script ran to its end', false, { error: String(error) })
} finally {
  process.exitCode = (await stage.end()) > 0 ? 1 : 0
}
