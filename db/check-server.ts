import type pg from 'pg'

const MINIMUM_POSTGRES = 15
const MINIMUM_TIMESCALE = [2, 23] as const

/**
 * Refuses a server on which numbers would be wrong or missing, with a message that says what to install.
 * Checked: PostgreSQL and TimescaleDB versions, the TSL licence (continuous aggregates, policies), the toolkit.
 */
export async function checkServer(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{
    postgres: number
    preloaded: string
    timescale: string | null
    toolkit: string | null
  }>(
    `select current_setting('server_version_num')::integer as postgres,
       coalesce(current_setting('shared_preload_libraries', true), '') as preloaded,
       (select default_version from pg_available_extensions where name = 'timescaledb') as timescale,
       (select default_version from pg_available_extensions where name = 'timescaledb_toolkit') as toolkit`,
  )
  const found = rows[0]
  if (!found) throw new Error('the database server did not answer')
  const missing: string[] = []
  const major = Math.floor(found.postgres / 10_000)
  if (major < MINIMUM_POSTGRES)
    missing.push(`PostgreSQL ${MINIMUM_POSTGRES} or newer (found ${major}; 17 is recommended)`)
  const advice = 'the image timescale/timescaledb-ha:pg17 has everything'
  if (found.timescale === null) missing.push(`the timescaledb extension (${advice})`)
  else {
    const [timescaleMajor = 0, timescaleMinor = 0] = found.timescale.split('.').map((part) => Number.parseInt(part, 10))
    const [wantMajor, wantMinor] = MINIMUM_TIMESCALE
    if (timescaleMajor < wantMajor || (timescaleMajor === wantMajor && timescaleMinor < wantMinor))
      missing.push(`TimescaleDB ${wantMajor}.${wantMinor} or newer (found ${found.timescale})`)
    if (!found.preloaded.includes('timescaledb'))
      missing.push("shared_preload_libraries = 'timescaledb' in postgresql.conf")
    else {
      await pool.query('create extension if not exists timescaledb')
      const { rows: licence } = await pool.query<{ licence: string }>(
        `select current_setting('timescaledb.license', true) as licence`,
      )
      if (licence[0]?.licence !== 'timescale')
        missing.push(
          `a TimescaleDB build under the Timescale licence: this one is '${licence[0]?.licence}', without continuous aggregates and policies (${advice}; Debian's postgresql-*-timescaledb packages are Apache-only)`,
        )
    }
  }
  if (found.toolkit === null) missing.push(`the timescaledb_toolkit extension (${advice})`)
  if (missing.length > 0) throw new Error(`DATABASE_URL points to a server that lacks:\n  - ${missing.join('\n  - ')}`)
}
