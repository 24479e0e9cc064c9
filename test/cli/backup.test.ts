import { execFile, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { createBackup, restoreBackup } from '../../cli/backup/files.ts'
import { loadConfig } from '../../config.ts'
import type { Tenant } from '../../db/tenant.ts'
import { metrics } from '../../metrics/catalog.ts'
import { busyTenant } from '../support/busy-tenant.ts'
import { openTestDirectory, openTestUrl } from '../support/database.ts'
import { openPlatform, type Platform } from '../support/platform.ts'
import { runCommand } from './support.ts'

const DAY = 86_400_000
const now = Date.now()
const template = inject('template')
const from = new Date(now - 60 * DAY).toISOString().slice(0, 10)
const to = new Date(now - DAY).toISOString().slice(0, 10)

/** Every metric of a tenant over two months, and how many rows its tables have. */
async function picture(platform: Platform, tenant: Tenant): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {}
  for (const { name, granularities, dimensions } of metrics)
    for (const group of ['', ...dimensions.filter((one) => one === 'plan')]) {
      const granularity = granularities.includes('day') ? 'day' : granularities[0]
      const path = `/api/analytics/metrics/${name}?from=${from}&to=${to}&granularity=${granularity}${group && '&group_by=plan'}`
      const { status, body } = await platform.get<{ series: unknown }>(tenant, path)
      expect(status, path).toBe(200)
      answers[path] = JSON.parse(JSON.stringify(body.series), (_key, value: unknown) =>
        typeof value === 'number' ? Number(value.toPrecision(10)) : value,
      )
    }
  const { rows } = await platform.db.pool.query(
    `select (select count(*) from analytics.events) as events, (select count(*) from analytics.member_days) as member_days,
       (select count(*) from analytics.sessions) as sessions, (select count(*) from analytics.goal_changes) as goals`,
  )
  return { ...answers, rows: rows[0] }
}
const later = (mark: string) =>
  busyTenant({ end: now, mark, members: 5 }).filter(({ user_id }) => user_id === 'member-4')

let platform: Platform
let tenant: Tenant
let scratch: string
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'upcoach-backup-'))
  platform = await openPlatform()
  tenant = await platform.createTenant({ slug: 'kept', timezone: 'Europe/Berlin' })
  await platform.send(tenant, busyTenant({ end: now, mark: 'x', members: 4 }))
  await platform.settle()
  await platform.db.pool.query(
    `select compress_chunk(c) from show_chunks('analytics.events', older_than => interval '40 days') c`,
  )
})
afterAll(async () => {
  await platform.close()
  await rm(scratch, { recursive: true, force: true })
})

/** The copy has the same numbers, and takes what comes next as the original does. */
async function expectSame(copy: Platform): Promise<void> {
  const before = await picture(platform, tenant)
  expect(await picture(copy, tenant)).toEqual(before)
  for (const one of [platform, copy]) {
    expect((await one.send(tenant, busyTenant({ end: now, mark: 'x', members: 1 }))).accepted).toBe(0)
    expect((await one.send(tenant, later('x'))).accepted).toBeGreaterThan(50)
    await one.settle()
  }
  const after = await picture(copy, tenant)
  expect(after).not.toEqual(before)
  expect(after).toEqual(await picture(platform, tenant))
}

