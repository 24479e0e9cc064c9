import { DateTime } from 'luxon'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { metrics } from '../../metrics/catalog.ts'
import { createTwin } from '../../sources/simulator/twin.ts'
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
const days = 120

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
  return answers
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
  await platform.db.pool.query('update analytics.retention_state set require_landing = false')
  const { rows: jobs } = await platform.db.pool.query<{ job_id: number }>(
    `select job_id from timescaledb_information.jobs where proc_name = 'enforce_retention'`,
  )
  const job = jobs[0]?.job_id
  expect(job).toBeDefined()
  await platform.db.pool.query(`call run_job(${job})`)
  const rowsAfter = await oldRows()
  for (const table of tables) expect(rowsAfter[table], table).toBeLessThan(rowsBefore[table] ?? 0)

  await platform.settle()
  expect(await readAll(tenant)).toEqual(before)

  const member = twin.members[0]?.user_id ?? ''
  const now = new Date().toISOString()
  await platform.send(tenant, [
    { event_id: 'again', type: 'screen_viewed', occurred_at: now, user_id: member, properties: { screen: 'home' } },
  ])
  await platform.settle()
  expect(await readAll(tenant)).toEqual(before)
})
