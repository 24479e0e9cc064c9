import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openToolkitDatabase, type ToolkitDatabase } from './database.ts'

let database: ToolkitDatabase
beforeAll(async () => {
  database = await openToolkitDatabase()
})
afterAll(() => database.close())

async function distinctCount(from: string, expression: string, parameters: readonly unknown[] = []): Promise<number> {
  const sql = `select distinct_count(hyperloglog(8192, ${expression})) as n from ${from}`
  return (await database.one<{ n: number }>(sql, parameters)).n
}

describe('hyperloglog', () => {
  it('is within 3 % of the exact distinct count for any set of up to 1500 ids, however often each repeats', async () => {
    const ids = fc.array(fc.stringMatching(/^[a-z0-9]{1,12}$/), { minLength: 1, maxLength: 1500, size: 'max' })
    await fc.assert(
      fc.asyncProperty(ids, fc.integer({ min: 1, max: 4 }), async (sample, repeats) => {
        const exact = new Set(sample).size
        const estimate = await distinctCount(`unnest($1::text[]) v, generate_series(1, ${repeats})`, 'v', [sample])
        expect(Math.abs(estimate - exact)).toBeLessThanOrEqual(0.03 * exact)
      }),
      { numRuns: 40 },
    )
  })

  // The hash is fixed, so these are the same numbers on every run; the standard error alone would allow an outlier.
  it.each([1, 10, 1_000, 2_048, 2_049, 3_000, 10_000, 50_000, 100_000].map((n) => ({ n })))(
    'is within 3 % for $n members',
    async ({ n }) => {
      for (const expression of ['i', `'member-' || i`, 'md5(i::text)::uuid']) {
        const estimate = await distinctCount(`generate_series(1, ${n}) i`, expression)
        expect(Math.abs(estimate - n) / n).toBeLessThanOrEqual(0.03)
      }
    },
  )

  it('has the stated standard error over many large sets, and no bias', async () => {
    const { rms, bias, stated } = await database.one<{ rms: number; bias: number; stated: number }>(
      `select sqrt(avg(e * e))::float8 as rms, avg(e)::float8 as bias, max(stated) as stated
       from (
         select distinct_count(h) / 6000.0 - 1 as e, stderror(h) as stated
         from (select hyperloglog(8192, i::text) h from generate_series(1, 300000) i group by i / 6001 having count(*) >= 5999) s
       ) x`,
    )
    expect(stated).toBeCloseTo(1.04 / Math.sqrt(8192), 12)
    expect(rms).toBeLessThan(stated * 1.3)
    expect(Math.abs(bias)).toBeLessThan(stated / 2)
  })

  it.each([
    ['sparse', 700],
    ['sparse parts of a dense union', 6_000],
    ['dense', 20_000],
  ])('rolls up overlapping parts to exactly the sketch of the union (%s)', async (kind, n) => {
    const row = await database.one<
      Record<'union' | 'rolled' | 'twice', string> & { counted: number; counted_rolled: number }
    >(
      `with v as (select i * 7919 % ${n} as x, i % 7 as part from generate_series(1, ${n} * 2) i),
            parts as (select part, hyperloglog(8192, x) s from v group by part),
            halves as (select part % 2, rollup(s order by part desc) s from parts group by 1)
       select (select hyperloglog(8192, x order by x) from v)::text as union,
              (select rollup(s) from parts)::text as rolled,
              (select rollup(s) from halves)::text as twice,
              (select distinct_count(hyperloglog(8192, x)) from v) as counted,
              (select distinct_count(rollup(s)) from parts) as counted_rolled`,
    )
    expect(Math.abs(row.counted_rolled - row.counted)).toBeLessThanOrEqual(0.03 * n)
    // Near its switch from sparse to dense the extension's form depends on the order of arrival.
    if (database.toolkit === 'extension' && kind === 'sparse parts of a dense union') return
    expect(row.rolled === row.union).toBe(true)
    expect(row.twice === row.union).toBe(true)
  })

  it('rolls up any parts to a sketch with the same count as the union', async () => {
    const rows = fc.array(fc.tuple(fc.nat({ max: 900 }), fc.nat({ max: 9 })), {
      minLength: 1,
      maxLength: 800,
      size: 'max',
    })
    await fc.assert(
      fc.asyncProperty(rows, async (sample) => {
        const row = await database.one<{ union: string; rolled: string }>(
          `with v as (select * from unnest($1::int[], $2::int[]) as v (x, part))
           select (select hyperloglog(8192, x)::text from v) as union,
                  (select rollup(s)::text from (select hyperloglog(8192, x) s from v group by part) p) as rolled`,
          [sample.map(([x]) => x), sample.map(([, part]) => part)],
        )
        expect(row.rolled).toBe(row.union)
      }),
      { numRuns: 30 },
    )
  })

  it('is null for no values, and ignores nulls among values', async () => {
    const row = await database.one<Record<string, string | boolean | null>>(
      `select hyperloglog(8192, v) filter (where false) is null as no_rows,
              hyperloglog(8192, null::text) is null as only_nulls,
              distinct_count(hyperloglog(8192, v) filter (where false)) as count,
              distinct_count(hyperloglog(8192, nullif(v, 'b'))) as counted,
              (select rollup(s) is null from (select hyperloglog(8192, 1) s where false) x) as no_sketches,
              (select distinct_count(rollup(s)) from (values (hyperloglog(8192, v)), (null)) x (s)) as beside_null
       from unnest(array['a', 'b', 'c']) v`,
    )
    expect(row).toEqual({
      no_rows: true,
      only_nulls: true,
      count: null,
      counted: 2,
      no_sketches: true,
      beside_null: 3,
    })
  })

  it('refuses sizes outside 16..262144 and rollups of different sizes', async () => {
    await expect(database.pool.query('select hyperloglog(8, 1)')).rejects.toThrow(/Invalid value for size/)
    await expect(database.pool.query('select hyperloglog(262145, 1)')).rejects.toThrow(/Invalid value for size/)
    const mixed = 'select rollup(h) from (select hyperloglog(1024, 1) h union all select hyperloglog(8192, 1)) x'
    await expect(database.pool.query(mixed)).rejects.toThrow()
  })
})
