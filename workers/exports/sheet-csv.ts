import { pipeline, Readable } from 'node:stream'
import { stringify } from 'csv-stringify'
import { type CsvDialect, csvOptions } from '../../db/exports/stream.ts'
import type { Sheet } from './report.ts'

/** A sheet as CSV, UTF-8 with a header. */
export function sheetCsv(sheet: Sheet, dialect: CsvDialect): Readable {
  return pipeline(
    Readable.from(sheet.rows),
    stringify(csvOptions(sheet.columns, dialect)),
    // Errors travel on to whoever reads the result.
    () => undefined,
  )
}
