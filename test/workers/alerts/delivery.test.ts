import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { addTestNotification, pauseAfter, readNotifications, takeNotifications } from '../../../db/alerts/outbox.ts'
import { evaluateRules } from '../../../db/alerts/store.ts'
import { writeSecret } from '../../../db/secrets.ts'
import { createTenant, type Tenant } from '../../../db/tenant.ts'
import { alertRules } from '../../../metrics/alerts/catalog.ts'
import { deliverOutbox } from '../../../workers/alerts/deliver.ts'
import { checkTarget, isPublicAddress } from '../../../workers/alerts/webhook.ts'
import { openTestDatabase, type TestDatabase } from '../../support/database.ts'

const masterKey = Buffer.alloc(32, 9)
const SECRET = 'a webhook secret'

interface Received {
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

let database: TestDatabase
let pool: pg.Pool
let server: Server
let host: string
let received: Received[] = []
/** What the receiver does next; default 200. */
let behaviour: (answer: ServerResponse) => void = (answer) => answer.writeHead(200).end()

beforeAll(async () => {
  database = await openTestDatabase()
  pool = database.pool
  server = createServer((request, answer) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      received.push({ headers: request.headers, body })
      behaviour(answer)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`
}, 120_000)
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await database.close()
})
beforeEach(() => {
  received = []
  behaviour = (answer) => answer.writeHead(200).end()
})

let made = 0
async function makeTenant(settings: Record<string, unknown> = {}): Promise<Tenant> {
  made += 1
  const tenant = await createTenant(pool, {
    slug: `hook-${made}`,
    timezone: 'UTC',
    currency: 'EUR',
    settings: { alert_webhook_url: `http://${host}/hook`, ...settings },
  })
  await writeSecret(pool, masterKey, tenant.id, 'alert_webhook_secret', SECRET)
  return tenant
}

const access = (more: { timeoutMs?: number; allowedHosts?: string[] } = {}) => ({
  masterKey,
  allowedHosts: [host],
  timeoutMs: 2_000,
  ...more,
})
/** As if the pause after a failed attempt were over. */
const hurry = () =>
  pool.query(`update analytics.alert_notifications set next_attempt_at = now() where delivery = 'waiting'`)
const latest = async (tenant: Tenant) => (await readNotifications(pool, tenant.id, 1))[0]

/** Makes the rule for failing jobs fire (or not) for a tenant, through the real engine. */
async function failJobs(tenant: Tenant, times: number) {
  await pool.query(
    `insert into analytics.job_outcomes (name, consecutive_failures, last_run_at) values ('reconcile', $1, now())
     on conflict (name) do update set consecutive_failures = $1, last_run_at = now()`,
    [times],
  )
  return evaluateRules(pool, tenant, alertRules)
}

describe('delivery to a real server', () => {
  test('firing and resolved arrive once each, signed, with their idempotency keys', async () => {
    const tenant = await makeTenant()
    await failJobs(tenant, 3)
    await failJobs(tenant, 4)
    expect(await deliverOutbox(pool, access())).toMatchObject({ delivered: 1 })
    await failJobs(tenant, 0)
    expect(await deliverOutbox(pool, access())).toMatchObject({ delivered: 1 })
    expect(await deliverOutbox(pool, access())).toMatchObject({ delivered: 0 })
    const bodies = received.map(({ body }) => JSON.parse(body))
    expect(bodies).toMatchObject([
      {
        type: 'alert.firing',
        tenant: tenant.slug,
        alert: { rule: 'job_failing', labels: { job: 'reconcile' }, value: 3 },
      },
      { type: 'alert.resolved', alert: { rule: 'job_failing', value: 0, threshold: 2 } },
    ])
    expect(bodies[1].alert.started_at).toBe(bodies[0].at)
    for (const { headers, body } of received) {
      const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['x-upcoach-signature'])) ?? []
      expect(v1).toBe(createHmac('sha256', SECRET).update(`${t}.${body}`).digest('hex'))
      expect(Math.abs(Number(t) - Date.now() / 1000)).toBeLessThan(60)
      expect(headers['idempotency-key']).toBe(JSON.parse(body).id)
    }
    expect(received[0]?.headers['idempotency-key']).not.toBe(received[1]?.headers['idempotency-key'])
  })

