import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEFAULT_RETENTION_MONTHS } from '../../db/accept-events.ts'
import { aggregates } from '../../db/aggregates.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

/** A continuous aggregate as TimescaleDB's catalog has it; ages in days, a month being the shortest, so that no margin is rounded up. */
interface CatalogAggregate {
  readonly name: string
  /** The table or aggregate it is computed from. */
  readonly source: string
  readonly materialized_only: boolean
  readonly start_offset: number | null
  readonly end_offset: number | null
  readonly compress_after: number | null
  readonly source_chunk: number
  readonly source_drop_after: number | null
  readonly source_compress_after: number | null
  readonly drop_after: number | null
}

const catalogQuery = `
  with relation as (
    select view_name as name, materialization_hypertable_schema as schema, materialization_hypertable_name as hypertable
    from timescaledb_information.continuous_aggregates where view_schema = 'analytics'
    union all
    select hypertable_name, hypertable_schema, hypertable_name
    from timescaledb_information.hypertables where hypertable_schema = 'analytics'
  ),
  age as (
    select r.name, r.schema, r.hypertable, setting.key,
      (extract(year from setting.value::interval) * 365 + extract(month from setting.value::interval) * 28
        + extract(day from setting.value::interval) + extract(hour from setting.value::interval) / 24.0)::double precision as days
    from timescaledb_information.jobs j
    join relation r on (j.hypertable_schema, j.hypertable_name) in (('analytics', r.name), (r.schema, r.hypertable))
    cross join lateral jsonb_each_text(j.config) setting
    where setting.key in ('start_offset', 'end_offset', 'compress_after', 'drop_after') and setting.value is not null
  )
  select c.view_name as name, s.name as source, c.materialized_only,
    (select days from age where age.name = c.view_name and key = 'start_offset') as start_offset,
    (select days from age where age.name = c.view_name and key = 'end_offset') as end_offset,
    (select days from age where age.name = c.view_name and key = 'compress_after') as compress_after,
    (select min(days) from age where age.name = c.view_name and key = 'drop_after') as drop_after,
    (select extract(epoch from d.time_interval) / 86400 from timescaledb_information.dimensions d
     where d.hypertable_schema = c.hypertable_schema and d.hypertable_name = c.hypertable_name)::double precision as source_chunk,
    (select min(days) from age where age.name = s.name and key = 'drop_after') as source_drop_after,
    (select min(days) from age where age.name = s.name and key = 'compress_after') as source_compress_after
  from timescaledb_information.continuous_aggregates c
  join relation s on s.schema = c.hypertable_schema and s.hypertable = c.hypertable_name
  where c.view_schema = 'analytics'
  order by 1`

let db: TestDatabase
let catalog: CatalogAggregate[]
beforeAll(async () => {
  db = await openTestDatabase({ poolSize: 2 })
  catalog = (await db.pool.query<CatalogAggregate>(catalogQuery)).rows
})
afterAll(() => db.close())

describe('continuous aggregates in TimescaleDB’s catalog', () => {
  test('are exactly those that refreshes are driven for', () => {
    expect(aggregates.map(({ name }) => name).sort()).toEqual(catalog.map(({ name }) => name).sort())
    expect(catalog.length).toBeGreaterThan(5)
  })

  test('are refreshed after the aggregate they stand on, and follow the marks of its bottom table', () => {
    const position = new Map(aggregates.map(({ name }, i) => [name, i]))
    const bottom = (name: string): string => {
      const below = catalog.find((aggregate) => aggregate.name === name)
      return below ? bottom(below.source) : name
    }
    for (const { name, source } of catalog) {
      expect.soft(position.get(source) ?? -1, `${name} stands on ${source}`).toBeLessThan(position.get(name) ?? -1)
      expect.soft(aggregates.find((aggregate) => aggregate.name === name)?.source, name).toBe(bottom(name))
    }
  })

  test('show what is newer than the last refresh', () => {
    expect(catalog.filter(({ materialized_only }) => materialized_only)).toEqual([])
  })

  test('have a refresh policy that starts and ends somewhere', () => {
    for (const { name, start_offset, end_offset } of catalog) {
      // An open start would reach below what retention has left, and delete it.
      expect.soft(start_offset, `${name}: start_offset`).toBeGreaterThan(0)
      expect.soft(end_offset, `${name}: end_offset`).toBeGreaterThan(0)
      expect.soft(end_offset, `${name}: end_offset`).toBeLessThan(start_offset ?? 0)
    }
  })

  test('are never refreshed where their source may have been dropped: by policy, or by the retention setting', () => {
    // `retention_months` may be lower than the default for one tenant only; then rows are deleted, not chunks.
    const retention = DEFAULT_RETENTION_MONTHS * 28
    for (const { name, source, start_offset, source_drop_after, source_chunk } of catalog) {
      const dropped = Math.min(source_drop_after ?? retention, retention)
      expect.soft(source_chunk, `${source}: chunk`).toBeGreaterThan(0)
      expect.soft((start_offset ?? 0) + source_chunk, `${name} on ${source}`).toBeLessThanOrEqual(dropped)
    }
  })

  test('compress their source before it is dropped, and themselves only where refreshes no longer write', () => {
    for (const aggregate of catalog) {
      const { name, start_offset, compress_after, drop_after, source_compress_after, source_drop_after } = aggregate
      if (source_compress_after !== null && source_drop_after !== null)
        expect.soft(source_compress_after, name).toBeLessThan(source_drop_after)
      if (compress_after !== null) expect.soft(compress_after, name).toBeGreaterThanOrEqual(start_offset ?? 0)
      if (drop_after !== null && source_drop_after !== null)
        expect.soft(drop_after, name).toBeGreaterThanOrEqual(source_drop_after)
    }
  })

  test('raw events are compressed, segmented and ordered as the ledgers read them', async () => {
    const { rows } = await db.pool.query(
      `select attname, segmentby_column_index as segment, orderby_column_index as position
       from timescaledb_information.compression_settings where hypertable_name = 'events'
       order by segment nulls last, position`,
    )
    expect(rows).toEqual([
      { attname: 'tenant_id', segment: 1, position: null },
      { attname: 'user_id', segment: null, position: 1 },
      { attname: 'occurred_at', segment: null, position: 2 },
    ])
    expect(catalog.find(({ source }) => source === 'events')?.source_compress_after).toBe(7)
  })
})
