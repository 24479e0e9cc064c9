import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { migrate as runMigrations } from 'postgres-migrations'
import { ensureToolkit } from './toolkit.ts'

const folders = ['hypertables', 'continuous-aggregates'].map((name) =>
  fileURLToPath(new URL(`../${name}/`, import.meta.url)),
)
const migrationFile = /^\d{4}_.+\.sql$/

/** Every migration of both folders, in order: [file name, path]. */
export async function listMigrations(): Promise<[string, string][]> {
  const files = await Promise.all(
    folders.map(async (folder) => (await readdir(folder)).map((name): [string, string] => [name, join(folder, name)])),
  )
  return files
    .flat()
    .filter(([name]) => migrationFile.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/**
 * Brings the schema up to date; safe to run twice and from two processes (postgres-migrations takes a lock).
 * The library reads one directory, so the files of both folders are linked into a temporary one.
 * Returns the names of the migrations applied by this run.
 *
 * @param last number of the last migration to apply: a schema as an earlier release left it, for the tests of upgrades
 */
export async function migrate(connection: pg.ClientConfig, last = Number.POSITIVE_INFINITY): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'migrations-'))
  // One connected client, not a pool: the advisory lock belongs to a session.
  const client = new pg.Client({ ...connection, application_name: 'upcoach-migrate' })
  // The statement under way rejects; without a listener the lost connection would end the process before that is told.
  client.on('error', () => undefined)
  try {
    for (const [name, path] of await listMigrations())
      if (Number.parseInt(name, 10) <= last) await symlink(path, join(directory, name))
    await client.connect()
    await client.query('create extension if not exists timescaledb')
    await ensureToolkit(client)
    const applied = await runMigrations({ client }, directory)
    return applied.map((migration) => migration.fileName)
  } finally {
    await client.end().catch(() => undefined)
    await rm(directory, { recursive: true, force: true })
  }
}

/** Names of migrations that the database lacks; empty when it is up to date. */
export async function pendingMigrations(pool: pg.Pool): Promise<string[]> {
  const known = await pool.query<{ present: boolean }>(`select to_regclass('public.migrations') is not null as present`)
  const applied = known.rows[0]?.present
    ? (await pool.query<{ name: string }>('select name from public.migrations')).rows.length - 1
    : 0
  return (await listMigrations()).slice(applied).map(([name]) => name)
}
