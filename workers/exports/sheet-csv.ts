import { pipeline, Readable } from 'node:stream'
import { type Options, stringify } from 'csv-stringify'
import type { CsvDialect } from '../../db/exports/stream.ts'
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

/** Like COPY: nulls are empty, empty texts and all that hold a line break of either kind are quoted. */
const csvOptions = (
  columns: readonly { readonly name: string }[],
  { lineEnd, spreadsheetSafe }: CsvDialect,
): Options => ({
  header: true,
  columns: columns.map(({ name }) => name),
  record_delimiter: lineEnd === 'crlf' ? 'windows' : 'unix',
  escape_formulas: spreadsheetSafe,
  quoted_match: /^$|[\r\n]/,
  cast: { boolean: String, number: String },
})
