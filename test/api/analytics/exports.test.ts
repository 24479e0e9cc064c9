import { createHash, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Role } from '../../../api/security/principal.ts'
import { claimExport, EXPORT_LIFETIME_DAYS, withdrawMemberExports } from '../../../db/exports/jobs.ts'
import type { Tenant } from '../../../db/tenant.ts'
import { openObjectStore } from '../../../objects/open.ts'
import type { ObjectStore } from '../../../objects/store.ts'
import { deleteLeftovers, expireExports } from '../../../workers/expire-exports.ts'
import { runExports } from '../../../workers/run-exports.ts'
import { download, type ExportAnswer, type Exporter, openExporter } from '../../support/exports.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'
import { startS3, type TestS3 } from '../../support/s3.ts'

let platform: Platform
let exporter: Exporter
let tenant: Tenant
let other: Tenant
const EXPORTS = '/api/analytics/exports'
const dau = { type: 'metric', format: 'csv', params: { metric: 'dau' } }

beforeAll(async () => {
  platform = await openPlatform({ env: { EXPORTS_PER_TENANT: '3' } })
  tenant = await platform.createTenant({ slug: 'acme' })
  other = await platform.createTenant({ slug: 'other' })
  exporter = openExporter(platform)
})
afterAll(async () => {
  await platform.close()
})
afterEach(async () => {
  await platform.db.pool.query('delete from analytics.report_jobs')
  for await (const { key } of platform.app.deps.objects.list('')) await platform.app.deps.objects.delete(key)
})

const ask = (body: unknown = dau, headers: Record<string, string> = {}, role: Role = 'admin', of = tenant) =>
  platform.post(of, EXPORTS, body, role, headers)
const idOf = ({ body }: { body: unknown }) => (body as { id: string }).id
const read = async (id: string, role: Role = 'admin', of = tenant) =>
  (await platform.get<ExportAnswer>(of, `${EXPORTS}/${id}`, role)).body
const cancel = (id: string) => platform.delete<ExportAnswer>(tenant, `${EXPORTS}/${id}`)
const open = async () =>
  (await platform.db.pool.query<{ count: number }>('select count(*) from analytics.report_jobs')).rows[0]?.count

describe('asking for an export', () => {
  test('answers 202 with where to look, also by GET', async () => {
    const accepted = await ask()
    expect(accepted).toMatchObject({
      status: 202,
      body: { status: 'queued', status_url: `${EXPORTS}/${idOf(accepted)}` },
    })
    expect(accepted.headers.location).toBe(`${EXPORTS}/${idOf(accepted)}`)
    const byGet = await platform.get(
      tenant,
      '/api/analytics/export?type=metric&format=parquet&metric=dau&from=2026-01-01&to=2026-02-01&filter[plan]=pro',
    )
    expect(byGet.status, byGet.text).toBe(202)
    expect(await read(idOf(byGet as { body: unknown }))).toMatchObject({
      type: 'metric',
      format: 'parquet',
      status: 'queued',
      progress: 0,
      download_url: null,
      params: { metric: 'dau', from: '2026-01-01', 'filter[plan]': 'pro' },
    })
  })

  test.each([
    [{ type: 'nothing', format: 'csv' }, 400, 'validation_failed'],
    [{ type: 'metric', format: 'xlsx' }, 400, 'validation_failed'],
    [{ type: 'metric', format: 'csv' }, 400, 'validation_failed'],
    [{ type: 'metric', format: 'csv', params: { metric: 'nope' } }, 404, 'unknown_metric'],
    [{ type: 'metric', format: 'csv', params: { metric: 'dau', group_by: 'nope' } }, 400, 'unknown_dimension'],
    [{ type: 'metric', format: 'csv', params: { metric: 'dau', filtr: 'x' } }, 400, 'validation_failed'],
    [
      { type: 'fact_productivity', format: 'csv', params: { from: '2020-01-01', to: '2026-01-01' } },
      400,
      'validation_failed',
    ],
    [
      { type: 'audit', format: 'csv', params: { from: "2026-01-01'; drop table x", to: '2026-02-01' } },
      400,
      'validation_failed',
    ],
  ])('refuses %j', async (body, status, code) => {
    const answer = await ask(body)
    expect([answer.status, (answer.body as { code: string }).code]).toEqual([status, code])
    expect(await open()).toBe(0)
  })

  test('an idempotency key gives the same export however often and however concurrently it is sent', async () => {
    const key = { 'idempotency-key': 'monthly-2026-04' }
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(dau, key)))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202))
    expect(new Set(answers.map(idOf)).size).toBe(1)
    expect(await open()).toBe(1)
    // The same request written in another order.
    const again = await ask({ params: { metric: 'dau' }, format: 'csv', type: 'metric' }, key)
    expect(idOf(again)).toBe(idOf(answers[0] ?? { body: {} }))
    const reused = await ask({ ...dau, format: 'pdf' }, key)
    expect([reused.status, (reused.body as { code: string }).code]).toEqual([422, 'idempotency_key_reused'])
    // Keys are the requester's own.
    expect(idOf(await ask(dau, key, 'admin', other))).not.toBe(idOf(again))
    expect((await ask(dau, { 'idempotency-key': 'ä' })).status).toBe(400)
    await runExports({}, exporter.context)
    expect((await ask(dau, key)).body).toMatchObject({ id: idOf(again), status: 'completed' })
  })

  test('a tenant has a bounded number of open exports; others are not in its way', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask()))
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(3)
    const full = answers.find(({ status }) => status === 429)
    expect(full?.body).toMatchObject({ code: 'too_many_exports' })
    expect(full?.headers['retry-after']).toBeDefined()
    expect((await ask(dau, {}, 'admin', other)).status).toBe(202)
    await runExports({}, exporter.context)
    expect((await ask()).status).toBe(202)
  })
})

