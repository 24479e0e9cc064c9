import { readFileSync } from 'node:fs'
import type { ClientBase } from 'pg'

/** Which implementation of the sketch functions a database has. */
export type Toolkit = 'extension' | 'shim'

interface ShimVersion {
  /** Changes when stored sketches mean something else; such a shim cannot replace another under stored data. */
  readonly format: number
  /** Changes with function bodies only. */
  readonly revision: number
}

/** What db/toolkit-shim/ installs; the same numbers as in version.sql. */
export const SHIM_VERSION: ShimVersion = { format: 1, revision: 1 }

/** PostgreSQL: the object cannot be dropped because something depends on it. */
const DEPENDENT_OBJECTS_STILL_EXIST = '2BP01'

/**
 * Gives the database the sketch functions: the timescaledb_toolkit extension where the server offers it, otherwise the SQL
 * shim with the same names and signatures. Call it outside a transaction, as a role that may create in schema public.
 * Safe to call again and from several processes at once.
 *
 * An installed shim stays when the extension appears later but stored sketches or views depend on the shim: the two store
 * different types, and nothing is lost by staying. Errors: a shim of another format that is in use, or newer than this code.
 */
export async function ensureToolkit(client: ClientBase): Promise<Toolkit> {
  await client.query('begin')
  try {
    await client.query("select pg_advisory_xact_lock(hashtext('upcoach.toolkit'))")
    const toolkit = await install(client)
    await client.query('commit')
    return toolkit
  } catch (error) {
    // The first error is the one to report, even if the connection is gone.
    await client.query('rollback').catch(() => undefined)
    throw error
  }
}

async function install(client: ClientBase): Promise<Toolkit> {
  const found = await inspect(client)
  if (found.installed) return 'extension'
  if (found.available) {
    if (found.shim && !(await dropUnusedShim(client))) return 'shim'
    await client.query('create extension timescaledb_toolkit with schema public')
    return 'extension'
  }
  await installShim(client, found.shim)
  return 'shim'
}

async function installShim(client: ClientBase, existing: ShimVersion | undefined): Promise<void> {
  if (existing && existing.format > SHIM_VERSION.format)
    throw new Error(describe(existing, 'is newer than this release'))
  if (existing?.format === SHIM_VERSION.format) {
    if (existing.revision < SHIM_VERSION.revision) await replaceFunctions(client)
    return
  }
  if (existing && !(await dropUnusedShim(client)))
    throw new Error(describe(existing, 'is older and in use: drop what depends on it, upgrade, and refresh it again'))
  await client.query(shimSql('types'))
  await replaceFunctions(client)
}

async function replaceFunctions(client: ClientBase): Promise<void> {
  for (const file of ['percentile', 'distinct', 'stats', 'version']) await client.query(shimSql(file))
}

/** False, and nothing changed, if anything depends on the shim. */
async function dropUnusedShim(client: ClientBase): Promise<boolean> {
  await client.query('savepoint drop_shim')
  try {
    await client.query(shimSql('drop'))
    return true
  } catch (error) {
    if ((error as { code?: unknown }).code !== DEPENDENT_OBJECTS_STILL_EXIST) throw error
    await client.query('rollback to savepoint drop_shim')
    return false
  }
}

interface Found {
  readonly installed: boolean
  readonly available: boolean
  readonly shim: ShimVersion | undefined
}

async function inspect(client: ClientBase): Promise<Found> {
  const { rows } = await client.query<{ installed: boolean; available: boolean; has_shim: boolean }>(`
    select exists (select from pg_extension where extname = 'timescaledb_toolkit') as installed,
           exists (select from pg_available_extensions where name = 'timescaledb_toolkit') as available,
           to_regprocedure('public.toolkit_shim_version()') is not null as has_shim`)
  const { installed = false, available = false, has_shim = false } = rows[0] ?? {}
  if (!has_shim) return { installed, available, shim: undefined }
  const version = await client.query<ShimVersion>('select format, revision from public.toolkit_shim_version()')
  return { installed, available, shim: version.rows[0] }
}

function describe(shim: ShimVersion, problem: string): string {
  return `The toolkit shim in this database (format ${shim.format}; this release has ${SHIM_VERSION.format}) ${problem}.`
}

function shimSql(name: string): string {
  return readFileSync(new URL(`./toolkit-shim/${name}.sql`, import.meta.url), 'utf8')
}