  test('a 500 is tried again later, with the same key, until it is taken', async () => {
    const tenant = await makeTenant()
    await addTestNotification(pool, tenant.id)
    behaviour = (answer) => answer.writeHead(500).end('no')
    expect(await deliverOutbox(pool, access())).toMatchObject({ waiting: 1 })
    expect(await deliverOutbox(pool, access())).toMatchObject({ waiting: 0, delivered: 0 })
    expect(await latest(tenant)).toMatchObject({ delivery: 'waiting', last_status: 500, attempts: 1 })
    behaviour = (answer) => answer.writeHead(204).end()
    await hurry()
    expect(await deliverOutbox(pool, access())).toMatchObject({ delivered: 1 })
    expect(await latest(tenant)).toMatchObject({ delivery: 'delivered', last_status: 204, attempts: 2 })
    expect(new Set(received.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
  })

  test('pauses double up to an hour, and in the end it is given up', async () => {
    expect([1, 2, 3, 8, 20].map(pauseAfter)).toEqual([30, 60, 120, 3600, 3600])
    const tenant = await makeTenant()
    await addTestNotification(pool, tenant.id)
    await pool.query('update analytics.alert_notifications set attempts = 13 where tenant_id = $1', [tenant.id])
    behaviour = (answer) => answer.writeHead(503).end()
    expect(await deliverOutbox(pool, access())).toMatchObject({ failed: 1 })
    expect(await latest(tenant)).toMatchObject({ delivery: 'failed', attempts: 14 })
  })

  test('a receiver that never answers costs no more than the timeout', async () => {
    const tenant = await makeTenant()
    await addTestNotification(pool, tenant.id)
    behaviour = () => undefined
    expect(await deliverOutbox(pool, access({ timeoutMs: 150 }))).toMatchObject({ waiting: 1 })
    expect(await latest(tenant)).toMatchObject({ last_status: null, last_error: 'the receiver did not answer in time' })
    await pool.query('delete from analytics.alert_notifications where tenant_id = $1', [tenant.id])
  })

  test('a redirect is not followed', async () => {
    const tenant = await makeTenant()
    await addTestNotification(pool, tenant.id)
    behaviour = (answer) => answer.writeHead(307, { location: `http://${host}/elsewhere` }).end()
    expect(await deliverOutbox(pool, access())).toMatchObject({ waiting: 1 })
    expect(received.length).toBe(1)
    expect(await latest(tenant)).toMatchObject({ last_status: 307 })
    await pool.query('delete from analytics.alert_notifications where tenant_id = $1', [tenant.id])
  })

  test('what a dead process had taken is delivered by the next one once its lease is over', async () => {
    const tenant = await makeTenant()
    await addTestNotification(pool, tenant.id)
    // Taken, and then nothing: as after kill -9 between the state and the delivery, or between the delivery and its record.
    expect((await takeNotifications(pool, 10)).map(({ tenant_id }) => tenant_id)).toEqual([tenant.id])
    expect(await deliverOutbox(pool, access())).toMatchObject({ delivered: 0 })
    await hurry()
    expect(await deliverOutbox(pool, access())).toMatchObject({ delivered: 1 })
    expect(received.length).toBe(1)
  })

  test('two workers deliver everything once between them', async () => {
    const tenant = await makeTenant()
    for (let i = 0; i < 30; i += 1) await addTestNotification(pool, tenant.id)
    const [one, two] = await Promise.all([deliverOutbox(pool, access()), deliverOutbox(pool, access())])
    expect(one.delivered + two.delivered).toBe(30)
    expect(new Set(received.map(({ headers }) => headers['idempotency-key'])).size).toBe(30)
    expect(received.length).toBe(30)
  })

  test('without a URL or a secret nothing is sent, and the log says why', async () => {
    const tenant = await createTenant(pool, { slug: 'silent', timezone: 'UTC', currency: 'EUR' })
    await addTestNotification(pool, tenant.id)
    expect(await deliverOutbox(pool, access())).toMatchObject({ skipped: 1 })
    expect(await latest(tenant)).toMatchObject({ last_error: 'the tenant has no alert_webhook_url' })
  })
})

describe('where a webhook may point', () => {
  const policy = { allowedHosts: [], timeoutMs: 1000 }

  test.each([
    'http://example.com/hook',
    'https://127.0.0.1/hook',
    'https://localhost/hook',
    'https://[::1]/hook',
    'https://[::ffff:127.0.0.1]/hook',
    'https://169.254.169.254/latest/meta-data',
    'https://10.1.2.3/',
    'https://0x7f000001/',
    'https://2130706433/',
    'https://user:password@example.com/',
    'ftp://example.com/',
    'not a url',
  ])('%s is refused', async (url) => {
    await expect(checkTarget(url, policy)).rejects.toThrow(/webhook/)
  })

  test('an allowed host may be private and plain, and only on its port', async () => {
    const allowed = { ...policy, allowedHosts: ['127.0.0.1:8080'] }
    expect((await checkTarget('http://127.0.0.1:8080/x', allowed)).address).toBe('127.0.0.1')
    await expect(checkTarget('http://127.0.0.1:9090/x', allowed)).rejects.toThrow()
  })

  test('a tenant cannot reach inside: the refusal is logged without the address', async () => {
    const tenant = await makeTenant({ alert_webhook_url: 'https://127.0.0.1:9/x' })
    await addTestNotification(pool, tenant.id)
    expect(await deliverOutbox(pool, access({ allowedHosts: [] }))).toMatchObject({ waiting: 1 })
    expect(await latest(tenant)).toMatchObject({ last_error: 'the webhook’s host is not on the public Internet' })
  })

  test.each([
    ['8.8.8.8', true],
    ['2606:4700:4700::1111', true],
    ['172.31.255.255', false],
    ['100.64.0.1', false],
    ['::ffff:10.0.0.1', false],
    ['fd00::1', false],
    ['fe80::1', false],
    ['nonsense', false],
  ])('%s is public: %s', (address, isPublic) => {
    expect(isPublicAddress(address)).toBe(isPublic)
  })
})
