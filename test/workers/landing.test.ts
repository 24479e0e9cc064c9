import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dueDays, landedFiles } from '../../db/landing/books.ts'
import type { Tenant } from '../../db/tenant.ts'
import type { ObjectStore } from '../../objects/store.ts'
import { landDay, landTenant } from '../../workers/landing/land.ts'
import { inWorkshop, type Landing } from '../../workers/landing/store.ts'
import { verifyTenant } from '../../workers/landing/verify.ts'
import { busyTenant } from '../support/busy-tenant.ts'
import { openPlatform, type Platform } from '../support/platform.ts'

const DAY = 86_400_000
// Ends some days ago, so that the last day of every member is over and lands.
const end = Math.floor(Date.now() / DAY) * DAY - 2 * DAY
const day = (back: number): string => new Date(end - back * DAY).toISOString().slice(0, 10)

let platform: Platform
let tenant: Tenant
let landing: Landing
let directory: string

beforeAll(async () => {
  platform = await openPlatform()
  tenant = await platform.createTenant({ slug: 'acme', timezone: 'Asia/Kolkata' })
  await platform.send(tenant, busyTenant({ end, mark: 'x', members: 3 }))
  await platform.settle()
  landing = { pool: platform.db.pool, objects: platform.objects, tenant }
  directory = join(platform.db.dataDir, 'objects', 'landing', 'tenant=acme')
}, 100_000)
afterAll(() => platform.close())

const late = (id: string, at: string) => ({
  event_id: id,
  type: 'screen_viewed',
  occurred_at: at,
  user_id: 'member-0',
  properties: { screen: 'late', note: `ü "quoted" \\ back\nslash` },
})

