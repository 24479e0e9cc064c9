import { readFile } from 'node:fs/promises'
import { parse } from 'csv-parse/sync'
import { loadConfig } from '../config.ts'
import { importRates } from '../db/fx.ts'
import { ratesOfRows } from '../sources/revenue/ecb-rates.ts'
import { withDatabase } from './database.ts'
import { required, run, UserError, usageError } from './run.ts'

await run({
  help: `
npm run fx -- import --file eurofxref-hist.csv

Daily closing rates, one euro in units of the currency: the ECB's file (Date,USD,JPY,…) or rows day,currency,rate. A rate that
is there already is replaced. Days without a rate use the last known one; figures that need a currency without any rate are null.`,
  options: { file: { type: 'string' } },
  async main({ file }, [action, ...rest]) {
    if (action !== 'import' || rest.length > 0) usageError('import?')
    const rates = readRates(await readFile(required(file, 'file')))
    await withDatabase(loadConfig(), async ({ pool }) => {
      const { changed } = await importRates(pool, rates)
      console.log(`${rates.length} rates read, ${changed} new or changed`)
    })
  },
})

function readRates(text: Buffer) {
  const rows: Record<string, string>[] = parse(text, {
    columns: true,
    skip_empty_lines: true,
    bom: true,
    relax_column_count: true,
  })
  try {
    return ratesOfRows(rows)
  } catch (error) {
    throw error instanceof RangeError ? new UserError(error.message) : error
  }
}