describe('roles and tenants', () => {
  test('finance exports revenue and what it may read, coaches and services nothing', async () => {
    expect((await ask({ type: 'revenue', format: 'csv' }, {}, 'finance')).status).toBe(202)
    expect((await ask({ type: 'metric', format: 'csv', params: { metric: 'arr' } }, {}, 'finance')).status).toBe(202)
    for (const body of [dau, { type: 'overview', format: 'pdf' }, { type: 'audit', format: 'csv' }])
      expect((await ask(body, {}, 'finance')).status).toBe(403)
    for (const role of ['coach', 'service'] as const) {
      expect((await ask(dau, {}, role)).status).toBe(403)
      expect((await platform.get(tenant, EXPORTS, role)).status).toBe(403)
    }
  })

  test('finance sees and cancels its own exports only', async () => {
    const ofAdmin = idOf(await ask())
    const ofFinance = idOf(await ask({ type: 'revenue', format: 'csv' }, {}, 'finance'))
    expect((await platform.get(tenant, `${EXPORTS}/${ofAdmin}`, 'finance')).status).toBe(403)
    expect((await platform.delete(tenant, `${EXPORTS}/${ofAdmin}`, 'finance')).status).toBe(403)
    const list = async (role: Role) =>
      (await platform.get<{ exports: { id: string }[] }>(tenant, EXPORTS, role)).body.exports.map(({ id }) => id)
    expect(await list('finance')).toEqual([ofFinance])
    expect(await list('admin')).toEqual([ofFinance, ofAdmin])
    expect((await read(ofAdmin)).status).toBe('queued')
  })

  test('another tenant’s export does not exist', async () => {
    const id = idOf(await ask())
    for (const answer of [
      await platform.get(other, `${EXPORTS}/${id}`),
      await platform.delete(other, `${EXPORTS}/${id}`, 'admin'),
      await platform.get(tenant, `${EXPORTS}/${randomUUID()}`),
    ])
      expect(answer.status).toBe(404)
    expect((await platform.get<{ exports: unknown[] }>(other, EXPORTS)).body.exports).toEqual([])
    expect((await platform.get(tenant, `${EXPORTS}/1`)).status).toBe(400)
    expect((await read(id)).status).toBe('queued')
  })

  test('the list is paged without a gap or a repetition', async () => {
    const ids = []
    for (let i = 0; i < 3; i += 1) ids.unshift(idOf(await ask()))
    type Page = { exports: { id: string }[]; next_cursor: string | null }
    const seen: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Page = (await platform.get<Page>(tenant, `${EXPORTS}?limit=2${cursor && `&cursor=${cursor}`}`)).body
      seen.push(...page.exports.map(({ id }) => id))
      cursor = page.next_cursor
    }
    expect(seen).toEqual(ids)
    expect((await platform.get(tenant, `${EXPORTS}?cursor=eA`)).status).toBe(400)
  })
})

