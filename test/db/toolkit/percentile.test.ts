import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openToolkitDatabase, type ToolkitDatabase } from './database.ts'

let database: ToolkitDatabase
beforeAll(async () => {
  database = await openToolkitDatabase()
})
afterAll(() => database.close())

const magnitude = fc.double({ min: -20, max: 30, noNaN: true }).map((exponent) => Math.exp(exponent))
const value = fc.oneof(
  { weight: 6, arbitrary: magnitude },
  { weight: 2, arbitrary: magnitude.map((v) => -v) },
  { weight: 1, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: -50, max: 50 }) },
)
const values = fc.array(value, { minLength: 1, maxLength: 600 })
const quantile = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.constantFrom(0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1),
)
/** Multiples of 1/64: their sums are exact in any order, so sketches can be compared as text on both engines. */
const dyadic = fc.integer({ min: -(2 ** 24), max: 2 ** 24 }).map((v) => v / 64)

/**
 * Nearest rank as the toolkit counts: floor(n q) + 1, at most n. That is ceil(n q) wherever n q is not whole, and the upper
 * of the two candidates where it is.
 */
function exactPercentile(sample: readonly number[], q: number): number {
  const sorted = [...sample].sort((a, b) => a - b)
  return sorted[Math.min(Math.floor(sorted.length * q) + 1, sorted.length) - 1] ?? Number.NaN
}

describe('percentile_agg', () => {
  it('is within 1 % (on the extension: within its own stated error) of the exact percentile', async () => {
    await fc.assert(
      fc.asyncProperty(values, quantile, async (sample, q) => {
        const { estimate, error } = await database.one<{ estimate: number; error: number }>(
          'select approx_percentile($2, s) as estimate, error(s) as error from (select percentile_agg(v) s from unnest($1::float8[]) v) x',
          [sample, q],
        )
        const exact = exactPercentile(sample, q)
        const bound = database.toolkit === 'shim' ? 0.01 : error
        expect(Math.abs(estimate - exact)).toBeLessThanOrEqual((bound + 1e-9) * Math.abs(exact))
        if (database.toolkit === 'shim') expect(error).toBeLessThan(0.01)
      }),
      { numRuns: 100 },
    )
  })

  it('gives the share of smaller values as the rank of a value', async () => {
    await fc.assert(
      fc.asyncProperty(values, value, async (sample, at) => {
        const { rank, error } = await database.one<{ rank: number; error: number }>(
          'select approx_percentile_rank($2, s) as rank, error(s) as error from (select percentile_agg(v) s from unnest($1::float8[]) v) x',
          [sample, at],
        )
        // Only values in the bucket of `at` can be on the wrong side.
        const width = Math.abs(at) * 2 * (error + 1e-9) * 1.1
        const surelyBelow = sample.filter((v) => v < at - width).length
        const perhapsBelow = sample.filter((v) => v <= at + width).length
        expect(rank).toBeGreaterThanOrEqual(surelyBelow / sample.length - 1e-12)
        expect(rank).toBeLessThanOrEqual(perhapsBelow / sample.length + 1e-12)
      }),
      { numRuns: 50 },
    )
  })

  it('counts and averages exactly', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(dyadic, { minLength: 1, maxLength: 300 }), async (sample) => {
        const row = await database.one<{ n: number; mean: number }>(
          'select num_vals(s) as n, mean(s) as mean from (select percentile_agg(v) s from unnest($1::float8[]) v) x',
          [sample],
        )
        expect(row.n).toBe(sample.length)
        expect(row.mean).toBeCloseTo(sample.reduce((a, b) => a + b, 0) / sample.length, 9)
      }),
      { numRuns: 30 },
    )
  })

  it('rolls up to exactly the sketch of the union, in any order and grouping', async () => {
    const parted = fc.array(fc.tuple(dyadic, fc.nat({ max: 6 })), { minLength: 1, maxLength: 1500, size: 'max' })
    await fc.assert(
      fc.asyncProperty(parted, async (rows) => {
        const { union, rolled, twice } = await database.one<{ union: string; rolled: string; twice: string }>(
          `with v as (select * from unnest($1::float8[], $2::int[]) as v (x, part)),
                parts as (select part, percentile_agg(x) s from v group by part),
                halves as (select part % 2, rollup(s order by part desc) s from parts group by 1)
           select (select percentile_agg(x)::text from v) as union,
                  (select rollup(s)::text from parts) as rolled,
                  (select rollup(s)::text from halves) as twice`,
          [rows.map(([v]) => v), rows.map(([, part]) => part)],
        )
        expect(rolled).toBe(union)
        expect(twice).toBe(union)
      }),
      { numRuns: 40 },
    )
  })

  it('is null for no values, and ignores nulls among values', async () => {
    const row = await database.one<Record<string, number | boolean | null>>(
      `select percentile_agg(v) filter (where false) is null as no_rows,
              percentile_agg(null::float8) is null as only_nulls,
              approx_percentile(0.5, percentile_agg(v) filter (where false)) as percentile,
              num_vals(percentile_agg(case when v <> 2 then v end)) as counted,
              (select rollup(s) is null from (select percentile_agg(1) s where false) x) as no_sketches,
              (select num_vals(rollup(s)) from (values (percentile_agg(v)), (null)) x (s)) as beside_null
       from unnest(array[1, 2, 3]::float8[]) v`,
    )
    expect(row).toEqual({
      no_rows: true,
      only_nulls: true,
      percentile: null,
      counted: 2,
      no_sketches: true,
      beside_null: 3,
    })
  })

  it('refuses a percentile outside 0..1', async () => {
    await expect(database.pool.query('select approx_percentile(1.5, percentile_agg(1))')).rejects.toThrow()
    await expect(database.pool.query('select approx_percentile(-0.1, percentile_agg(1))')).rejects.toThrow()
  })
})
