import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Tenant } from '../../../db/tenant.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'

type Page = { entries: { action: string; parameters: { n?: number }; at: string }[]; next_cursor: string | null }

let platform: Platform
let tenant: Tenant
beforeAll(async () => {
  platform = await openPlatform()
  tenant = await platform.createTenant({ slug: 'acme' })
  const other = await platform.createTenant({ slug: 'other' })
  // Rows of one transaction share their instant, as the retention's do.
  await platform.db.pool.query(
    `insert into analytics.analytics_audit_log (tenant_id, actor, role, action, route, parameters, status, request_id)
     select t, 'ops', 'admin', 'x' || n % 2, 'r', jsonb_build_object('n', n), 200 + n % 3, 'q'
     from unnest($1::uuid[]) t, generate_series(1, 25) n`,
    [[tenant.id, other.id]],
  )
})
afterAll(() => platform.close())

test('pages through every entry of the tenant once, newest first, and filters', async () => {
  const seen: number[] = []
  let cursor = ''
  for (let pages = 0; pages < 10; pages += 1) {
    const { status, body } = await platform.get<Page>(tenant, `/api/analytics/audit?limit=7${cursor}`)
    expect(status).toBe(200)
    seen.push(...body.entries.map(({ parameters }) => parameters.n ?? 0))
    if (body.next_cursor === null) break
    cursor = `&cursor=${body.next_cursor}`
  }
  expect(seen).toHaveLength(25)
  expect(new Set(seen).size).toBe(25)
  const filtered = await platform.get<Page>(tenant, '/api/analytics/audit?action=x1&status=201&actor=ops')
  expect(filtered.body.entries.length).toBeGreaterThan(3)
  expect(filtered.body.entries.every(({ action }) => action === 'x1')).toBe(true)
  expect((await platform.get<Page>(tenant, '/api/analytics/audit?to=2020-01-01')).body.entries).toEqual([])
  expect((await platform.get(tenant, '/api/analytics/audit?cursor=nonsense')).status).toBe(400)
  expect((await platform.get(tenant, '/api/analytics/audit', 'finance')).status).toBe(403)
})

test('nobody rewrites it, the owner neither', async () => {
  const { pool } = platform.db
  for (const sql of [
    `update analytics.analytics_audit_log set actor = 'x'`,
    'delete from analytics.analytics_audit_log',
    'truncate analytics.analytics_audit_log',
    `set analytics.audit_exception = 'erasure'; update analytics.analytics_audit_log set status = 500`,
  ])
    await expect(pool.query(sql), sql).rejects.toThrow(/append-only/)
})
