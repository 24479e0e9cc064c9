import { text } from 'node:stream/consumers'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isGenuine, type Receipt } from '../../db/erasure/receipt.ts'
import { listQuarantine, replayQuarantine } from '../../db/quarantine.ts'
import { checkRevenue } from '../../db/revenue/check.ts'
import { piiKey } from '../../db/secrets.ts'
import type { Tenant } from '../../db/tenant.ts'
import { metrics } from '../../metrics/catalog.ts'
import { stripeEventsOf } from '../../sources/revenue/periods.ts'
import { eraseMembers } from '../../workers/erase-members.ts'
import { landTenant } from '../../workers/landing/land.ts'
import type { Landing } from '../../workers/landing/store.ts'
import { verifyTenant } from '../../workers/landing/verify.ts'
import { runExports } from '../../workers/run-exports.ts'
import { billingTenant, deliverRevenuecat, deliverStripe } from '../support/billing.ts'
import { busyTenant } from '../support/busy-tenant.ts'
import { tablesWith } from '../support/everything.ts'
import { ledgerRows, ledgerTables } from '../support/ledger-rows.ts'
import { openPlatform, type Platform } from '../support/platform.ts'
import { workerContext } from '../support/work.ts'

const victim = 'zq7x-4711-victim'
const stays = 'member-2'
const lines: string[] = []
let platform: Platform
let tenant: Tenant
/** Has never heard of the member. */
let without: Tenant
/** The same money, and nobody was erased. */
let reference: Tenant
let landing: Landing

const end = Math.floor(Date.now() / 3_600_000) * 3_600_000
const everybody = busyTenant({ end, mark: 'x', members: 4 }).map((event) =>
  event.user_id === 'member-1' ? { ...event, user_id: victim } : event,
)
const others = everybody.filter(({ user_id }) => user_id !== victim)
const from = new Date(end - 71 * 86_400_000).toISOString().slice(0, 10)
const to = new Date(end).toISOString().slice(0, 10)
const revenue = ['new_mrr', 'net_mrr', 'arpu', 'subscriber_churn_rate']

async function readAll(of: Tenant, wanted: (name: string) => boolean): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {}
  for (const metric of metrics.filter(({ name }) => wanted(name))) {
    const granularity = metric.granularities.includes('day') ? 'day' : metric.granularities[0]
    const path = `/api/analytics/metrics/${metric.name}?from=${from}&to=${to}&granularity=${granularity}`
    const { status, body } = await platform.get<{ series: unknown }>(of, path)
    expect(status, metric.name).toBe(200)
    answers[metric.name] = body.series
  }
  // Floats are summed in another order: the last digits may differ.
  return JSON.parse(JSON.stringify(answers), (_, value) =>
    typeof value === 'number' ? Number(value.toPrecision(9)) : value,
  )
}

const paymentsWith = (payer: string) =>
  stripeEventsOf([
    { customer: payer, start: `${from}T10:00:00Z`, end: null, amount: '20.00', currency: 'usd' },
    { customer: stays, start: `${from}T11:00:00Z`, end: `${to}T00:00:00Z`, amount: '30.00', currency: 'usd' },
  ])
/** Who pays, and as whom. */
const payers = () =>
  [
    [tenant, victim],
    [reference, 'zq7x-4712-other'],
  ] as const
const renewal = (user: string, id: string, at: number) => ({
  api_version: '1.0',
  event: {
    id,
    type: id === 'rc-1' ? 'INITIAL_PURCHASE' : 'RENEWAL',
    app_user_id: user,
    original_app_user_id: user,
    aliases: [user, '$RCAnonymousID:8'],
    event_timestamp_ms: at,
    purchased_at_ms: at,
    expiration_at_ms: at + 30 * 86_400_000,
    product_id: 'pro_monthly',
    period_type: 'NORMAL',
    store: 'APP_STORE',
    environment: 'PRODUCTION',
    price: 9.99,
    price_in_purchased_currency: 9.99,
    currency: 'USD',
    transaction_id: id,
    // none, so that the subscription is named after the member
    original_transaction_id: null,
  },
})