describe('links', () => {
  test('each look gives a fresh link for 15 minutes; a changed or expired one gives nothing', async () => {
    const { answer } = await exporter.exported(tenant, 'metric', 'csv', { metric: 'dau' })
    const link = new URL(answer.download_url ?? '')
    const expires = Number(link.searchParams.get('expires'))
    expect(Math.abs(expires - Date.now() / 1000 - 900)).toBeLessThan(30)
    const follow = async (url: URL) => (await platform.app.inject({ url: `${url.pathname}${url.search}` })).statusCode
    expect(await follow(link)).toBe(200)
    const later = new URL(link)
    later.searchParams.set('expires', String(expires + 3600))
    expect(await follow(later)).toBe(403)
    const elsewhere = new URL(link)
    elsewhere.pathname = link.pathname.replace(tenant.id, other.id)
    expect(await follow(elsewhere)).toBe(403)
    const days = Date.parse(answer.expires_at ?? '') - Date.now()
    expect(Math.round(days / 86_400_000)).toBe(EXPORT_LIFETIME_DAYS)
  })
})

describe('cancelling', () => {
  test('what waits is never made', async () => {
    const id = idOf(await ask())
    expect((await cancel(id)).body).toMatchObject({ status: 'cancelled', download_url: null })
    await runExports({}, exporter.context)
    expect((await read(id)).status).toBe('cancelled')
    expect((await cancel(id)).status).toBe(200)
  })

  test('what runs stops, leaves no file, and the next one is taken up', async () => {
    const id = idOf(await ask())
    const next = idOf(await ask())
    const stuck = stuckStore(platform.app.deps.objects, 1)
    const running = runExports({}, { ...exporter.context, objects: stuck.store })
    await stuck.reached
    expect((await read(id)).status).toBe('running')
    expect((await cancel(id)).body.status).toBe('cancelled')
    await running
    expect((await read(id)).status).toBe('cancelled')
    expect((await read(next)).status).toBe('completed')
    expect(await keysOf(platform.app.deps.objects)).toHaveLength(1)
  })

  test('two of a tenant run at once, a third waits; another tenant is not in its way', async () => {
    for (let i = 0; i < 3; i += 1) await ask({ ...dau, params: { metric: 'dau', from: `2026-01-0${i + 1}` } })
    await ask(dau, {}, 'admin', other)
    const claimed = []
    for (let i = 0; i < 4; i += 1) claimed.push((await claimExport(platform.db.pool))?.tenantId)
    expect(claimed.sort()).toEqual([tenant.id, tenant.id, other.id, undefined].sort())
  })

  test('what is done loses its file and its links at once', async () => {
    const { answer } = await exporter.exported(tenant, 'metric', 'csv', { metric: 'dau' })
    expect((await cancel(answer.id)).body).toMatchObject({ status: 'expired', download_url: null })
    const link = new URL(answer.download_url ?? '')
    expect((await platform.app.inject({ url: `${link.pathname}${link.search}` })).statusCode).toBe(404)
  })
})

