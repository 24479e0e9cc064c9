import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrate, pendingMigrations } from '../../db/migrate.ts'
import type { Tenant } from '../../db/tenant.ts'
import { openEmptyDatabase } from '../support/database.ts'
import { openPlatform, type Platform } from '../support/platform.ts'
import { loadRelease, readRelease } from '../support/releases.ts'

/** By the last migration that the release had. */
const releases = ['0025', '0032']

/** Sums of fractions over members depend on their order in the last digits. */
const rounded = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_key, one: unknown) =>
    typeof one === 'number' ? Number(one.toPrecision(10)) : one,
  )

describe.each(releases)('a database of the release that ended at migration %s', (name) => {
  const release = readRelease(name)
  let platform: Platform
  let tenant: Tenant
  let applied: string[]
  beforeAll(async () => {
    const db = await openEmptyDatabase()
    await migrate(db.connection, Number(name))
    expect((await pendingMigrations(db.pool)).length).toBeGreaterThan(0)
    await loadRelease(db.pool, release)
    applied = await migrate(db.connection)
    platform = await openPlatform({ db })
    const { rows } = await db.pool.query<Tenant>(
      'select id, slug, name, timezone, currency, settings from analytics.tenants',
    )
    const [found] = rows
    if (!found) throw new Error('the release has a tenant')
    tenant = found
  })
  afterAll(() => platform.close())

  test('takes all later migrations', async () => {
    expect(applied.length).toBeGreaterThan(0)
    expect(await pendingMigrations(platform.db.pool)).toEqual([])
  })

  test('answers every metric as that release did', async () => {
    for (const [path, series] of Object.entries(release.answers)) {
      const answer = await platform.get<{ series: unknown }>(tenant, path)
      expect.soft(answer.status, path).toBe(200)
      expect.soft(rounded(answer.body.series), path).toEqual(rounded(series))
    }
    expect(Object.keys(release.answers).length).toBeGreaterThan(40)
  })

  test('has the same ledgers when they are made anew from its events', async () => {
    await platform.db.pool.query(
      `insert into analytics.dirty_members (tenant_id, user_id, types, since)
       select tenant_id, user_id, array_agg(distinct type), min(occurred_at) from analytics.events group by 1, 2`,
    )
    await platform.settle()
    for (const [path, series] of Object.entries(release.answers)) {
      const answer = await platform.get<{ series: unknown }>(tenant, path)
      expect.soft(rounded(answer.body.series), path).toEqual(rounded(series))
    }
  })

  test('goes on taking events', async () => {
    const occurred_at = new Date(Date.now() - 3_600_000).toISOString()
    const event = {
      event_id: 'after-upgrade',
      type: 'session_started',
      occurred_at,
      user_id: 'member-0',
      session_id: 's',
      properties: {},
    }
    expect(await platform.send(tenant, [event])).toMatchObject({ accepted: 1 })
    await platform.settle()
    const { body } = await platform.get<{ series: { points: { value: number }[] }[] }>(
      tenant,
      '/api/analytics/metrics/dau',
    )
    expect(body.series.flatMap(({ points }) => points).some(({ value }) => value > 0)).toBe(true)
  })
})
