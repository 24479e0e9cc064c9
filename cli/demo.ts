import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { type Config, loadConfig } from '../config.ts'
import { refreshTouched } from '../db/aggregates.ts'
import { readBacklog } from '../db/jobs.ts'
import { createTenant, findTenant, type Tenant } from '../db/tenant.ts'
import { updateTenant } from '../db/tenant-settings.ts'
import { createTwin, type Twin } from '../sources/simulator/twin.ts'
import { parseDay, zoneClock } from '../sources/simulator/zone.ts'
import { firstFilledOverview, table } from './demo/kpis.ts'
import { keepAlive } from './demo/live.ts'
import { loadDeliveries } from './demo/load.ts'
import { sendSubscriptions } from './demo/subscriptions.ts'
import { mintToken } from './mint-token.ts'
import { run, UserError, wholeNumber } from './run.ts'
import { type Server, serve } from './serve.ts'

const SLUG = 'demo'
const TIMEZONE = 'Europe/Berlin'
const DAY_SECONDS = 86_400

/** What was loaded, kept with the tenant: the same twin goes on living at the next start. */
const loadedSchema = z.object({ seed: z.number(), members: z.number(), days: z.number(), endDate: z.string() })
type Loaded = z.infer<typeof loadedSchema>
const SETTING = 'demo'

await run({
  help: `
npm run demo [-- --members 40 --days 365 --seed 1]

Everything in one go: the embedded TimescaleDB, workers and the API; a tenant "demo" with a year of a simulated coaching
business, sent through the API as a bad network would (duplicates, late, wrong clocks); then live events until Ctrl-C.
A second start keeps what is there and goes on with live events. PORT, HOST and DATA_DIR as in npm start.

  --members  simulated members (40)
  --days     days of history up to yesterday (365)
  --seed     another seed, another business (1)`,
  options: {
    members: { type: 'string', default: '40' },
    days: { type: 'string', default: '365' },
    seed: { type: 'string', default: '1' },
  },
  async main({ members, days, seed }) {
    const started = performance.now()
    const wanted = {
      members: wholeNumber(members, 'members', 1, 5000),
      days: wholeNumber(days, 'days', 1, 700),
      seed: wholeNumber(seed, 'seed', 0),
    }
    const config = quiet(loadConfig())
    console.log('Starting TimescaleDB, the workers and the API …')
    const server = await serve(config, { workers: true })
    const stopped = new AbortController()
    server.platform.onClose(async () => stopped.abort())
    const elapsed = () => `${((performance.now() - started) / 1000).toFixed(0)} s`
    console.log(`Running at ${server.url} after ${elapsed()}.`)
    try {
      await demonstrate(config, server, wanted, stopped.signal, elapsed)
    } catch (error) {
      // Ctrl-C while events are on their way: the server is closing, and that is what was asked for.
      if (stopped.signal.aborted) return
      await server.stop()
      throw error
    }
  },
})

/** Request lines would bury what the demo says; warnings and errors still come through. */
function quiet(config: Config): Config {
  return config.LOG_LEVEL === 'info' ? { ...config, LOG_LEVEL: 'warn' } : config
}

async function demonstrate(
  config: Config,
  server: Server,
  wanted: Omit<Loaded, 'endDate'>,
  signal: AbortSignal,
  elapsed: () => string,
): Promise<void> {
  const { pool } = server.platform.database
  const tenant =
    (await findTenant(pool, { slug: SLUG })) ??
    (await createTenant(pool, { slug: SLUG, name: 'Demo', timezone: TIMEZONE, currency: 'EUR' }))
  await updateTenant(pool, SLUG, { settings: { 'feature.analytics_v2': true } })
  const token = (role: 'admin' | 'service') =>
    mintToken(config, { tenantId: tenant.id, role, subject: `demo:${role}`, ttlSeconds: 30 * DAY_SECONDS })
  const events = { url: server.url, token: await token('service') }
  const admin = { url: server.url, token: await token('admin') }

  const earlier = loadedSchema.safeParse(tenant.settings[SETTING]).data
  const loaded = earlier ?? { ...wanted, endDate: yesterday(tenant) }
  const twin = createTwin({ ...loaded, timezone: tenant.timezone })
  if (earlier) console.log(`The data of an earlier start is here: ${describe(earlier)}. Another DATA_DIR starts anew.`)
  else {
    console.log(`Sent ${await sendSubscriptions(server.platform, server.url, tenant, twin)} signed Stripe events.`)
    await load(server, events, twin, loaded)
  }

  await settled(server, signal)
  const overview = await firstFilledOverview(admin)
  console.log(`\nKPIs ${elapsed()} after the start:\n${table(overview)}\n`)
  console.log(guide(server.url, admin.token))
  await keepAlive(events, twin, zoneClock(tenant.timezone).instantOf(parseDay(loaded.endDate) + 1, 0), signal)
}

async function load(server: Server, target: { url: string; token: string }, twin: Twin, loaded: Loaded): Promise<void> {
  const began = performance.now()
  console.log(`Sending ${describe(loaded)} …`)
  const totals = await loadDeliveries(target, twin.deliveries)
  const took = (performance.now() - began) / 1000
  console.log(
    `Sent ${totals.sent} events in ${took.toFixed(0)} s: ${totals.accepted} accepted, ${totals.duplicates} duplicates, ${totals.rejected} rejected.`,
  )
  if (totals.accepted + totals.duplicates === 0) throw new UserError('no event of the demo was accepted')
  await updateTenant(server.platform.database.pool, SLUG, { settings: { [SETTING]: loaded } })
}

/** Until everything that was sent is counted and aggregated: numbers in between are of no day that ever was. */
async function settled({ platform }: Server, signal: AbortSignal): Promise<void> {
  const { pool } = platform.database
  while (!signal.aborted && (await readBacklog(pool)).dirty_marks > 0)
    await wait(250, undefined, { signal }).catch(() => undefined)
  // The worker would do it within a second or two; here somebody is waiting.
  if (!signal.aborted) await refreshTouched(pool)
}

function describe({ members, days, seed }: Loaded): string {
  return `${members} members over ${days} days (seed ${seed})`
}

function yesterday(tenant: Tenant): string {
  const formatter = new Intl.DateTimeFormat('en-CA', { timeZone: tenant.timezone })
  return new Date(Date.parse(formatter.format(new Date())) - DAY_SECONDS * 1000).toISOString().slice(0, 10)
}

function guide(url: string, token: string): string {
  return `Live events keep coming; Ctrl-C stops. Now look:

  ${url}/#token=${token}

  That link opens the dashboards, signed in. ${url}/documentation has every route, to try out:

  export TOKEN=${token}
  curl -H "Authorization: Bearer $TOKEN" ${url}/api/analytics/overview
  curl -H "Authorization: Bearer $TOKEN" ${url}/api/analytics/revenue/kpis
  curl -H "Authorization: Bearer $TOKEN" "${url}/api/analytics/metrics/wau?granularity=week"
  curl -H "Authorization: Bearer $TOKEN" "${url}/api/analytics/metrics/active_minutes?granularity=hour"

More tokens (admin, coach, finance, service), while this runs:
  npm run --silent token -- --tenant ${SLUG} --role finance
  npm run --silent token -- --tenant ${SLUG} --role coach --coach <coach id>
`
}