beforeAll(async () => {
  platform = await openPlatform({
    env: { LOG_LEVEL: 'trace' },
    deps: { logStream: { write: (line) => void lines.push(line) } },
  })
  tenant = await billingTenant(platform, 'all')
  without = await platform.createTenant({ slug: 'without' })
  reference = await billingTenant(platform, 'reference')
  await platform.send(tenant, everybody)
  await platform.send(tenant, [
    {
      event_id: 'mention',
      type: 'screen_viewed',
      occurred_at: new Date(end - 20 * 86_400_000).toISOString(),
      user_id: stays,
      properties: { screen: 'home', invited_by: victim, note: `with ${victim}.` },
    },
    // to be corrected, then refused for its type
    { event_id: 'q-1', type: 'no_such_type', occurred_at: new Date(end).toISOString(), user_id: victim },
    {
      event_id: 'q-2',
      type: 'no_such_type',
      occurred_at: new Date(end).toISOString(),
      user_id: stays,
      properties: { referrer: victim },
    },
  ])
  // never less than an hour ahead
  const skewed = new Date(end + 7_200_000).toISOString()
  await platform.send(
    tenant,
    [
      {
        event_id: 'skewed',
        type: 'screen_viewed',
        occurred_at: skewed,
        user_id: victim,
        properties: { screen: 'home' },
      },
    ],
    skewed,
  )
  await platform.send(without, others)
  for (const [payer, who] of payers()) {
    for (const event of paymentsWith(who)) await deliverStripe(platform, payer, event)
    await deliverRevenuecat(platform, payer, renewal(who, 'rc-1', end - 40 * 86_400_000))
  }
  await platform.settle()
  landing = { pool: platform.db.pool, objects: platform.objects, tenant }
  await landTenant(landing)
  const asked = await platform.post(
    tenant,
    '/api/analytics/exports',
    { type: 'fact_productivity', format: 'csv', params: { from, to } },
    'admin',
  )
  expect(asked.status, asked.text).toBe(202)
  await runExports({}, workerContext(platform))
  // Half of the member's history is compressed.
  await platform.db.pool.query(
    `select compress_chunk(c, true) from show_chunks('analytics.events', older_than => now() - interval '20 days') c`,
  )
  await platform.db.pool.query('analyze')
  // Something was read about the member once.
  await platform.db.pool.query(
    `insert into analytics.analytics_audit_log (tenant_id, actor, role, action, route, parameters, status, request_id)
     values ($1, 'ops', 'admin', 'x', 'x', $2, 200, 'r-1')`,
    [tenant.id, JSON.stringify({ user_id: victim, why: 'asked' })],
  )
}, 200_000)
afterAll(() => platform.close())

/** Files of exports that hold a text. */
async function exportsNaming(needle: string): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of platform.objects.list('exports/'))
    if ((await text(await platform.objects.get(key))).includes(needle)) found.push(key)
  return found
}

/** Landed files whose decoded rows hold a text. */
async function filesNaming(needle: string): Promise<string[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const duck = await instance.connect()
  const found = await duck.runAndReadAll(
    ['events', 'fact_productivity', 'dim_user', 'dim_subscription']
      .map(
        (name) =>
          `select distinct filename from read_parquet('${platform.db.dataDir}/objects/landing/**/${name}.parquet', filename = true) x where contains(x::varchar, '${needle}')`,
      )
      .join(' union all '),
  )
  const files = found.getRowObjectsJson().map((row) => String(row.filename))
  duck.closeSync()
  instance.closeSync()
  return files
}