describe('the landing zone', () => {
  test('has every event of every day that is over, and says of each file what is in it', async () => {
    const { files, rows } = await landTenant(landing)
    const landed = await landedFiles(platform.db.pool, tenant.id)
    expect(files).toBe(landed.length)
    expect(rows).toBe(landed.reduce((sum, file) => sum + file.rows, 0))
    const stored = await platform.db.pool.query<{ n: number }>('select count(*) as n from analytics.events')
    const events = landed.filter(({ dataset }) => dataset === 'events')
    expect(events.reduce((sum, file) => sum + file.rows, 0)).toBe(stored.rows[0]?.n)
    expect(new Set(landed.map(({ dataset }) => dataset))).toEqual(new Set(['events', 'fact_productivity', 'dim_user']))
    const manifest = JSON.parse(await readFile(join(directory, 'events', `date=${day(10)}`, 'manifest.json'), 'utf8'))
    expect(manifest).toMatchObject({
      tenant: 'acme',
      dataset: 'events',
      part: day(10),
      schema_version: 1,
      rows: events.find(({ part }) => part === day(10))?.rows,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      min_at: expect.stringContaining(day(10)),
      max_at: expect.stringContaining(day(10)),
    })
    expect(await verifyTenant(landing, { deep: true })).toEqual([])
    expect(await landTenant(landing)).toEqual({ files: 0, rows: 0 })
  }, 60_000)

  test('lands a day of many pages whose instants differ by less than a millisecond', async () => {
    const many = await platform.createTenant({ slug: 'many' })
    const rows = 12_000
    await platform.db.pool.query(
      `insert into analytics.events (tenant_id, event_id, occurred_at, local_hour, type, user_id, source, is_action, plan,
         coach_id, properties, content_hash)
       select $1, 'e-' || i, $2::date at time zone 'UTC' + i * interval '7 microseconds', $2::date, 'screen_viewed', 'm-1',
         'test', true, '', '', '{}', i
       from generate_series(1, $3::integer) i`,
      [many.id, day(5), rows],
    )
    const landed = await inWorkshop((shop) => landDay({ ...landing, tenant: many }, day(5), shop))
    expect(landed).toBe(rows)
    expect(await landedFiles(platform.db.pool, many.id)).toMatchObject([{ part: day(5), rows }])
    await platform.db.pool.query('delete from analytics.events where tenant_id = $1', [many.id])
  })

  test('takes a late event in by landing its day again, and no other', async () => {
    await platform.send(tenant, [late('late-1', `${day(12)}T10:00:00.123456Z`)])
    await platform.settle()
    expect(await dueDays(platform.db.pool, tenant.id)).toEqual([day(12)])
    expect((await verifyTenant(landing)).map(({ problem }) => problem)).toEqual([
      expect.stringMatching(/rows, the database/),
      expect.stringMatching(/to be landed/),
    ])
    await landTenant(landing)
    expect(await verifyTenant(landing, { deep: true })).toEqual([])
  })

  test('takes corrected dimensions in: a plan that is known late', async () => {
    await platform.send(tenant, [
      { ...late('late-2', `${day(20)}T00:00:00Z`), type: 'profile_changed', properties: { plan: 'corrected' } },
    ])
    await platform.settle()
    const due = await dueDays(platform.db.pool, tenant.id)
    expect(due.length).toBeGreaterThan(5)
    expect(due[0]).toBe(day(20))
    await landTenant(landing)
    expect(await verifyTenant(landing, { deep: true })).toEqual([])
  })

  test('interrupted between file and manifest, or file and books, is repeated and nothing is wrong', async () => {
    for (const broken of ['manifest.json', 'events.parquet']) {
      await platform.send(tenant, [late(`cut-${broken.length}`, `${day(9)}T11:00:00Z`)])
      await platform.settle()
      const put: ObjectStore['put'] = async (key, body, options) => {
        if (key.endsWith(broken)) throw new Error('the process ended here')
        return platform.objects.put(key, body, options)
      }
      const objects = new Proxy(platform.objects, {
        get: (store, name) => (name === 'put' ? put : Reflect.get(store, name).bind(store)),
      })
      await expect(landTenant({ ...landing, objects })).rejects.toThrow('the process ended here')
      expect(await dueDays(platform.db.pool, tenant.id)).toEqual([day(9)])
      expect(await verifyTenant(landing)).not.toEqual([])
      await landTenant(landing)
      expect(await verifyTenant(landing)).toEqual([])
    }
  })

  test('a changed, missing or foreign file is found', async () => {
    const path = join(directory, 'events', `date=${day(10)}`, 'events.parquet')
    const good = await readFile(path)
    await writeFile(path, Buffer.concat([good, Buffer.from('x')]))
    expect(await verifyTenant(landing)).toMatchObject([
      { problem: expect.stringContaining('bytes') },
      { problem: expect.stringContaining('to be landed') },
    ])
    // A file that is not as it should be is due: it lands again.
    await landTenant(landing)
    expect(await verifyTenant(landing)).toEqual([])
    await platform.objects.put('landing/tenant=acme/stranger.txt', Buffer.from('x'), { contentType: 'text/plain' })
    expect(await verifyTenant(landing)).toMatchObject([{ problem: 'no file of the books' }])
    await platform.objects.delete('landing/tenant=acme/stranger.txt')
  })

  test('gives the API’s numbers to the queries of docs/warehouse.md', async () => {
    const text = await readFile(new URL('../../docs/warehouse.md', import.meta.url), 'utf8')
    const queries = [...text.matchAll(/```sql\n(.*?)```/gs)].map(([, sql = '']) => sql)
    expect(queries).toHaveLength(4)
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
    const duck = await instance.connect()
    const ask = async (sql: string | undefined) =>
      (await duck.runAndReadAll((sql ?? '').replaceAll(':landing', `'${directory}'`))).getRowObjectsJson()
    const [types, active, weeks, plans] = await Promise.all(queries.map(ask))
    duck.closeSync()
    instance.closeSync()

    const stored = await platform.db.pool.query(
      'select type, count(*)::text as events from analytics.events group by 1 order by 1',
    )
    expect(types).toEqual(stored.rows)
    const range = `from=${day(60)}&to=${day(5)}`
    type Answer = { series: { points: { t: string; value: number | null }[] }[] }
    const points = async (metric: string, granularity: string) =>
      (await platform.get<Answer>(tenant, `/api/analytics/metrics/${metric}?${range}&granularity=${granularity}`)).body
        .series[0]?.points ?? []
    const members = new Map(active?.map((row) => [String(row.day), Number(row.members)]))
    const dau = await points('dau', 'day')
    expect(dau.length).toBeGreaterThan(40)
    for (const { t, value } of dau) expect(members.get(t) ?? 0, t).toBe(value ?? 0)
    const completed = await platform.db.pool.query<{ n: number }>(
      'select sum(completed)::integer as n from analytics.goal_changes',
    )
    expect(weeks?.reduce((sum, row) => sum + Number(row.goals), 0)).toBe(completed.rows[0]?.n)
    expect(plans?.reduce((sum, row) => sum + Number(row.members), 0)).toBe(3)
  }, 30_000)
})
