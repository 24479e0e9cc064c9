import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Engine, startEngine } from '../../../db/embedded/engine.ts'
import { ensureToolkit, SHIM_VERSION } from '../../../db/toolkit.ts'

// The embedded engine, whichever engine the run uses: only there can the shim be created for certain.
let dataDir: string
let engine: Engine
let client: pg.Client
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'toolkit-'))
  engine = await startEngine({ dataDir })
  client = new pg.Client(engine.connection)
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await engine.stop()
  await rm(dataDir, { recursive: true, force: true })
})
beforeEach(async () => {
  await client.query('drop table if exists stored; drop type if exists uddsketch, hyperloglog, statssummary1d cascade')
  await client.query('drop function if exists toolkit_shim_version()')
})

const version = async () => (await client.query('select format, revision from toolkit_shim_version()')).rows[0]

/** Makes the installed shim say that it is of this version. */
const pretend = (format: number, revision: number) =>
  client.query(
    `create or replace function toolkit_shim_version(out format integer, out revision integer) language sql return (${format}, ${revision})`,
  )
const storeSketch = () =>
  client.query('create table stored as select percentile_agg(v) as p from generate_series(1, 9) v')
const storedMedian = async () => (await client.query('select approx_percentile(0.5, p) as m from stored')).rows[0]?.m

describe('ensureToolkit', () => {
  it('creates the shim where there is no extension, marked with its version', async () => {
    expect(await ensureToolkit(client)).toBe('shim')
    expect(await version()).toEqual(SHIM_VERSION)
  })

  it('does nothing the second time, and leaves stored sketches readable', async () => {
    await ensureToolkit(client)
    await storeSketch()
    expect(await ensureToolkit(client)).toBe('shim')
    expect(await storedMedian()).toBeCloseTo(5, 1)
  })

  it('replaces the functions of an older revision under stored sketches', async () => {
    await ensureToolkit(client)
    await storeSketch()
    await client.query(
      'create or replace function error(sketch uddsketch) returns float8 language sql immutable strict parallel safe return -1.0',
    )
    await pretend(SHIM_VERSION.format, SHIM_VERSION.revision - 1)
    await ensureToolkit(client)
    expect(await version()).toEqual(SHIM_VERSION)
    expect((await client.query('select error(p) as error from stored')).rows).toEqual([{ error: 0.001 }])
    expect(await storedMedian()).toBeCloseTo(5, 1)
  })

  it('leaves a newer revision alone', async () => {
    await ensureToolkit(client)
    await pretend(SHIM_VERSION.format, SHIM_VERSION.revision + 1)
    await ensureToolkit(client)
    expect(await version()).toEqual({ ...SHIM_VERSION, revision: SHIM_VERSION.revision + 1 })
  })

  it('replaces a shim of an older format only while nothing depends on it', async () => {
    await ensureToolkit(client)
    await storeSketch()
    await pretend(SHIM_VERSION.format - 1, 1)
    await expect(ensureToolkit(client)).rejects.toThrow(/is older and in use/)
    expect(await storedMedian()).toBeCloseTo(5, 1)
    await client.query('drop table stored')
    expect(await ensureToolkit(client)).toBe('shim')
    expect(await version()).toEqual(SHIM_VERSION)
  })

  it('refuses a shim of a newer format', async () => {
    await ensureToolkit(client)
    await pretend(SHIM_VERSION.format + 1, 1)
    await expect(ensureToolkit(client)).rejects.toThrow(/is newer than this release/)
  })

  it('works whatever the search_path of the session is, as in a refresh', async () => {
    await ensureToolkit(client)
    await client.query("select set_config('search_path', 'pg_catalog, pg_temp', false)")
    try {
      const { rows } = await client.query(
        `select public.approx_percentile(0.5, public.rollup(p)) as median, public.distinct_count(public.rollup(h)) as members,
           public.stddev(public.rollup(s)) as spread
         from (select public.percentile_agg(i) p, public.hyperloglog(64, i) h, public.stats_agg(i) s
               from generate_series(1, 300) i group by i % 3) x`,
      )
      expect(rows[0].median).toBeCloseTo(151, -0.5)
      expect(Number(rows[0].members)).toBeGreaterThan(200)
      expect(rows[0].spread).toBeCloseTo(Math.sqrt((300 * 301) / 12), 6)
    } finally {
      await client.query('reset search_path')
    }
  })
})