describe('the erasure of a member', () => {
  let url = ''

  test('is asked for by admins only, and only of their own tenant', async () => {
    for (const role of ['coach', 'finance', 'service'] as const)
      expect((await platform.delete(tenant, `/api/analytics/members/${victim}`, role)).status).toBe(403)
    expect((await tablesWith(platform.db.pool, victim)).length).toBeGreaterThan(20)
    expect((await filesNaming(victim)).length).toBeGreaterThan(20)
    expect(await exportsNaming(victim)).toHaveLength(1)
  })

  test('refuses whatever comes about the member from the moment it is asked for', async () => {
    const asked = await platform.delete<{ status: string; status_url: string; receipt: unknown }>(
      tenant,
      `/api/analytics/members/${victim}`,
    )
    expect(asked.status).toBe(202)
    expect(asked.body).toMatchObject({ status: 'running', receipt: null })
    url = asked.body.status_url
    const late = { type: 'screen_viewed', occurred_at: new Date(end).toISOString(), properties: { screen: 'home' } }
    const answer = await platform.post(tenant, '/api/analytics/events', {
      events: [
        { ...late, event_id: 'late-1', user_id: victim },
        { ...late, event_id: 'late-2', user_id: stays },
        { ...late, event_id: 'late-3', user_id: victim, type: 'no_such_type' },
      ],
    })
    expect(answer.body).toMatchObject({
      accepted: 1,
      rejected: 2,
      errors: [
        { index: 0, event_id: 'late-1', field: 'user_id', code: 'member_erased' },
        { index: 2, code: 'unknown_type' },
      ],
    })
    await platform.send(without, [{ ...late, event_id: 'late-2', user_id: stays }])
    await platform.settle()

    const intake = { tenant, piiKey: await piiKey(platform.db.pool, platform.masterKey, tenant.id) }
    const kept = await listQuarantine(platform.db.pool, tenant.id, 10)
    expect(kept.map(({ body }) => body)).toHaveLength(2)
    const fixed = kept.map((row) => ({
      ...row,
      body: { ...(row.body as object), type: 'screen_viewed', properties: { screen: 'x' } },
    }))
    expect(await replayQuarantine(platform.db.pool, intake, fixed.slice(0, 1))).toMatchObject({
      accepted: 0,
      rejected: 1,
    })
  })

  test('counts what providers still bill, under nobody’s name', async () => {
    for (const [payer, who] of payers())
      await deliverRevenuecat(platform, payer, renewal(who, 'rc-2', end - 10 * 86_400_000))
    await platform.settle()
    const { rows } = await platform.db.pool.query<{ body: string }>(
      `select body::text from analytics.revenue_webhooks where event_id = 'rc-2' and tenant_id = $1`,
      [tenant.id],
    )
    expect(rows[0]?.body).toContain('erased-')
    expect(rows[0]?.body).not.toContain(victim)
  })

  test('leaves no byte of the member in any table, file or log, and a genuine receipt', async () => {
    expect(await eraseMembers({}, workerContext(platform))).toEqual({ erased: 1 })
    await platform.settle()
    expect(await tablesWith(platform.db.pool, victim)).toEqual([])
    const { rows } = await platform.db.pool.query<{ n: number }>(
      `select count(*) as n from analytics.events e where strpos(e::text, $1) > 0`,
      [victim],
    )
    expect(rows[0]?.n).toBe(0)
    expect(lines.join('')).not.toContain(victim)
    expect(await filesNaming(victim)).toEqual([])
    expect(await exportsNaming(victim)).toEqual([])
    expect(await verifyTenant(landing, { deep: true })).toEqual([])

    const { status, body } = await platform.get<{ status: string; receipt: Receipt }>(tenant, url)
    expect(status).toBe(200)
    expect(body.status).toBe('completed')
    expect(body.receipt.content.counts.events).toBe(everybody.length - others.length + 1)
    expect(body.receipt.content.counts).toMatchObject({
      mentions: 1,
      quarantine: 1,
      exports: 1,
      event_corrections: 1,
      members: 1,
    })
    expect(isGenuine(body.receipt)).toBe(true)
    expect(isGenuine({ ...body.receipt, content: { ...body.receipt.content, requested_by: 'somebody else' } })).toBe(
      false,
    )
    expect((await platform.get(without, url)).status).toBe(404)

    const audit = await platform.db.pool.query<{ parameters: unknown }>(
      `select parameters from analytics.analytics_audit_log where action = 'member.erased'`,
    )
    expect(audit.rows.map(({ parameters }) => parameters)).toEqual([body.receipt])
  })

  test('leaves numbers as if the member had never been there', async () => {
    const isUsage = (name: string) => !revenue.includes(name)
    const usage = metrics.filter(({ roles }) => !roles.includes('finance')).map(({ name }) => name)
    const wanted = (name: string) => isUsage(name) && usage.includes(name)
    const mention = await ledgerTables(platform.db.pool)
    // the mention is an action of somebody who stays
    await platform.send(without, [
      {
        event_id: 'mention',
        type: 'screen_viewed',
        occurred_at: new Date(end - 20 * 86_400_000).toISOString(),
        user_id: stays,
        properties: { screen: 'home' },
      },
    ])
    await platform.settle()
    expect(await readAll(tenant, wanted)).toEqual(await readAll(without, wanted))
    const ledgers = mention.filter((table) => table !== 'events')
    expect(await ledgerRows(platform.db.pool, ledgers, tenant.id)).toEqual(
      await ledgerRows(platform.db.pool, ledgers, without.id),
    )
  }, 60_000)

  test('changes no figure of finance', async () => {
    const money = await readAll(reference, (name) => revenue.includes(name))
    expect(JSON.stringify(money)).toMatch(/"value":[1-9]/)
    expect(await readAll(tenant, (name) => revenue.includes(name))).toEqual(money)
    expect(await checkRevenue(platform.db.pool)).toEqual([])
  })

  test('asked for again, is the same erasure', async () => {
    const again = await platform.delete<{ status_url: string; receipt: Receipt | null }>(
      tenant,
      `/api/analytics/members/${victim}`,
    )
    expect(again.status).toBe(200)
    expect(again.body.status_url).toBe(url)
    expect(again.body.receipt).not.toBeNull()
    // another tenant's member of the same id is somebody else
    const event = {
      event_id: 'same',
      type: 'screen_viewed',
      occurred_at: new Date(end).toISOString(),
      properties: { screen: 'x' },
    }
    expect(await platform.send(reference, [{ ...event, user_id: victim }])).toMatchObject({ accepted: 1 })
  })
})
