import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeSecret } from '../../../db/secrets.ts'
import type { Tenant } from '../../../db/tenant.ts'
import { metrics } from '../../../metrics/catalog.ts'
import { runExports } from '../../../workers/run-exports.ts'
import { deliverRevenuecat, deliverStripe, REVENUECAT_AUTHORIZATION, STRIPE_SECRET } from '../../support/billing.ts'
import { busyTenant } from '../../support/busy-tenant.ts'
import { download } from '../../support/exports.ts'
import type { SentEvent } from '../../support/member-logs.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'
import { workerContext } from '../../support/work.ts'

/** What a spreadsheet would run, in everything of which a cell can be made. */
const FORMULA = `=HYPERLINK("http://evil.example","x")`
const FORMULAS = [FORMULA, '+1+cmd', '-1+1|x', '@SUM(1)', '＝1+1']
const PERSONAL = ['dora.private@example.com', '+4915112345678', 'Dora Private', '198.51.100.77']

let platform: Platform
let tenant: Tenant
const lines: string[] = []
/** Every refusal of the session, and every address that was handed out. */
const refusals: string[] = []
const addresses: string[] = []
const log = (fields: object, message: string): void => {
  lines.push(
    `${message} ${JSON.stringify(fields, (_, value) => (value instanceof Error ? `${value.message} ${value.stack}` : value))}`,
  )
}
const exports: { type: string; file: string }[] = []

/** Plans, coaches and personas become formulas. */
const dangerous = (events: readonly SentEvent[]): SentEvent[] =>
  events.map((event, i) => {
    const { properties } = event
    const formula = FORMULAS[i % FORMULAS.length]
    const changed = Object.fromEntries(
      ['plan', 'persona', 'coach_id', 'category', 'signup_source'].flatMap((name) =>
        name in properties ? [[name, formula]] : [],
      ),
    )
    return { ...event, properties: { ...properties, ...changed } }
  })

beforeAll(async () => {
  platform = await openPlatform({
    env: { LOG_LEVEL: 'trace' },
    deps: { logStream: { write: (line: string) => void lines.push(line) } },
  })
  tenant = await platform.createTenant({ slug: 'session' })
  const secret = (name: string, value: string) =>
    writeSecret(platform.db.pool, platform.masterKey, tenant.id, name, value)
  await secret('stripe_webhook_secret', STRIPE_SECRET)
  await secret('revenuecat_authorization', REVENUECAT_AUTHORIZATION)
  const refuse = async (asked: Promise<{ status: number; text: string }>) => {
    const { status, text } = await asked
    expect(status).toBeGreaterThanOrEqual(400)
    refusals.push(text)
  }
  const [email = '', phone, name, ip] = PERSONAL
  const personal = { email, phone, name, ip_address: ip, note: `call ${name} at ${phone}` }
  await platform.send(tenant, dangerous(busyTenant({ end: Date.now(), mark: 'x', members: 4 })))
  await platform.settle()
  await platform.score(tenant)
  const at = new Date(Date.now() - 3_600_000).toISOString()
  const event = { type: 'screen_viewed', occurred_at: at, user_id: 'dora', properties: { screen: 'home', ...personal } }
  await platform.send(tenant, [
    { ...event, event_id: 'p-1' },
    { ...event, event_id: 'p-2', type: email },
    { ...event, event_id: 'p-3', user_id: email },
    { ...event, event_id: email },
    { ...event, event_id: 'p-4', properties: { [email]: name } },
  ])
  await refuse(platform.post(tenant, '/api/analytics/events', { events: email }))
  await refuse(
    platform.post(tenant, '/api/analytics/events', `{"events":["${email}`, 'service', {
      'content-type': 'application/json',
    }),
  )
  await refuse(platform.get(tenant, `/api/analytics/metrics/${email}`))
  await refuse(platform.get(tenant, `/api/analytics/metrics/dau?group_by=${email}`))
  await refuse(
    platform.get(tenant, `/api/analytics/metrics/dau?${encodeURIComponent(email)}=${encodeURIComponent(String(name))}`),
  )
  await refuse(platform.get(tenant, `/api/analytics/churn-risk/members/${email}`))
  await refuse(platform.get(tenant, `/api/analytics/audit?actor=${email}&limit=x`))
  await refuse(platform.get(tenant, `/${email}/${name?.replace(' ', '')}?access_token=${email}`))
  await refuse(platform.delete(tenant, `/api/analytics/members/${email}`))
  await refuse(platform.post(tenant, '/api/analytics/exports', { type: email, [email]: name }, 'admin'))
  await refuse(platform.post(tenant, '/api/analytics/embeds', { dashboard: email, ttl: name }, 'admin'))
  const invoice = {
    id: 'evt_dora',
    object: 'event',
    type: 'customer.updated',
    created: 1_780_000_000,
    data: { object: { id: 'cus_1', email, name, phone } },
  }
  for (const options of [{}, { secret: 'whsec_forged' }, { tamper: email }]) {
    const { status, body } = await deliverStripe(platform, tenant, invoice, options)
    if (status >= 400) refusals.push(JSON.stringify(body))
  }
  const purchase = {
    event: { id: 'rc-1', type: 'INITIAL_PURCHASE', app_user_id: email, event_timestamp_ms: 1_780_000_000_000 },
  }
  await deliverRevenuecat(platform, tenant, purchase)
  refusals.push(
    JSON.stringify((await deliverRevenuecat(platform, tenant, purchase, { authorization: `Bearer ${email}` })).body),
  )

  const embed = await platform.post(tenant, '/api/analytics/embeds', { dashboard: 'engagement' }, 'admin')
  addresses.push(embed.text)
  const since = { from: new Date(Date.now() - 80 * 86_400_000).toISOString().slice(0, 10) }
  const wanted = [
    ['fact_productivity', since],
    ['churn_risk', {}],
    ['audit', since],
    ['overview', {}],
    ['cohort', since],
    ['metric', { ...since, metric: 'sessions_per_user', group_by: 'plan' }],
    ['metric', { ...since, metric: 'ai_nudge_effectiveness', group_by: 'persona' }],
  ] as const
  for (const [type, params] of wanted) {
    const asked = await platform.post(tenant, '/api/analytics/exports', { type, format: 'csv', params }, 'admin')
    expect(asked.status, `${type} ${asked.text}`).toBe(202)
    await runExports({}, { ...workerContext(platform), logger: { info: log, warn: log, error: log } })
    const answer = await platform.get<{ download_url: string }>(
      tenant,
      (asked.body as { status_url: string }).status_url,
    )
    addresses.push(answer.body.download_url)
    const { file } = await download(platform, answer.body.download_url)
    exports.push({ type, file: file.toString('utf8') })
  }
  const erased = await platform.delete(tenant, '/api/analytics/members/dora')
  expect(erased.status).toBe(202)
})
afterAll(() => platform.close())

