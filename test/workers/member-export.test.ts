import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AuditEntry } from '../../api/audit.ts'
import type { Receipt } from '../../db/erasure/receipt.ts'
import type { Tenant } from '../../db/tenant.ts'
import { stripeEventsOf } from '../../sources/revenue/periods.ts'
import { eraseMembers } from '../../workers/erase-members.ts'
import { landTenant } from '../../workers/landing/land.ts'
import { runExports } from '../../workers/run-exports.ts'
import { billingTenant, deliverStripe } from '../support/billing.ts'
import { busyTenant } from '../support/busy-tenant.ts'
import { filesWith, tablesWith } from '../support/everything.ts'
import { download, type ExportAnswer } from '../support/exports.ts'
import { openPlatform, type Platform } from '../support/platform.ts'
import { workerContext } from '../support/work.ts'

/** Everything about one member: what the export lists, and that the erasure afterwards leaves none of it. */

const DAY = 86_400_000
const end = Math.floor(Date.now() / DAY) * DAY - 2 * DAY
const day = (back: number): string => new Date(end - back * DAY).toISOString().slice(0, 10)
const KEPT_DAYS = 30
const subject = 'mx5k-2204-subject'
const friend = 'member-2'

type Row = Record<string, unknown>
interface Document {
  member: { user_id: string; member_hash: string }
  tenant: { slug: string }
  data: Record<string, Row[]>
  archive: Record<string, Row[]>
  rows: number
}

let platform: Platform
let tenant: Tenant
let other: Tenant
const lines: string[] = []
const audited: AuditEntry[] = []
const objects = () => join(platform.db.dataDir, 'objects')

beforeAll(async () => {
  platform = await openPlatform({
    env: { LOG_LEVEL: 'trace' },
    deps: { logStream: { write: (line) => void lines.push(line) }, audit: (entry) => void audited.push(entry) },
  })
  tenant = await billingTenant(platform, 'acme')
  other = await platform.createTenant({ slug: 'other' })
  const named = (of: string) =>
    busyTenant({ end, mark: 'x', members: 3 }).map((event) =>
      event.user_id === 'member-1' ? { ...event, user_id: of } : event,
    )
  await platform.send(tenant, named(subject))
  // A member of the same id elsewhere is somebody else.
  await platform.send(other, [
    { event_id: 'o-1', type: 'screen_viewed', occurred_at: at(3), user_id: subject, properties: { screen: 'theirs' } },
  ])
  const mention = (id: string, back: number) => ({
    event_id: id,
    type: 'screen_viewed',
    occurred_at: at(back),
    user_id: friend,
    properties: { screen: 'home', invited_by: subject, note: `${subject} ${subject}, ${subject}` },
  })
  await platform.send(tenant, [
    mention('m-1', 5),
    mention('m-2', KEPT_DAYS + 15),
    { event_id: 'q-1', type: 'no_such_type', occurred_at: at(4), user_id: subject },
    { event_id: 'q-2', type: 'no_such_type', occurred_at: at(4), user_id: friend, properties: { referrer: subject } },
  ])
  const ahead = new Date(Date.now() + 3_600_000).toISOString()
  const skewed = { event_id: 'skewed', type: 'screen_viewed', user_id: subject, properties: { screen: 'home' } }
  await platform.send(tenant, [{ ...skewed, occurred_at: ahead }], ahead)
  for (const event of stripeEventsOf([
    { customer: subject, start: `${day(20)}T10:00:00Z`, end: null, amount: '20.00', currency: 'usd' },
    { customer: friend, start: `${day(20)}T11:00:00Z`, end: null, amount: '30.00', currency: 'usd' },
  ]))
    await deliverStripe(platform, tenant, event)
  await platform.settle()
  await platform.score(tenant)
  const landing = { pool: platform.db.pool, objects: platform.objects, tenant }
  await landTenant(landing)
  const { pool } = platform.db
  await pool.query(
    `insert into analytics.parked_members (tenant_id, user_id, types, since, marked_at, error)
     values ($1, $2, '{screen_viewed}', now(), now(), 'could not be folded')`,
    [tenant.id, subject],
  )
  await pool.query(
    `insert into analytics.analytics_audit_log (tenant_id, actor, role, action, route, parameters, status, request_id)
     values ($1, 'ops', 'admin', 'x', 'x', $2, 200, 'r-1')`,
    [tenant.id, JSON.stringify({ user_id: subject })],
  )
  // Older days are in the landing zone only, as after the retention.
  await pool.query(`select drop_chunks('analytics.events', older_than => $1::timestamptz)`, [at(KEPT_DAYS)])
  await pool.query('update analytics.retention_state set dropped_before = $1', [day(KEPT_DAYS)])
}, 200_000)
afterAll(() => platform.close())

