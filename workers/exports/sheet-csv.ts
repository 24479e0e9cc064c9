import { pipeline, Readable } from 'node:stream'
import { stringify } from 'csv-stringify'
import type { CsvDialect } from '../../db/exports/stream.ts'
import type { Sheet } from './report.ts'

/** A sheet as CSV, UTF-8 with a header; nulls are empty, empty texts are quoted. */
export function sheetCsv(sheet: Sheet, { lineEnd, spreadsheetSafe }: CsvDialect): Readable {
  return pipeline(
    Readable.from(sheet.rows),
    stringify({
      header: true,
      columns: sheet.columns.map(({ name }) => name),
      record_delimiter: lineEnd === 'crlf' ? 'windows' : 'unix',
      escape_formulas: spreadsheetSafe,
      quoted_match: /^$/,
      cast: { boolean: String, number: String },
    }),
    // Errors travel on to whoever reads the result.
    () => undefined,
  )
}
