import { execFileSync } from 'node:child_process'
import { createSign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadEvents } from '../../../cli/backfill/load-events.ts'
import { loadBillingEvents } from '../../../cli/billing-events.ts'
import { piiKey } from '../../../db/secrets.ts'
import type { Tenant } from '../../../db/tenant.ts'
import { updateTenant } from '../../../db/tenant-settings.ts'
import { stripeEventsOf } from '../../../sources/revenue/periods.ts'
import { sources } from '../../../workers/sources/catalog.ts'
import { sourceCollectors } from '../../../workers/sources/collectors.ts'
import { startSources } from '../../../workers/sources/start.ts'
import { billingTenant, deliverRevenuecat, deliverStripe } from '../../support/billing.ts'
import { eventually } from '../../support/eventually.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
const HOUR = 3_600_000
const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:billing'

let platform: Platform
let certificate = ''
beforeAll(async () => {
  platform = await openPlatform({
    deps: (db) => ({ collectors: sourceCollectors(db.pool) }),
    webhooks: { fetchText: async () => certificate },
  })
})
afterAll(() => platform.close())

/** What `/metrics` says of a source: lag, processed, failed and so on. */
async function scraped({ slug }: Tenant, source: string): Promise<Record<string, number>> {
  const { body } = await platform.app.inject('/metrics')
  const lines = body.matchAll(/^upcoach_source_(\w+)\{tenant="([^"]+)",source="([^"]+)"\} (\S+)$/gm)
  return Object.fromEntries(
    [...lines].flatMap(([, name = '', tenant, from, value]) =>
      tenant === slug && from === source ? [[name, Number(value)]] : [],
    ),
  )
}
/** Counters are right, the batch just came, and the lag is about that of its newest message. */
async function expectCounted(tenant: Tenant, source: string, processed: number, failed: number, lagSeconds: number) {
  // One read of the database is shared by the scrapes of a second.
  const found = await eventually(async () => {
    const now = await scraped(tenant, source)
    expect(now, source).toMatchObject({ processed_total: processed, failed_total: failed })
    return now
  }, 5000)
  expect(Math.abs((found.lag_seconds ?? Number.NaN) - lagSeconds), `${source} ${found.lag_seconds}`).toBeLessThan(30)
  expect(Math.abs((found.last_batch_timestamp_seconds ?? 0) - Date.now() / 1000), source).toBeLessThan(30)
  expect(found, source).not.toHaveProperty('up')
}

const view = (id: string, at: number) => ({
  event_id: id,
  type: 'screen_viewed',
  occurred_at: new Date(at).toISOString(),
  user_id: 'm-1',
  properties: { screen: 'home' },
})

