import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isGenuine, type Receipt } from '../../db/erasure/receipt.ts'
import type { Tenant } from '../../db/tenant.ts'
import { stripeEventsOf } from '../../sources/revenue/periods.ts'
import { landTenant } from '../../workers/landing/land.ts'
import { verifyTenant } from '../../workers/landing/verify.ts'
import { runExports } from '../../workers/run-exports.ts'
import { billingTenant, deliverStripe } from '../support/billing.ts'
import { busyTenant } from '../support/busy-tenant.ts'
import { filesWith, tablesWith } from '../support/everything.ts'
import { openPlatform, type Platform } from '../support/platform.ts'
import { workerContext } from '../support/work.ts'

/** An erasure whose process is killed again and again, anywhere: the next goes on, nothing is left, one receipt says all. */

const DAY = 86_400_000
const end = Math.floor(Date.now() / DAY) * DAY - 2 * DAY
const victim = 'kx9q-3305-victim'
/** Operations (queries, files) after which a process is killed; an undisturbed erasure of this member needs some 200. */
const CRASHES = [1, 9, 21, 30, 47, 75, 92]

let platform: Platform
let tenant: Tenant
let sent = 0

beforeAll(async () => {
  platform = await openPlatform()
  tenant = await billingTenant(platform, 'acme')
  const events = busyTenant({ end, mark: 'x', members: 2 })
    .filter(({ occurred_at }) => Date.parse(occurred_at) > end - 20 * DAY)
    .map((event) => (event.user_id === 'member-1' ? { ...event, user_id: victim } : event))
  sent = events.filter(({ user_id }) => user_id === victim).length
  await platform.send(tenant, events)
  const at = new Date(end - 5 * DAY).toISOString()
  const mention = { event_id: 'mention', type: 'screen_viewed', occurred_at: at, user_id: 'member-0' }
  await platform.send(tenant, [
    { ...mention, properties: { screen: 'home', invited_by: victim } },
    { event_id: 'q-1', type: 'no_such_type', occurred_at: at, user_id: victim },
  ])
  const start = new Date(end - 15 * DAY).toISOString()
  for (const event of stripeEventsOf([{ customer: victim, start, end: null, amount: '20.00', currency: 'usd' }]))
    await deliverStripe(platform, tenant, event)
  await platform.settle()
  await landTenant({ pool: platform.db.pool, objects: platform.objects, tenant })
  for (const body of [
    { type: 'fact_productivity', format: 'csv' },
    { type: 'member', format: 'json', params: { user_id: victim } },
  ])
    expect((await platform.post(tenant, '/api/analytics/exports', body, 'admin')).status).toBe(202)
  await runExports({}, workerContext(platform))
  expect((await platform.delete(tenant, `/api/analytics/members/${victim}`)).status).toBe(202)
}, 200_000)
afterAll(() => platform.close())

/** Runs a worker process until it ends: the signal that killed it, or its exit code. */
async function erase(crashAt: number): Promise<NodeJS.Signals | number | null> {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  const { dataDir, url } = platform.db
  const child = spawn(
    process.execPath,
    ['--import', tsx, fileURLToPath(new URL('./erase-process.ts', import.meta.url))],
    {
      env: {
        PATH: process.env.PATH ?? '',
        HOME: process.env.HOME ?? '',
        OBJECTS_DIR: dataDir,
        CRASH_AT: String(crashAt),
        MASTER_KEY: platform.masterKey.toString('base64'),
        ...(url === undefined ? { DATA_DIR: dataDir } : { DATABASE_URL: url }),
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  return signal ?? code
}

test('an erasure that is killed anywhere is gone on with, until nothing is left and one receipt says so', async () => {
  let killed = 0
  let ended: NodeJS.Signals | number | null = null
  for (const crashAt of CRASHES) {
    ended = await erase(crashAt)
    if (ended === 0) break
    expect(ended).toBe('SIGKILL')
    killed += 1
  }
  if (ended !== 0) expect(await erase(0)).toBe(0)
  expect(killed).toBeGreaterThan(4)

  await platform.settle()
  const { pool, dataDir } = platform.db
  expect(await tablesWith(pool, victim)).toEqual([])
  expect(await filesWith(join(dataDir, 'objects', 'landing'), victim)).toEqual([])
  expect(await filesWith(join(dataDir, 'objects', 'exports'), victim)).toEqual([])
  expect(await verifyTenant({ pool, objects: platform.objects, tenant }, { deep: true })).toEqual([])
  const { rows } = await pool.query<{ parameters: Receipt }>(
    `select parameters from analytics.analytics_audit_log where action = 'member.erased'`,
  )
  expect(rows).toHaveLength(1)
  const [receipt] = rows.map(({ parameters }) => parameters)
  expect(receipt && isGenuine(receipt)).toBe(true)
  // What a killed process had done is counted, and counted once.
  expect(receipt?.content.counts).toMatchObject({ events: sent, mentions: 1, quarantine: 1, exports: 2, members: 1 })
  expect(await erase(0)).toBe(0)
}, 240_000)