describe('failures', () => {
  test('a run that fails is tried again, and completes without a second file', async () => {
    const id = idOf(await ask())
    await runExports({}, { ...exporter.context, objects: failingStore(platform.app.deps.objects) })
    expect(await read(id)).toMatchObject({ status: 'queued', error: null })
    await platform.db.pool.query('update analytics.report_jobs set not_before = now()')
    await runExports({}, exporter.context)
    expect(await read(id)).toMatchObject({ status: 'completed', error: null })
  })

  test('a run that keeps failing ends as failed, and tells nothing of the inside', async () => {
    const id = idOf(await ask())
    for (let i = 0; i < 4; i += 1) {
      await platform.db.pool.query('update analytics.report_jobs set not_before = now()')
      await runExports({}, { ...exporter.context, objects: failingStore(platform.app.deps.objects) })
    }
    expect(await read(id)).toMatchObject({ status: 'failed', error: 'failed', download_url: null })
    expect(JSON.stringify(await read(id))).not.toContain('secret bucket')
  })

  test('what a lost worker left running is taken up; lost each time, it is failed', async () => {
    const id = idOf(await ask())
    const lose = () =>
      platform.db.pool.query(
        `update analytics.report_jobs set status = 'running', run = gen_random_uuid(), attempts = attempts + 1,
           lease_until = now() - interval '1 second' where status in ('queued', 'running')`,
      )
    await lose()
    await runExports({}, exporter.context)
    expect(await read(id)).toMatchObject({ status: 'completed' })
    const again = idOf(await ask())
    for (let i = 0; i < 4; i += 1) await lose()
    await runExports({}, exporter.context)
    expect(await read(again)).toMatchObject({ status: 'failed', error: 'interrupted' })
  })

  test('what was written while the clock was hours ahead does not wait for it', async () => {
    const waits = idOf(await ask())
    const later = `now() + interval '3 hours'`
    await platform.db.pool.query(`update analytics.report_jobs set not_before = ${later} where id = $1`, [waits])
    await runExports({}, exporter.context)
    expect(await read(waits)).toMatchObject({ status: 'completed' })
    const runs = idOf(await ask())
    await platform.db.pool.query(
      `update analytics.report_jobs set status = 'running', run = gen_random_uuid(), attempts = 1, lease_until = ${later}
       where id = $1`,
      [runs],
    )
    await runExports({}, exporter.context)
    expect(await read(runs)).toMatchObject({ status: 'completed' })
  })

  test('a shutdown gives the run back', async () => {
    const id = idOf(await ask())
    const stuck = stuckStore(platform.app.deps.objects, 1)
    let isClosing = false
    const running = runExports({}, { ...exporter.context, objects: stuck.store, isClosing: () => isClosing })
    await stuck.reached
    isClosing = true
    await running
    expect(await read(id)).toMatchObject({ status: 'queued' })
    await runExports({}, exporter.context)
    expect(await read(id)).toMatchObject({ status: 'completed' })
  })
})

describe('the end of an export', () => {
  test('after 14 days its file is deleted, and its hash stays to be looked up', async () => {
    const { answer } = await exporter.exported(tenant, 'metric', 'csv', { metric: 'dau' })
    const kept = await exporter.exported(tenant, 'metric', 'csv', { metric: 'wau' })
    await expireExports({}, exporter.context)
    expect((await read(answer.id)).status).toBe('completed')
    await platform.db.pool.query(
      `update analytics.report_jobs set expires_at = now() - interval '1 second' where id = $1`,
      [answer.id],
    )
    expect(await read(answer.id)).toMatchObject({ status: 'expired', download_url: null })
    expect(await expireExports({}, exporter.context)).toMatchObject({ deleted: 1 })
    expect(await read(answer.id)).toMatchObject({ status: 'expired', sha256: answer.sha256 })
    expect(await keysOf(platform.app.deps.objects)).toEqual([expect.stringContaining(kept.answer.id)])
  })

  test('files that lost runs left are deleted after an hour, those of runs that go on and everything else stay', async () => {
    const { answer } = await exporter.exported(tenant, 'metric', 'csv', { metric: 'dau' })
    const objects = aged(platform.app.deps.objects)
    await objects.put(`exports/${tenant.id}/${randomUUID()}/${randomUUID()}.csv`, Buffer.from('x'), {
      contentType: 'text/csv',
    })
    const running = idOf(await ask())
    const run = randomUUID()
    await platform.db.pool.query(`update analytics.report_jobs set status = 'running', run = $2 where id = $1`, [
      running,
      run,
    ])
    await objects.put(`exports/${tenant.id}/${running}/${run}.csv`, Buffer.from('x'), { contentType: 'text/csv' })
    await objects.put(`landing/${tenant.id}/x.parquet`, Buffer.from('x'), { contentType: 'x' })
    expect(await expireExports({}, { ...exporter.context, objects })).toMatchObject({ orphans: 1 })
    expect((await download(platform, (await read(answer.id)).download_url)).file.length).toBe(answer.bytes)
    expect(await objects.head(`landing/${tenant.id}/x.parquet`)).toBeDefined()
    expect(await objects.head(`exports/${tenant.id}/${running}/${run}.csv`)).toBeDefined()
    // Its worker was lost: an erasure does not wait for the hour.
    await platform.db.pool.query(`update analytics.report_jobs set status = 'queued', run = null where id = $1`, [
      running,
    ])
    expect(await deleteLeftovers(exporter.context, tenant.id)).toBe(1)
    expect(await objects.head(`exports/${tenant.id}/${running}/${run}.csv`)).toBeUndefined()
    expect((await download(platform, (await read(answer.id)).download_url)).file.length).toBe(answer.bytes)
  })

  test('an erasure withdraws what holds members, and only that', async () => {
    const facts = await exporter.exported(tenant, 'fact_productivity', 'csv')
    const figures = await exporter.exported(tenant, 'metric', 'csv', { metric: 'dau' })
    expect(await withdrawMemberExports(platform.db.pool, tenant.id)).toBe(1)
    await expireExports({}, exporter.context)
    expect(await read(facts.answer.id)).toMatchObject({ status: 'expired', download_url: null })
    expect(await read(figures.answer.id)).toMatchObject({ status: 'completed' })
  })
})