describe('/metrics has lag, processed and failed of every source', () => {
  test('of those that workers read, from the first run on, reachable or not', async () => {
    const enabled = Object.fromEntries(sources.map(({ name }) => [`source.${name}.enabled`, true]))
    const tenant = await platform.createTenant({ slug: 'reads-all', settings: enabled })
    const { db: database, masterKey } = platform
    const options = { database, masterKey, logger: silent, accepted: () => undefined, sources }
    const running = await startSources({ ...options, scanMs: 50, leaseSeconds: 5, backoffMs: 50 })
    for (const { name } of sources)
      await eventually(async () => {
        const found = await scraped(tenant, name)
        expect(found, name).toMatchObject({ up: 0, lag_seconds: expect.any(Number), processed_total: 0 })
        expect(found, name).toMatchObject({ failed_total: 0, errors_total: expect.any(Number) })
        expect(found.errors_total).toBeGreaterThan(0)
      })
    const off = Object.fromEntries(sources.map(({ name }) => [`source.${name}.enabled`, null]))
    await updateTenant(database.pool, tenant.slug, { settings: off })
    await running.close()
  })

  test('of the mobile sync: a delivery of yesterday is a day late', async () => {
    const tenant = await platform.createTenant({ slug: 'lag-mobile' })
    const yesterday = Date.now() - 24 * HOUR
    const events = [view('a', yesterday), view('b', yesterday - HOUR), { ...view('c', yesterday), type: 'no_such' }]
    const delivery = { device_id: 'phone', events: events.map((event, i) => ({ ...event, sequence: i + 1 })) }
    expect((await platform.post(tenant, '/api/analytics/events', delivery)).status).toBe(200)
    await expectCounted(tenant, 'mobile_sync', 3, 1, 24 * 3600)
  })

  test('of events sent straight to the API, many small requests together', async () => {
    const tenant = await platform.createTenant({ slug: 'lag-api' })
    const at = Date.now() - 2 * HOUR
    const send = (...events: object[]) => platform.post(tenant, '/api/analytics/events', { events })
    const answers = await Promise.all([
      ...Array.from({ length: 20 }, (_, i) => send(view(`e-${i}`, at))),
      send(view('x', at), { ...view('y', at), type: 'no_such' }),
    ])
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    await expectCounted(tenant, 'api', 22, 1, 7200)
    expect((await send(view('x', at))).status).toBe(200)
    await expectCounted(tenant, 'api', 23, 1, 7200)
    const { rows } = await platform.db.pool.query(
      'select accepted, duplicates from analytics.source_status where tenant = $1 and source = $2',
      [tenant.slug, 'api'],
    )
    expect(rows).toEqual([{ accepted: 21, duplicates: 1 }])
  })

  test('of the webhooks, direct and through SNS, and of imported billing events', async () => {
    const tenant = await billingTenant(platform, 'lag-billing', { settings: { 'revenue.sns_topics': [TOPIC] } })
    const [event] = stripeEventsOf([
      { customer: 'm-1', start: '2026-01-05', end: null, amount: '10.00', currency: 'usd' },
    ])
    const created = Math.floor(Date.now() / 1000) - 90
    await deliverStripe(platform, tenant, { ...event, created })
    await deliverStripe(platform, tenant, { ...event, created })
    await deliverStripe(platform, tenant, { nothing: true })
    await expectCounted(tenant, 'stripe', 3, 1, 90)
    await deliverRevenuecat(platform, tenant, {
      event: { id: 'r', type: 'TEST', event_timestamp_ms: Date.now() - HOUR },
    })
    await expectCounted(tenant, 'revenuecat', 1, 0, 3600)

    const keyFile = join(platform.db.dataDir, 'sns.key')
    const subject = ['-subj', '/CN=sns.amazonaws.com', '-days', '2', '-nodes', '-newkey', 'rsa:2048']
    certificate = execFileSync('openssl', ['req', '-x509', ...subject, '-keyout', keyFile], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const message: Record<string, string> = {
      Type: 'Notification',
      MessageId: 'm1',
      TopicArn: TOPIC,
      Message: JSON.stringify({ detail: { ...event, id: 'evt_sns', created } }),
      Timestamp: new Date().toISOString(),
      SignatureVersion: '2',
      SigningCertURL: 'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem',
    }
    const signed = ['Message', 'MessageId', 'Timestamp', 'TopicArn', 'Type'].map(
      (name) => `${name}\n${message[name]}\n`,
    )
    const Signature = createSign('RSA-SHA256').update(signed.join('')).sign(readFileSync(keyFile, 'utf8'), 'base64')
    const payload = JSON.stringify({ ...message, Signature })
    const headers = { 'content-type': 'text/plain; charset=UTF-8' }
    const url = `/webhooks/sns/${tenant.id}`
    expect((await platform.app.inject({ method: 'POST', url, payload, headers })).statusCode).toBe(200)
    await expectCounted(tenant, 'stripe_sns', 1, 0, 90)

    const intake = { tenant, piiKey: await piiKey(platform.db.pool, platform.masterKey, tenant.id) }
    const imported = { ...event, id: 'evt_old', created: created - 3600 }
    await loadBillingEvents(platform.db, intake, 'stripe', [imported, imported])
    await expectCounted(tenant, 'stripe_import', 2, 0, 3690)
  })

  test.each(['mixpanel', 'segment'])('of what is loaded from %s', async (source) => {
    const tenant = await platform.createTenant({ slug: `lag-${source}` })
    const intake = { tenant, piiKey: await piiKey(platform.db.pool, platform.masterKey, tenant.id) }
    const records = async function* () {
      yield [{ event: view('a', Date.now() - 48 * HOUR) }]
      yield [{ event: view('b', Date.now() - 50 * HOUR) }, { event: { type: 'nothing' } }]
      yield [{ skipped: 'nobody logged in' }]
    }
    const loading = { database: platform.db, intake, source, onProblem: () => undefined, onProgress: () => undefined }
    await loadEvents(records(), loading, { read: async () => undefined, write: async () => undefined })
    await expectCounted(tenant, source, 3, 1, 48 * 3600)
  })
})