const at = (back: number): string => new Date(end - back * DAY + 36_000_000).toISOString()

const ask = (user: string, of = tenant) => platform.post(of, `/api/analytics/members/${user}/export`, {}, 'admin')

async function exported(user: string, of = tenant): Promise<Document> {
  const asked = await ask(user, of)
  expect(asked.status, asked.text).toBe(202)
  await runExports({}, workerContext(platform))
  const { status_url } = asked.body as { status_url: string }
  const { body } = await platform.get<ExportAnswer & { format: string }>(of, status_url)
  expect(body).toMatchObject({ type: 'member', format: 'json', status: 'completed' })
  const document = JSON.parse((await download(platform, body.download_url)).file.toString('utf8')) as Document
  expect(body.rows).toBe(document.rows)
  return document
}

describe('the export of a member', () => {
  let document: Document

  test('is for admins only, and made as JSON only', async () => {
    for (const role of ['coach', 'finance', 'service'] as const)
      expect((await platform.post(tenant, `/api/analytics/members/${subject}/export`, {}, role)).status).toBe(403)
    const params = { user_id: subject }
    for (const body of [
      { type: 'member', format: 'csv', params },
      { type: 'audit', format: 'json' },
    ]) {
      const refused = await platform.post(tenant, '/api/analytics/exports', body, 'admin')
      expect(refused).toMatchObject({ status: 400, body: { errors: [{ path: 'format' }] } })
    }
    expect((await platform.post(tenant, '/api/analytics/members/a%20b/export', {}, 'admin')).status).toBe(400)
  })

  test('has every row of every table that names the member, and nobody else’s', async () => {
    document = await exported(subject)
    expect(document.member.user_id).toBe(subject)
    expect(document.tenant.slug).toBe('acme')
    const { pool } = platform.db
    const tables = await pool.query<{ name: string; key: string }>('select name, key from analytics.member_relations()')
    expect(tables.rows.length).toBeGreaterThan(15)
    let filled = 0
    for (const { name, key } of tables.rows) {
      const { rows } = await pool.query<{ n: number }>(
        `select count(*) as n from analytics.${name} where tenant_id = $1 and strpos(${key}, $2) > 0`,
        [tenant.id, subject],
      )
      const given = document.data[name] ?? []
      expect(given.length, name).toBe(rows[0]?.n)
      for (const row of given) expect(String(row[key]), name).toContain(subject)
      filled += given.length > 0 ? 1 : 0
    }
    expect(filled).toBeGreaterThan(12)
    expect(document.data.event_corrections).toHaveLength(1)
    expect(document.data.quarantine).toHaveLength(2)
    expect(document.data.analytics_audit_log).toHaveLength(1)
    expect(document.data.revenue_webhooks?.length).toBeGreaterThan(0)
    expect(document.data.mentions).toEqual([
      { occurred_at: new Date(at(5)).toISOString(), type: 'screen_viewed', named_in: ['invited_by', 'note'] },
    ])
    expect(JSON.stringify(document.data.mentions)).not.toContain(friend)
    expect(JSON.stringify(document)).not.toContain('theirs')
  })

  test('has the days that only the landing zone still holds', () => {
    expect(document.archive.events?.length).toBeGreaterThan(10)
    const days = document.archive.events?.map(({ occurred_at }) => String(occurred_at).slice(0, 10)) ?? []
    expect(days.every((one) => one < day(KEPT_DAYS))).toBe(true)
    expect(document.archive.events?.every(({ user_id }) => user_id === subject)).toBe(true)
    const kept = document.data.events?.map((event) => String(event.event_id)) ?? []
    expect(document.archive.events?.some(({ event_id }) => kept.includes(String(event_id)))).toBe(false)
    expect(document.archive.fact_productivity?.length).toBeGreaterThan(5)
  })

  test('of somebody never heard of says that there is nothing, also where another tenant knows the id', async () => {
    for (const [user, of] of [['nobody-at-all', tenant] as const, ['member-0', other] as const]) {
      const nothing = await exported(user, of)
      // but that it was asked for
      expect(Object.keys(nothing.data)).toEqual(['report_jobs'])
      expect(nothing.archive).toEqual({})
    }
    const theirs = await exported(subject, other)
    expect(theirs.data.events).toHaveLength(1)
    expect(JSON.stringify(theirs.data.events)).toContain('theirs')
  })

  test('stands in the audit log with a keyed hash, not with the id', async () => {
    const entry = audited.find(
      ({ action, status, tenant_id }) => action === 'member.export' && status === 202 && tenant_id === tenant.id,
    )
    expect(entry?.parameters).toMatchObject({
      user_id: '[member]',
      type: 'member',
      format: 'json',
      member_hash: document.member.member_hash,
    })
    expect(JSON.stringify(audited)).not.toContain(subject)
    expect(lines.join('')).not.toContain(subject)
  })

  test('lists whatever an erasure then erases; nothing is left, in dropped days neither', async () => {
    const waiting = await ask(subject)
    expect(waiting.status).toBe(202)
    expect((await filesWith(objects(), subject)).length).toBeGreaterThan(20)
    const asked = await platform.delete<{ status_url: string }>(tenant, `/api/analytics/members/${subject}`)
    expect(asked.status).toBe(202)
    expect(await ask(subject)).toMatchObject({ status: 410, body: { code: 'member_erased' } })
    expect(await eraseMembers({}, workerContext(platform))).toEqual({ erased: 1 })
    await platform.settle()
    await runExports({}, workerContext(platform))

    // The other tenant's member of that id is still there, until they are erased as well.
    expect((await exported(subject, other)).data.events).toHaveLength(1)
    await platform.delete(other, `/api/analytics/members/${subject}`)
    expect(await eraseMembers({}, workerContext(platform))).toEqual({ erased: 1 })
    await platform.settle()
    expect(await tablesWith(platform.db.pool, subject)).toEqual([])
    expect(await filesWith(join(objects(), 'landing'), subject)).toEqual([])
    expect(await filesWith(join(objects(), 'exports'), subject)).toEqual([])
    expect(lines.join('')).not.toContain(subject)

    const { body } = await platform.get<{ receipt: Receipt }>(tenant, asked.body.status_url)
    const files = new Set(['exports', 'landing_files'])
    const erased = Object.keys(body.receipt.content.counts).filter((name) => !files.has(name))
    expect(erased.filter((name) => !(name in document.data) && name !== 'report_jobs')).toEqual([])
    expect(body.receipt.content.counts).toMatchObject({ parked_members: 1, quarantine: 2, mentions: 1 })
    expect(body.receipt.content.counts.landing_files).toBeGreaterThan(10)
    expect(await ask(subject)).toMatchObject({ status: 410 })
    const { status_url } = waiting.body as { status_url: string }
    expect((await platform.get<ExportAnswer>(tenant, status_url)).body).toMatchObject({ status: 'cancelled' })
  }, 60_000)

  test('the billing ledger is rewritten in every table that names customers', async () => {
    const { rows } = await platform.db.pool.query<{ name: string }>(
      `select name from analytics.member_relations() where key = 'customer' order by 1`,
    )
    const sql = await readFile(new URL('../../db/erasure/rewrite-billing.sql', import.meta.url), 'utf8')
    const rewritten = [...sql.matchAll(/delete from analytics\.(\w+) where .*customer = any/g)].map(([, name]) => name)
    expect(rows.map(({ name }) => name)).toEqual(rewritten.sort())
  })
})
