import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { openDatabase } from '../../db/database.ts'
import { migrate } from '../../db/migrate.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A migrated data directory (embedded engine) or template database (server); test files work on copies of it. */
    template: { kind: 'embedded'; dataDir: string } | { kind: 'server'; url: string; name: string }
  }
}

/** Migrates one database; each test file then opens a copy of it. `DATABASE_URL` selects a server, else the embedded engine. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const url = process.env.DATABASE_URL
  return url ? setupServer(project, url) : setupEmbedded(project)
}

async function setupEmbedded(project: TestProject): Promise<() => Promise<void>> {
  const root = await mkdtemp(join(tmpdir(), 'upcoach-template-'))
  const dataDir = join(root, 'data')
  const database = await openDatabase({ dataDir, DATABASE_POOL_SIZE: 2 })
  await migrate(database.connection)
  await database.close()
  project.provide('template', { kind: 'embedded', dataDir })
  return () => rm(root, { recursive: true, force: true })
}

async function setupServer(project: TestProject, url: string): Promise<() => Promise<void>> {
  const name = `upcoach_template_${process.pid}`
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(`create database ${name}`)
  const target = new URL(url)
  target.pathname = `/${name}`
  const database = await openDatabase({ dataDir: '', DATABASE_URL: target.href, DATABASE_POOL_SIZE: 2 })
  await migrate(database.connection)
  // Tests drive the policies themselves (CALL run_job), so that nothing depends on when the scheduler wakes up.
  await database.pool.query(
    'select alter_job(job_id, scheduled => false) from timescaledb_information.jobs where job_id >= 1000',
  )
  await database.pool.query('select _timescaledb_functions.stop_background_workers()')
  await database.close()
  // A template may have no sessions, the scheduler's included.
  await admin.query(`alter database ${name} with allow_connections false`)
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
  project.provide('template', { kind: 'server', url, name })
  return async () => {
    await admin.query(`drop database if exists ${name} with (force)`)
    await admin.end()
  }
}
