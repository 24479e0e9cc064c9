import { randomUUID } from 'node:crypto'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { inject } from 'vitest'
import { type Database, openDatabase } from '../../db/database.ts'

export interface TestDatabase extends Database {
  /** A directory for whatever else the test writes; removed with the database. */
  readonly dataDir: string
  /** What a child process needs in its environment to work on this database when it is a server's; else undefined. */
  readonly url: string | undefined
}

/** A migrated database of this test file's own, on whichever engine the run uses. Close it in `afterAll`. */
export async function openTestDatabase(options: { poolSize?: number } = {}): Promise<TestDatabase> {
  const template = inject('template')
  const dataDir = await mkdtemp(join(tmpdir(), 'upcoach-test-'))
  const DATABASE_POOL_SIZE = options.poolSize ?? 6
  if (template.kind === 'embedded') {
    await cp(template.dataDir, dataDir, { recursive: true })
    const database = await openDatabase({ dataDir, DATABASE_POOL_SIZE })
    return wrap(database, dataDir, undefined, async () => undefined)
  }
  const name = `upcoach_test_${randomUUID().replaceAll('-', '')}`
  const admin = new pg.Client({ connectionString: template.url })
  await admin.connect()
  await admin.query(`create database ${name} template ${template.name}`)
  const url = new URL(template.url)
  url.pathname = `/${name}`
  const database = await openDatabase({ dataDir, DATABASE_URL: url.href, DATABASE_POOL_SIZE })
  return wrap(database, dataDir, url.href, async () => {
    await admin.query(`drop database if exists ${name} with (force)`)
    await admin.end()
  })
}

/** The embedded database in a directory that is there already; the directory is removed with it. */
export async function openTestDirectory(dataDir: string): Promise<TestDatabase> {
  return wrap(await openDatabase({ dataDir, DATABASE_POOL_SIZE: 4 }), dataDir, undefined, async () => undefined)
}

/** A server's database that the test has made, dropped when it is closed. */
export async function openTestUrl(url: string): Promise<TestDatabase> {
  const dataDir = await mkdtemp(join(tmpdir(), 'upcoach-test-'))
  const database = await openDatabase({ dataDir, DATABASE_URL: url, DATABASE_POOL_SIZE: 4 })
  return wrap(database, dataDir, url, async () => {
    const admin = new pg.Client({ connectionString: process.env.DATABASE_URL })
    await admin.connect()
    await admin.query(`drop database if exists ${new URL(url).pathname.slice(1)} with (force)`)
    await admin.end()
  })
}

/** A database of a test's own without any schema yet, on whichever engine the run uses. */
export async function openEmptyDatabase(): Promise<TestDatabase> {
  const template = inject('template')
  const dataDir = await mkdtemp(join(tmpdir(), 'upcoach-empty-'))
  const DATABASE_POOL_SIZE = 4
  if (template.kind === 'embedded')
    return wrap(await openDatabase({ dataDir, DATABASE_POOL_SIZE }), dataDir, undefined, async () => undefined)
  const name = `upcoach_empty_${randomUUID().replaceAll('-', '')}`
  const admin = new pg.Client({ connectionString: template.url })
  await admin.connect()
  await admin.query(`create database ${name}`)
  const url = new URL(template.url)
  url.pathname = `/${name}`
  const database = await openDatabase({ dataDir, DATABASE_URL: url.href, DATABASE_POOL_SIZE })
  return wrap(database, dataDir, url.href, async () => {
    await admin.query(`drop database if exists ${name} with (force)`)
    await admin.end()
  })
}

function wrap(database: Database, dataDir: string, url: string | undefined, drop: () => Promise<void>): TestDatabase {
  return {
    ...database,
    dataDir,
    url,
    async close() {
      await database.close()
      await drop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