/** Cells that a spreadsheet would take for a formula; a negative number is none. */
const formulasIn = (csv: string): string[] =>
  (parse(csv, { bom: true, relax_column_count: true }) as string[][])
    .flat()
    .filter((cell) => /^[=+\-@\t\r＝＋－＠]/.test(cell) && !/^-?\d+(\.\d+)?(e-?\d+)?$/.test(cell))

test('no log line, refusal or address says who somebody is, or what nobody may know', async () => {
  const log = lines.join('\n')
  expect(lines.length).toBeGreaterThan(40)
  expect(refusals.length).toBeGreaterThan(12)
  const secrets = [
    STRIPE_SECRET,
    'whsec_forged',
    REVENUECAT_AUTHORIZATION,
    'a secret for tests only',
    Buffer.alloc(32, 7).toString('base64'),
    Buffer.alloc(32, 7).toString('hex'),
  ]
  for (const secret of [...secrets, ...PERSONAL, 'dora', 'Dora', 'member-1', 'signature=', 'eyJ', 'admin@test']) {
    expect
      .soft(log.includes(secret), `the log has ${secret}: ${lines.find((line) => line.includes(secret))}`)
      .toBe(false)
    if (secret !== 'member-1')
      expect
        .soft(
          refusals.filter((text) => text.includes(secret)),
          secret,
        )
        .toEqual([])
  }
  for (const secret of [...secrets, ...PERSONAL, 'member-1'])
    expect
      .soft(
        addresses.filter((address) => address.includes(secret)),
        secret,
      )
      .toEqual([])
})

test('no CSV of the API has a cell that a spreadsheet runs', async () => {
  const seen = new Set<string>()
  for (const { name, dimensions } of metrics)
    for (const dimension of dimensions) {
      const path = `/api/analytics/metrics/${name}?group_by=${dimension}&from=${new Date(Date.now() - 60 * 86_400_000).toISOString().slice(0, 10)}`
      const { status, text } = await platform.get(tenant, path, 'admin', { headers: { accept: 'text/csv' } })
      expect.soft(status, path).toBe(200)
      expect.soft(formulasIn(text), path).toEqual([])
      if (text.includes(`'=HYPERLINK`)) seen.add(dimension)
    }
  expect([...seen].sort()).toEqual(expect.arrayContaining(['coach', 'persona', 'plan']))
})

test('no CSV export has a cell that a spreadsheet runs', () => {
  for (const { type, file } of exports) expect.soft(formulasIn(file), type).toEqual([])
  expect(exports.filter(({ file }) => file.includes(`'=HYPERLINK`)).length).toBeGreaterThan(2)
})