describe.skipIf(template.kind === 'server')('a backup of the embedded engine', () => {
  const configOf = (dataDir: string) => loadConfig({ DATA_DIR: dataDir })

  test('made while events come in holds all that were acknowledged before, has the same numbers and goes on', async () => {
    const { dataDir } = platform.db
    await writeFile(join(dataDir, 'secrets.json'), '{"jwt_secret":"x"}', { mode: 0o600 })
    await mkdir(join(dataDir, 'objects', 'exports'), { recursive: true })
    await writeFile(join(dataDir, 'objects', 'exports', 'a.csv'), 'a,b')
    const event = (n: number) => ({
      event_id: `beside-${n}`,
      type: 'screen_viewed',
      occurred_at: new Date(now - 3_600_000).toISOString(),
      user_id: 'beside',
      properties: { screen: 'x' },
    })
    let acknowledged = 0
    let copying = true
    const traffic = (async () => {
      while (copying || acknowledged < 3) acknowledged += (await platform.send(tenant, [event(acknowledged)])).accepted
    })()
    const atLeast = acknowledged
    const { files } = await createBackup(configOf(dataDir), join(scratch, 'one'), { secrets: true })
    copying = false
    await traffic
    expect(files).toBeGreaterThan(500)
    expect(acknowledged).toBeGreaterThanOrEqual(3)

    const restored = join(scratch, 'restored')
    await restoreBackup(configOf(restored), join(scratch, 'one'))
    expect(await readFile(join(restored, 'objects', 'exports', 'a.csv'), 'utf8')).toBe('a,b')
    expect((await stat(join(restored, 'secrets.json'))).mode & 0o077).toBe(0)
    const copy = await openPlatform({ db: await openTestDirectory(restored) })
    try {
      const { rows } = await copy.db.pool.query<{ n: number }>(
        `select count(*) as n from analytics.events where user_id = 'beside'`,
      )
      const kept = rows[0]?.n ?? -1
      // A whole beginning of what was acknowledged.
      expect(kept).toBeGreaterThanOrEqual(atLeast)
      expect(kept).toBeLessThanOrEqual(acknowledged)
      await copy.send(
        tenant,
        Array.from({ length: acknowledged }, (_, n) => event(n)),
      )
      await Promise.all([platform.settle(), copy.settle()])
      await expectSame(copy)
    } finally {
      await copy.close()
    }
  }, 300_000)

  test('is refused when a byte of it changed, a file is missing or leads outside; then nothing is restored', async () => {
    const backup = join(scratch, 'damaged')
    await createBackup(configOf(platform.db.dataDir), backup, { secrets: false })
    expect(await readdir(backup)).not.toContain('secrets.json')
    const target = join(scratch, 'never')
    const restore = () => restoreBackup(configOf(target), backup)
    const manifest = join(backup, 'manifest.json')
    const original = await readFile(manifest, 'utf8')
    const version = join(backup, 'pgdata', 'PG_VERSION')
    const text = await readFile(version)
    await writeFile(version, '99')
    await expect(restore()).rejects.toThrow(/damaged: pgdata\/PG_VERSION/)
    await rm(version)
    await expect(restore()).rejects.toThrow(/damaged: pgdata\/PG_VERSION/)
    await writeFile(version, text)
    await writeFile(manifest, original.replace('"pgdata/PG_VERSION"', '"../outside"'))
    await expect(restore()).rejects.toThrow(/outside/)
    await rm(manifest)
    await expect(restore()).rejects.toThrow(/no backup/)
    expect(await readdir(scratch)).not.toContain('never')
    await writeFile(manifest, original)
    await mkdir(target)
    await writeFile(join(target, 'mine'), '')
    await expect(restore()).rejects.toThrow(/not empty/)
    await expect(createBackup(configOf(platform.db.dataDir), backup, { secrets: false })).rejects.toThrow(
      /exists already/,
    )
    await expect(
      createBackup(configOf(join(scratch, 'nothing')), join(scratch, 'x'), { secrets: false }),
    ).rejects.toThrow(/no database/)
  })
})

test('the command explains itself, and leaves a server to its own tools', async () => {
  expect(await runCommand('backup', ['--help'], {})).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('restore'),
  })
  expect(await runCommand('backup', ['create'], {})).toMatchObject({ code: 2 })
  const onServer = await runCommand('backup', ['create', 'x'], { DATABASE_URL: 'postgres://127.0.0.1:1/x' })
  expect(onServer).toMatchObject({ code: 1, stderr: expect.stringContaining('docs/backup.md') })
})

const tool = { dump: 'pg_dump', restore: 'pg_restore' }
const hasPgDump = Object.values(tool).every((name) => spawnSync(name, ['--version']).status === 0)

describe.skipIf(template.kind === 'embedded' || !hasPgDump)(
  'a dump of the server (skipped without pg_dump and pg_restore)',
  () => {
    const sh = promisify(execFile)

    test('restored as docs/backup.md says has the same numbers and goes on', async () => {
      const url = platform.db.url ?? ''
      const file = join(scratch, 'upcoach.dump')
      await sh(tool.dump, ['--format=custom', `--file=${file}`, url])
      const target = new URL(url)
      target.pathname = `/upcoach_restored_${randomUUID().replaceAll('-', '')}`
      const admin = new pg.Client({ connectionString: url })
      await admin.connect()
      await admin.query(`create database ${target.pathname.slice(1)}`)
      await admin.end()
      const fresh = new pg.Client({ connectionString: target.href })
      await fresh.connect()
      await fresh.query('create extension timescaledb')
      await fresh.query('select timescaledb_pre_restore()')
      await fresh.end()
      await sh(tool.restore, [`--dbname=${target.href}`, '--exit-on-error', file])
      const restored = new pg.Client({ connectionString: target.href })
      await restored.connect()
      await restored.query('select timescaledb_post_restore()')
      await restored.query('select _timescaledb_functions.stop_background_workers()')
      await restored.end()
      const copy = await openPlatform({ db: await openTestUrl(target.href) })
      try {
        await expectSame(copy)
      } finally {
        await copy.close()
      }
    }, 300_000)
  },
)
