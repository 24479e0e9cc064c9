import { execFileSync } from 'node:child_process'
import { createSign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { loadFile } from '../cli/backfill/event-file.ts'
import type { Loading } from '../cli/backfill/load-events.ts'
import { readMapping } from '../cli/replay/mapping.ts'
import { openInput } from '../cli/replay/read-file.ts'
import { replay } from '../cli/replay/send.ts'
import { replayState } from '../cli/replay/state.ts'
import { auditWriter } from '../db/audit.ts'
import { listQuarantine, replayQuarantine } from '../db/quarantine.ts'
import { piiKey, writeSecret } from '../db/secrets.ts'
import { sourceStatus } from '../db/sources/runners.ts'
import type { Tenant } from '../db/tenant.ts'
import { updateTenant } from '../db/tenant-settings.ts'
import { readMixpanelExport } from '../sources/mixpanel/export-event.ts'
import { eventNamesSchema } from '../sources/named-events.ts'
import { hmac } from '../sources/pii.ts'
import { stripeEventsOf } from '../sources/revenue/periods.ts'
import { readSegmentPayload } from '../sources/segment/payload.ts'
import { landTenant } from '../workers/landing/land.ts'
import { openQueues } from '../workers/queues.ts'
import { sources } from '../workers/sources/catalog.ts'
import { startSources } from '../workers/sources/start.ts'
import { billingTenant, deliverRevenuecat, deliverStripe } from './support/billing.ts'
import { eventually } from './support/eventually.ts'
import { filesWith, tablesWith } from './support/everything.ts'
import { type Exporter, openExporter } from './support/exports.ts'
import { openPlatform, type Platform } from './support/platform.ts'
import { hasRedisServer, startRedisServer } from './workers/sources/support.ts'

/** Personal data through every way in; afterwards no byte of it is at rest or in a log. */

const email = 'zora.quill-7731@pii.example'
const phone = '+49 151 7778 8990'
const name = 'Zora Quillmarker'
const ip = '203.0.113.77'
const street = 'Heimlichgasse 41b'
const words = 'xyzzy the secret of chat 9931'
/** Pieces too: half a name, an address in capitals, a number without blanks. */
const needles = [email, email.toUpperCase(), phone, name, 'Quillmarker', ip, street, words, 'xyzzy', '51 7778']

/** Under every spelling of the keys, and deep. */
const personal = {
  email,
  'E-Mail': email.toUpperCase(),
  phone,
  phoneNumber: phone,
  name,
  firstName: 'Zora',
  last_name: 'Quillmarker',
  ip,
  ip_address: ip,
  ipAddress: ip,
  address: { street, city: 'Graz' },
  note: `write to ${email}, or mailto:${email}`,
  [`link-${email}`]: `https://example.com/?u=${encodeURIComponent(email)}`,
  list: [{ email, fullName: name }],
  nickname: 'Quillmarker',
}
const now = Date.now()
const at = (minutes: number) => new Date(now - 3 * 86_400_000 - minutes * 60_000).toISOString()
let count = 0
const event = (over: Record<string, unknown> = {}) => {
  count += 1
  return {
    event_id: `pii-${count}`,
    type: 'screen_viewed',
    occurred_at: at(count),
    user_id: `member-${count % 3}`,
    properties: { screen: 'home', ...personal },
    ...over,
  }
}
const chat = (over: Record<string, unknown> = {}) =>
  event({
    type: 'message_sent',
    properties: {
      conversation_id: 'c-1',
      sender: 'member',
      text: words,
      body: words,
      content: [{ html: words }],
      ...personal,
    },
    ...over,
  })
/** Of no known type, of no right shape, misspelt, and no event at all. */
const rejected = () => [
  event({ type: 'no_such_type' }),
  event({ user_id: email }),
  event({ occurred_at: email }),
  event({ user_id: undefined }),
  event({ properties: { a: { b: { c: { d: { e: [{ email, fullName: name, deeper: { phone, ip } }] } } } } } }),
  chat({ type: 'mesage_sent' }),
  chat({ properties: { text: { deep: words }, ...personal } }),
  `just ${words} by ${name}`,
  [name, email],
  { wholly: { other: { shape: email, name } } },
]

let platform: Platform
let tenant: Tenant
let exporter: Exporter
let closeAudit = async (): Promise<void> => undefined
const lines: string[] = []
const log = (fields: unknown, message = '') =>
  void lines.push(`${message} ${JSON.stringify(fields, (_, value) => (value instanceof Error ? value.stack : value))}`)
const logger = { info: log, warn: log, error: log }
let certificate = ''
let directory = ''

beforeAll(async () => {
  let write: (entry: Parameters<ReturnType<typeof auditWriter>['write']>[0]) => void = () => undefined
  platform = await openPlatform({
    env: { LOG_LEVEL: 'trace' },
    deps: { logStream: { write: (line) => void lines.push(line) }, audit: (entry) => write(entry) },
    webhooks: { fetchText: async () => certificate },
  })
  const writer = auditWriter(platform.db.pool, (error) => log({ error }))
  write = writer.write
  closeAudit = writer.close
  tenant = await billingTenant(platform, 'acme')
  tenant = await updateTenant(platform.db.pool, 'acme', {
    settings: { pii_keys: ['nickname'], 'revenue.sns_topics': ['arn:aws:sns:eu-central-1:123456789012:billing'] },
  })
  exporter = openExporter(platform)
  // Inputs are the customer's own files, outside of what we keep.
  directory = `${platform.db.dataDir}-inputs`
  await mkdir(directory)
}, 120_000)
afterAll(async () => {
  await closeAudit()
  await platform.close()
  await rm(directory, { recursive: true, force: true })
})

const EVENTS = '/api/analytics/events'
const intake = async () => ({ tenant, piiKey: await piiKey(platform.db.pool, platform.masterKey, tenant.id) })

describe('personal data', () => {
  test('sent as JSON, lines, compressed and by devices', async () => {
    const batch = [event(), chat(), ...rejected()]
    const first = await platform.post(tenant, EVENTS, { events: batch })
    const { errors } = first.body as { errors: { index: number }[] }
    expect(errors.filter(({ index }) => index < 2)).toEqual([])
    expect(first.body).toMatchObject({ accepted: 2, rejected: rejected().length })
    // The same identity with another content is a conflict.
    const other = { ...(batch[0] as object), properties: { screen: 'other', ...personal, phone: `${phone}1` } }
    await platform.post(tenant, EVENTS, { events: [other] })
    const ndjson = `${[event(), chat(), ...rejected()].map((one) => JSON.stringify(one)).join('\n')}\n{"email":"${email}"\n`
    const asLines = await platform.post(tenant, EVENTS, ndjson, 'service', { 'content-type': 'application/x-ndjson' })
    expect(asLines.body).toMatchObject({ accepted: 2 })
    const zipped = gzipSync(JSON.stringify({ events: [event(), ...rejected()] }))
    const asGzip = await platform.post(tenant, EVENTS, zipped, 'service', {
      'content-type': 'application/json',
      'content-encoding': 'gzip',
    })
    expect(asGzip.body).toMatchObject({ accepted: 1 })
    const device = { device_id: 'd-1', sent_at: new Date(now - 900_000).toISOString() }
    const mobile = [
      { ...event(), sequence: 1 },
      { ...chat(), sequence: 2 },
      { ...event(), sequence: email },
    ]
    expect((await platform.post(tenant, EVENTS, { ...device, events: mobile })).status).toBe(200)
  })

  test('in requests that fail', async () => {
    const { app } = platform
    const token = await platform.token(tenant, 'admin')
    const headers = { authorization: `Bearer ${token}`, 'x-request-id': email, 'user-agent': name }
    const query = `email=${encodeURIComponent(email)}&name=${encodeURIComponent(name)}`
    const requests = [
      { url: `/api/analytics/metrics/dau?${query}`, headers },
      { url: `/api/analytics/metrics/${encodeURIComponent(email)}`, headers },
      { url: `/api/analytics/metrics/dau?filter[plan]=${encodeURIComponent(email)}`, headers },
      { url: `/api/analytics/metrics/dau?group_by=${encodeURIComponent(name)}`, headers },
      { url: `/nowhere/${encodeURIComponent(email)}?${query}`, headers },
      { url: `/api/analytics/audit?actor=${encodeURIComponent(email)}`, headers },
      { url: '/api/analytics/overview', headers: { ...headers, authorization: `Bearer ${email}` } },
      { method: 'POST' as const, url: EVENTS, headers, payload: { events: [event()] } },
      { method: 'POST' as const, url: '/api/analytics/exports', headers, payload: { type: email, format: name } },
      {
        method: 'POST' as const,
        url: EVENTS,
        headers: { ...headers, 'content-type': 'application/json' },
        payload: `{"email": "${email}", `,
      },
      {
        method: 'POST' as const,
        url: EVENTS,
        headers: { ...headers, 'content-type': 'text/x-unknown' },
        payload: `${name} ${words}`,
      },
    ]
    for (const request of requests) await app.inject(request)
    const { statusCode } = await app.inject({
      method: 'DELETE',
      url: `/api/analytics/members/${encodeURIComponent(email)}`,
      headers,
    })
    expect(statusCode).toBe(400)
  })

  test('in what Stripe, RevenueCat and SNS deliver', async () => {
    const [created] = stripeEventsOf([
      { customer: 'm-1', start: '2026-01-05', end: null, amount: '10.00', currency: 'usd' },
    ])
    const details = {
      id: 'cus_1',
      object: 'customer',
      email,
      name,
      phone,
      description: `${email} called`,
      address: { line1: street, postal_code: '8010' },
      shipping: { name, phone, address: { line1: street } },
      billing_details: { email, name, phone, address: { line1: street } },
      customer_details: { email, name, phone },
      receipt_email: email,
      customerEmail: email,
      customerPhone: phone,
      client_ip: ip,
      metadata: { contact_email: email, contact_phone: phone, ipAddress: ip },
    }
    const stripe = [
      { ...created, id: 'evt_1', type: 'customer.created', data: { object: details } },
      { ...created, id: 'evt_2', type: 'some.thing_new', data: { object: { ...details, id: 7 } } },
      { ...created, id: 'evt_3', data: { object: { ...details, object: 'subscription', id: 7 } } },
      { email, name, nothing: true },
    ]
    for (const one of stripe) expect((await deliverStripe(platform, tenant, one)).status).toBe(200)
    expect((await deliverStripe(platform, tenant, stripe[0], { secret: 'wrong' })).status).toBe(400)
    const revenuecat = (id: string, type: string) => ({
      api_version: '1.0',
      event: {
        id,
        type,
        app_user_id: email,
        original_app_user_id: email,
        aliases: [email, '$RCAnonymousID:8'],
        event_timestamp_ms: now,
        purchased_at_ms: now - 1000,
        expiration_at_ms: now + 86_400_000,
        product_id: 'pro',
        period_type: 'NORMAL',
        store: 'APP_STORE',
        environment: 'PRODUCTION',
        price: 9.99,
        price_in_purchased_currency: 9.99,
        currency: 'USD',
        transaction_id: id,
        original_transaction_id: id,
        subscriber_attributes: Object.fromEntries(
          Object.entries({ $email: email, $phoneNumber: phone, $displayName: name, $ip: ip, ipAddress: ip }).map(
            ([key, value]) => [key, { value, updated_at_ms: now }],
          ),
        ),
      },
    })
    for (const one of [revenuecat('rc-1', 'INITIAL_PURCHASE'), revenuecat('rc-2', 'NO_SUCH_TYPE')])
      expect((await deliverRevenuecat(platform, tenant, one)).status).toBe(200)
    expect((await deliverRevenuecat(platform, tenant, { api_version: '1.0', event: { email, name } })).status).toBe(200)

    const keyFile = join(directory, 'sns.key')
    const subject = ['-subj', '/CN=sns.amazonaws.com', '-days', '2', '-nodes', '-newkey', 'rsa:2048']
    certificate = execFileSync('openssl', ['req', '-x509', ...subject, '-keyout', keyFile], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const message = {
      Message: JSON.stringify({ 'detail-type': 'customer.created', detail: { ...stripe[0], id: 'evt_sns' } }),
      MessageId: 'm1',
      Timestamp: new Date(now).toISOString(),
      TopicArn: 'arn:aws:sns:eu-central-1:123456789012:billing',
      Type: 'Notification',
    }
    const signed = Object.entries(message)
      .map(([key, value]) => `${key}\n${value}\n`)
      .join('')
    const Signature = createSign('RSA-SHA256').update(signed).sign(readFileSync(keyFile, 'utf8'), 'base64')
    const SigningCertURL = 'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem'
    const delivered = await platform.app.inject({
      method: 'POST',
      url: '/webhooks/sns/acme',
      headers: { 'content-type': 'text/plain' },
      payload: JSON.stringify({ ...message, SignatureVersion: '2', SigningCertURL, Signature }),
    })
    expect(delivered.json()).toMatchObject({ stored: 'new' })
  })

  test('in files: CSV, Mixpanel, Segment', async () => {
    await platform.app.listen({ port: 0, host: '127.0.0.1' })
    const address = platform.app.server.address()
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    const csv = join(directory, 'table.csv')
    const map = join(directory, 'table.json')
    await writeFile(
      map,
      JSON.stringify({
        event_id: 'Id',
        type: { value: 'screen_viewed' },
        occurred_at: 'When',
        user_id: 'Member',
        properties: { screen: 'Screen', email: 'Mail', phone: 'Phone', name: 'Name', note: 'Note' },
      }),
    )
    const row = (id: string, when: string, member: string) =>
      `${id},${when},${member},home,${email},${phone},${name},write to ${email}`
    await writeFile(
      csv,
      ['Id,When,Member,Screen,Mail,Phone,Name,Note', row('c-1', at(500), 'member-1'), row('c-2', 'soon', 'member-2')]
        .concat(row('c-3', at(501), email))
        .join('\r\n'),
    )
    const token = await platform.token(tenant, 'service')
    const shown = { onProblem: (line: string) => void lines.push(line), problemsShown: 20 }
    const state = await replayState(platform.db.dataDir, csv, 'acme', 'csv')
    const totals = await replay({ url, token }, await openInput(csv, 'csv'), state, {
      mapping: await readMapping(map),
      delimiter: undefined,
      rate: undefined,
      ...shown,
    })
    expect(totals).toMatchObject({ records: 3, accepted: 1, rejected: 2 })

    const { piiKey: key } = await intake()
    const loading: Loading = {
      database: platform.db,
      intake: await intake(),
      source: 'mixpanel',
      onProblem: (line) => void lines.push(line),
      onProgress: () => undefined,
    }
    const reading = {
      names: eventNamesSchema.parse({}),
      projectTimezone: undefined,
      pseudonym: (given: string) => hmac(given, key),
    }
    const mixpanel = join(directory, 'mixpanel.ndjson')
    const props = { $email: email, $ip: ip, $name: name, $phone: phone, ...personal }
    const time = Math.floor((now - 3 * 86_400_000) / 1000)
    await writeFile(
      mixpanel,
      [
        { event: 'Opened', properties: { time, distinct_id: email, $insert_id: 'i-1', ...props } },
        { event: `Mail ${email}`, properties: { time: name, distinct_id: name, $insert_id: 'i-2', ...props } },
      ]
        .map((one) => JSON.stringify(one))
        .join('\n'),
    )
    const { dataDir } = platform.db
    await loadFile(
      { path: mixpanel, read: (line) => [readMixpanelExport(line, reading)], dataDir, about: ['acme', 'm'] },
      loading,
    )
    const segment = join(directory, 'segment.ndjson')
    await writeFile(
      segment,
      [
        { type: 'track', event: 'Opened', userId: email, messageId: 's-1', context: { ip, traits: personal } },
        { type: 'track', event: 'Opened', userId: name, messageId: 's-2', properties: personal },
        { type: 'identify', userId: 'member-1', messageId: 's-3', traits: personal },
        { type: 'page', userId: 'member-1', messageId: 's-4', properties: { title: email, ...personal } },
      ]
        .map((one) => JSON.stringify({ timestamp: at(600), ...one }))
        .join('\n'),
    )
    await loadFile(
      { path: segment, read: (line) => readSegmentPayload(line, reading), dataDir, about: ['acme', 's'] },
      { ...loading, source: 'segment' },
    )
  })

  test.skipIf(!hasRedisServer)('in Redis streams, ours and Debezium’s (skipped without redis-server)', async () => {
    const redis = await startRedisServer()
    try {
      const settings = { 'source.redis_events.enabled': true, 'source.redis_events.streams': 'app' }
      await updateTenant(platform.db.pool, 'acme', {
        settings: { ...settings, 'source.oltp_redis.enabled': true, 'source.oltp_redis.streams': 'cdc' },
      })
      for (const source of ['redis_events', 'oltp_redis'])
        await writeSecret(platform.db.pool, platform.masterKey, tenant.id, `source.${source}.url`, redis.url)
      for (const one of [event(), chat(), ...rejected()])
        await redis.client.xadd('app', '*', 'event', JSON.stringify(one))
      await redis.client.xadd('app', '*', 'event', `{"email": "${email}`)
      const after = {
        id: 'm-1',
        conversation_id: 'c-9',
        sender_id: 'member-1',
        body: words,
        content: words,
        ...personal,
        created_at: at(700),
      }
      for (const table of ['chat_messages', 'users', 'goals', email])
        await redis.client.xadd(
          'cdc',
          '*',
          JSON.stringify({ id: 'm-1' }),
          JSON.stringify({
            before: null,
            after,
            source: { table, schema: 'public', ts_ms: now, lsn: 10, txId: 1 },
            op: 'c',
            ts_ms: now,
          }),
        )
      const running = await startSources({
        database: platform.db,
        masterKey: platform.masterKey,
        logger,
        accepted: () => undefined,
        sources,
        scanMs: 100,
        leaseSeconds: 5,
        backoffMs: 50,
      })
      await eventually(async () => {
        const status = await sourceStatus(platform.db.pool)
        const processed = Object.fromEntries(status.map((one) => [one.source, one.processed]))
        expect(processed.redis_events).toBeGreaterThan(rejected().length)
        expect(processed.oltp_redis).toBeGreaterThan(0)
      }, 30_000)
      await running.close()
    } finally {
      await redis.stop()
    }
  })

  test('is nowhere: in no table, no file, no log', async () => {
    const { pool } = platform.db
    await platform.settle()
    const waiting = await listQuarantine(pool, tenant.id, 1_000)
    expect(waiting.length).toBeGreaterThan(20)
    await replayQuarantine(pool, await intake(), waiting)
    await platform.settle()
    // Queues keep what jobs were asked with.
    const queues = await openQueues({}, platform.db, () => undefined)
    await queues.add('run-exports', {})
    await queues.close()
    await landTenant({ pool, objects: platform.objects, tenant })
    await exporter.exported(tenant, 'audit', 'csv')
    await exporter.exported(tenant, 'audit', 'pdf')
    await exporter.exported(tenant, 'fact_productivity', 'parquet')
    await exporter.exported(tenant, 'member', 'json', { user_id: 'member-1' })
    await closeAudit()
    await pool.query(`select compress_chunk(c, true) from show_chunks('analytics.events') c`)
    await pool.query('analyze')
    await pool.query('checkpoint')

    const stored = await pool.query<{ n: number }>(
      `select count(*) as n from analytics.events where strpos(properties::text, 'hmac:') > 0`,
    )
    expect(stored.rows[0]?.n).toBeGreaterThan(10)
    expect((await pool.query('select from analytics.analytics_audit_log')).rowCount).toBeGreaterThan(5)
    expect(lines.length).toBeGreaterThan(20)

    expect(await tablesWith(pool, needles)).toEqual([])
    const text = lines.join('\n')
    expect(needles.filter((needle) => text.includes(needle))).toEqual([])
    for (const needle of needles) expect(await filesWith(platform.db.dataDir, needle), needle).toEqual([])
    if (inject('template').kind === 'embedded')
      // What was searched had the database in it, write-ahead log included.
      expect(await filesWith(platform.db.dataDir, 'pii-1').then((found) => found.length)).toBeGreaterThan(0)
  }, 300_000)
})
