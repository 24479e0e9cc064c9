import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type Database, openDatabase } from '../../db/database.ts'
import { listMigrations, migrate, pendingMigrations } from '../../db/migrate.ts'
import { dumpSchema } from '../support/schema-dump.ts'

const golden = new URL('./schema.golden.txt', import.meta.url)
const template = inject('template')

/** A database without any schema of ours: a new data directory, or a new database on the server. */
async function openEmptyDatabase(): Promise<{ database: Database; drop: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'upcoach-empty-'))
  if (template.kind === 'embedded') {
    const database = await openDatabase({ dataDir, DATABASE_POOL_SIZE: 2 })
    return { database, drop: () => rm(dataDir, { recursive: true, force: true }) }
  }
  const name = `upcoach_empty_${randomUUID().replaceAll('-', '')}`
  const admin = new pg.Client({ connectionString: template.url })
  await admin.connect()
  await admin.query(`create database ${name}`)
  const url = new URL(template.url)
  url.pathname = `/${name}`
  const database = await openDatabase({ dataDir, DATABASE_URL: url.href, DATABASE_POOL_SIZE: 2 })
  return {
    database,
    async drop() {
      await admin.query(`drop database if exists ${name} with (force)`)
      await admin.end()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

describe('migrations', () => {
  let empty: Awaited<ReturnType<typeof openEmptyDatabase>>
  let names: string[]
  beforeAll(async () => {
    empty = await openEmptyDatabase()
    names = (await listMigrations()).map(([name]) => name)
  })
  afterAll(async () => {
    await empty.database.close()
    await empty.drop()
  })

  test('are numbered from 1 without a gap or a duplicate, over both folders', () => {
    expect(names.map((name) => Number(name.slice(0, 4)))).toEqual(names.map((_, i) => i + 1))
  })

  test.skipIf(template.kind === 'embedded')(
    'two runs at the same time apply each once (server engine only: the embedded one has one session)',
    async () => {
      const { connection } = empty.database
      const runs = await Promise.all([migrate(connection), migrate(connection)])
      expect(runs.flat().sort()).toEqual(expect.arrayContaining(names))
      expect(runs.flat()).toHaveLength(new Set(runs.flat()).size)
    },
  )

  test('a connection that is lost on the way rejects, and does not end the process', async () => {
    const stream = new Socket()
    const lost = migrate({ ...empty.database.connection, stream: () => stream })
    // The server has let us in, and the first statement is under way.
    const cut = setInterval(() => {
      if (stream.bytesRead > 0) stream.destroy()
    }, 1)
    await expect(lost).rejects.toThrow(/terminated/i)
    clearInterval(cut)
  })

  test('a fresh run leaves nothing pending; a second run does nothing', async () => {
    const { connection, pool } = empty.database
    if (template.kind === 'embedded') {
      expect(await pendingMigrations(pool)).toEqual(names)
      expect(await migrate(connection)).toEqual(expect.arrayContaining(names))
    }
    expect(await pendingMigrations(pool)).toEqual([])
    const before = await dumpSchema(pool)
    expect(await migrate(connection)).toEqual([])
    expect(await dumpSchema(pool)).toBe(before)
  })

  test('give the schema of schema.golden.txt (UPDATE_GOLDEN=1 rewrites it)', async () => {
    // nothing to do when the tests before it have run
    await migrate(empty.database.connection)
    const schema = await dumpSchema(empty.database.pool)
    if (process.env.UPDATE_GOLDEN) await writeFile(golden, schema)
    expect(schema).toBe(await readFile(golden, 'utf8'))
  })

  test('a migration that was changed after it had been applied is refused', async () => {
    const { connection, pool } = empty.database
    await pool.query(`update public.migrations set hash = 'another' where id = 3`)
    await expect(migrate(connection)).rejects.toThrow(/0003_events|hash/i)
  })
})
