import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openToolkitDatabase, type ToolkitDatabase } from './database.ts'

let database: ToolkitDatabase
beforeAll(async () => {
  database = await openToolkitDatabase()
})
afterAll(() => database.close())

/** Integers, scaled by 2^-10 on use, so that the exact moments can be computed in BigInt. */
const SCALE = 1024
const integers = fc.array(fc.integer({ min: -(2 ** 30), max: 2 ** 30 }), { minLength: 2, maxLength: 500 })

interface Moments {
  readonly average: number
  readonly sum: number
  readonly sample: number
  readonly population: number
}

function exactMoments(integersOf: readonly number[]): Moments {
  const n = BigInt(integersOf.length)
  const sum = integersOf.reduce((a, v) => a + BigInt(v), 0n)
  const squares = integersOf.reduce((a, v) => a + BigInt(v) * BigInt(v), 0n)
  const nSquaredDeviations = Number(n * squares - sum * sum)
  return {
    sum: Number(sum) / SCALE,
    average: Number(sum) / Number(n) / SCALE,
    sample: Math.sqrt(nSquaredDeviations / Number(n * (n - 1n))) / SCALE,
    population: Math.sqrt(nSquaredDeviations) / Number(n) / SCALE,
  }
}

const accessors = `average(s) as average, sum(s) as sum, stddev(s) as sample, stddev(s, 'population') as population`

describe('stats_agg', () => {
  it('has exact averages, sums and standard deviations to 1e-9, rolled up or not', async () => {
    await fc.assert(
      fc.asyncProperty(integers, fc.integer({ min: 1, max: 9 }), async (sample, parts) => {
        const values = sample.map((v) => v / SCALE)
        const exact = exactMoments(sample)
        const largest = Math.max(...values.map(Math.abs))
        const direct = await database.one<Moments & { n: number }>(
          `select ${accessors}, num_vals(s) as n from (select stats_agg(v) s from unnest($1::float8[]) v) x`,
          [values],
        )
        const rolled = await database.one<Moments & { n: number }>(
          `select ${accessors}, num_vals(s) as n from (
             select rollup(p) s from (
               select stats_agg(v) p from unnest($1::float8[]) with ordinality as v (v, i) group by i % ${parts}) y) x`,
          [values],
        )
        for (const found of [direct, rolled]) {
          expect(found.n).toBe(sample.length)
          for (const key of ['average', 'sum', 'sample', 'population'] as const)
            expect(Math.abs(found[key] - exact[key])).toBeLessThanOrEqual(1e-9 * Math.abs(exact[key]) + 1e-12 * largest)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('keeps its digits where the spread is a millionth of the mean', async () => {
    const { stddev } = await database.one<{ stddev: number }>(
      'select stddev(stats_agg(1e6 + (i % 2) * 2)) as stddev from generate_series(1, 10000) i',
    )
    expect(stddev / Math.sqrt(10000 / 9999)).toBeCloseTo(1, 9)
  })

  it('has no sample deviation for one value, and a population deviation of 0', async () => {
    const row = await database.one('select stddev(stats_agg(5)) as sample, stddev(stats_agg(5), $1) as population', [
      'pop',
    ])
    expect(row).toEqual({ sample: Number.NaN, population: 0 })
  })

  it('is null for no values, and ignores nulls among values', async () => {
    const row = await database.one(
      `select stats_agg(v) filter (where false) is null as no_rows,
              average(stats_agg(null::float8)) as only_nulls,
              stddev(stats_agg(null::float8)) as no_spread,
              num_vals(stats_agg(nullif(v, 2))) as counted,
              (select rollup(s) is null from (select stats_agg(1) s where false) x) as no_summaries,
              (select num_vals(rollup(s)) from (values (stats_agg(v)), (null)) x (s)) as beside_null
       from unnest(array[1, 2, 3]::float8[]) v`,
    )
    expect(row).toEqual({
      no_rows: true,
      only_nulls: null,
      no_spread: null,
      counted: 2,
      no_summaries: true,
      beside_null: 3,
    })
  })

  it('refuses an unknown method', async () => {
    await expect(database.pool.query(`select stddev(stats_agg(1), 'x')`)).rejects.toThrow(/unknown analysis method/)
  })
})
