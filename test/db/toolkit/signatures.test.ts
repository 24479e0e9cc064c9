import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openToolkitDatabase, type ToolkitDatabase } from './database.ts'

let database: ToolkitDatabase
beforeAll(async () => {
  database = await openToolkitDatabase()
})
afterAll(() => database.close())

/** As timescaledb_toolkit 1.25 declares them: kind (a aggregate, f function), arguments, result, volatility, parallel, strict. */
const signatures = [
  'f approx_percentile(percentile double precision, sketch uddsketch) double precision i s t',
  'f approx_percentile_rank(value double precision, sketch uddsketch) double precision i s t',
  'f average(summary statssummary1d) double precision i s t',
  'f distinct_count(hyperloglog hyperloglog) bigint i s t',
  'f error(sketch uddsketch) double precision i s t',
  'a hyperloglog(size integer, value anyelement) hyperloglog i s f',
  'f mean(sketch uddsketch) double precision i s t',
  'f num_vals(sketch uddsketch) double precision i s t',
  'f num_vals(summary statssummary1d) bigint i s t',
  'a percentile_agg(value double precision) uddsketch i s f',
  'a rollup(hyperloglog hyperloglog) hyperloglog i s f',
  'a rollup(sketch uddsketch) uddsketch i s f',
  'a rollup(ss statssummary1d) statssummary1d i s f',
  'a stats_agg(value double precision) statssummary1d i s f',
  `f stddev(summary statssummary1d, method text DEFAULT 'sample'::text) double precision i s f`,
  'f stderror(hyperloglog hyperloglog) double precision i s t',
  'f sum(summary statssummary1d) double precision i s t',
]

describe('the toolkit of this database', () => {
  it.each(signatures)('has %s', async (signature) => {
    const { found } = await database.one<{ found: boolean }>(
      `select count(*) = 1 as found from pg_proc p
       where pronamespace = 'public'::regnamespace
         and concat_ws(' ', prokind, proname || '(' || pg_get_function_arguments(oid) || ')', pg_get_function_result(oid),
           provolatile, proparallel, left(proisstrict::text, 1)) = $1`,
      [signature],
    )
    expect(found).toBe(true)
  })
})