describe('with S3', () => {
  let s3: TestS3
  let objects: ObjectStore
  beforeAll(async () => {
    s3 = await startS3()
    objects = await openObjectStore(
      { ...platform.app.deps.config, ...s3.env },
      { masterKey: Buffer.alloc(32), origin: '' },
    )
  })
  afterAll(async () => {
    await objects.close()
    await s3.stop()
  })

  test.each(['csv', 'parquet', 'pdf'])(
    'a %s is stored there, fetched by a presigned link and deleted again',
    async (format) => {
      const id = idOf(await ask({ ...dau, format }))
      await runExports({}, { ...exporter.context, objects })
      const job = await read(id)
      const { rows } = await platform.db.pool.query<{ s3_url: string }>('select s3_url from analytics.report_jobs')
      const link = await objects.signedUrl(rows[0]?.s3_url ?? '', { expiresInSeconds: 60, filename: 'x' })
      const file = Buffer.from(await (await fetch(link)).arrayBuffer())
      expect(createHash('sha256').update(file).digest('hex')).toBe(job.sha256)
      expect(file.length).toBe(job.bytes)
      await platform.db.pool.query('update analytics.report_jobs set expires_at = now()')
      await expireExports({}, { ...exporter.context, objects })
      expect(await keysOf(objects)).toEqual([])
    },
  )
})

async function keysOf(objects: ObjectStore): Promise<string[]> {
  const keys = []
  for await (const { key } of objects.list(`exports/${tenant.id}`)) keys.push(key)
  return keys
}

/** The store, with its methods bound, and some replaced. */
function replaced(objects: ObjectStore, methods: Partial<ObjectStore>): ObjectStore {
  return new Proxy(objects, {
    get(target, name) {
      const method: unknown = Reflect.get(name in methods ? methods : target, name)
      return typeof method === 'function' ? method.bind(name in methods ? methods : target) : method
    },
  })
}

const failingStore = (objects: ObjectStore): ObjectStore =>
  replaced(objects, { put: async () => Promise.reject(new Error('no secret bucket')) })

/** Files of the day before yesterday. */
const aged = (objects: ObjectStore): ObjectStore =>
  replaced(objects, {
    async *list(prefix) {
      for await (const found of objects.list(prefix))
        yield { ...found, modifiedAt: new Date(Date.now() - 2 * 86_400_000) }
    },
  })

/** A store that takes `count` uploads up and never comes to their end: what is cut off fails as a real one does. */
function stuckStore(objects: ObjectStore, count: number) {
  let left = count
  let tell: () => void = () => undefined
  const reached = new Promise<void>((resolve) => {
    tell = resolve
  })
  const store = replaced(objects, {
    async put(key, body, options) {
      if (left === 0) return objects.put(key, body, options)
      left -= 1
      const endless = new Readable({ read: () => undefined })
      if (body instanceof Readable) {
        body.once('close', () => endless.destroy(body.errored ?? undefined))
      }
      tell()
      return objects.put(key, endless, options)
    },
  })
  return { store, reached }
}
