import { DateTime } from 'luxon'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { landedFiles } from '../../db/landing/books.ts'
import { retentionPlan, retentionState, runRetention } from '../../db/landing/retention.ts'
import { metrics } from '../../metrics/catalog.ts'
import { createTwin } from '../../sources/simulator/twin.ts'
import { landTenant } from '../../workers/landing/land.ts'
import { verifyTenant } from '../../workers/landing/verify.ts'
import { openPlatform, type Platform } from '../support/platform.ts'

const tables = [
  'events',
  'sessions',
  'member_hours',
  'goal_changes',
  'replies',
  'nudges',
  'member_days',
  'presence',
  'habit_days',
  'habit_member_days',
]
const end = DateTime.utc().minus({ months: 22 })
const days = 100

let platform: Platform
beforeAll(async () => {
  platform = await openPlatform()
})
afterAll(() => platform.close())

/** Every metric by day, or by week where it has no days, over the whole twin. */
async function readAll(tenant: Parameters<Platform['get']>[0]): Promise<Record<string, unknown>> {
  const from = end.minus({ days }).toISODate()
  const answers: Record<string, unknown> = {}
  for (const metric of metrics) {
    const granularity = metric.granularities.includes('day') ? 'day' : 'week'
    const path = `/api/analytics/metrics/${metric.name}?from=${from}&to=${end.toISODate()}&granularity=${granularity}`
    const { status, body } = await platform.get<{ series: unknown }>(tenant, path)
    expect(status, metric.name).toBe(200)
    answers[metric.name] = body.series
  }
  // Aggregates that were computed again sum in another order: the last digits may differ.
  return JSON.parse(JSON.stringify(answers), (_, value) =>
    typeof value === 'number' ? Number(value.toPrecision(9)) : value,
  )
}

async function oldRows(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const table of tables) {
    const { rows } = await platform.db.pool.query<{ n: number }>(`select count(*) as n from analytics.${table}`)
    counts[table] = rows[0]?.n ?? 0
  }
  return counts
}

test('dropping rows past the retention changes no tenant-level number, and neither does what arrives afterwards', async () => {
  const tenant = await platform.createTenant({
    slug: 'old',
    timezone: 'Europe/Berlin',
    settings: { retention_months: 600 },
  })
  const twin = createTwin({
    seed: 5,
    members: 8,
    coaches: 2,
    days,
    endDate: end.toISODate() ?? '',
    timezone: 'Europe/Berlin',
  })
  await platform.send(tenant, twin.events)
  await platform.settle()
  const before = await readAll(tenant)
  const rowsBefore = await oldRows()

  await platform.db.pool.query(`update analytics.tenants set settings = '{"retention_months": 24}' where id = $1`, [
    tenant.id,
  ])
  // Nothing has landed: nothing goes.
  const landing = { pool: platform.db.pool, objects: platform.objects, tenant }
  await runRetention(platform.db.pool)
  expect(await oldRows()).toEqual(rowsBefore)
  expect((await retentionPlan(platform.db.pool)).every(({ reason }) => reason === 'not landed')).toBe(true)

  // Everything has landed, and one day was changed since: only what is before it goes.
  await landTenant(landing)
  const due = await retentionPlan(platform.db.pool)
  expect(due.map(({ reason }) => reason)).toEqual(due.map(() => null))
  const changed = due[10]?.day ?? ''
  await platform.db.pool.query(
    `update analytics.landed_files set fingerprint = fingerprint + 1 where dataset = 'events' and part = $1`,
    [changed],
  )
  await runRetention(platform.db.pool)
  const kept = await retentionPlan(platform.db.pool)
  expect(kept[0]).toMatchObject({ day: changed, reason: 'changed since it was landed' })
  expect(kept).toHaveLength(due.length - 10)
  expect((await retentionState(platform.db.pool)).dropped_before).toBe(changed)
  await platform.settle()
  expect(await readAll(tenant)).toEqual(before)

  // It is landed again, and all of it goes; each day has left its proof.
  await platform.db.pool.query(`update analytics.landed_files set verified_at = null where part = $1`, [changed])
  await landTenant(landing)
  await runRetention(platform.db.pool)
  expect(await retentionPlan(platform.db.pool)).toEqual([])
  const rowsAfter = await oldRows()
  for (const table of tables) expect(rowsAfter[table], table).toBeLessThan(rowsBefore[table] ?? 0)

  const proofs = await platform.db.pool.query<{ day: string; verified: boolean; object_key: string }>(
    `select parameters ->> 'day' as day, (parameters ->> 'verified')::boolean as verified, parameters ->> 'object_key' as object_key
     from analytics.analytics_audit_log where action = 'retention.dropped' and tenant_id = $1 order by 1`,
    [tenant.id],
  )
  expect(proofs.rows.map(({ day }) => day)).toEqual(due.map(({ day }) => day))
  for (const { verified, object_key } of proofs.rows) {
    expect(verified).toBe(true)
    expect(await platform.objects.head(object_key)).toBeDefined()
  }
  // What has landed stays as it is, although the database no longer has it.
  const files = await landedFiles(platform.db.pool, tenant.id)
  expect(await landTenant(landing)).toMatchObject({ files: 0 })
  expect(await landedFiles(platform.db.pool, tenant.id)).toEqual(files)
  expect(await verifyTenant(landing)).toEqual([])

  await platform.settle()
  expect(await readAll(tenant)).toEqual(before)

  const member = twin.members[0]?.user_id ?? ''
  const now = new Date().toISOString()
  await platform.send(tenant, [
    { event_id: 'again', type: 'screen_viewed', occurred_at: now, user_id: member, properties: { screen: 'home' } },
  ])
  await platform.settle()
  expect(await readAll(tenant)).toEqual(before)
}, 400_000)
