import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { parse } from 'csv-parse'
import { UserError } from '../run.ts'
import { applyMapping, columnsOf, eventOfRow, type Mapping, type SourceRecord } from './mapping.ts'

export type Format = 'ndjson' | 'csv'

/** A record of the input: the event to send (a line that is not even JSON as it is: the API rejects and keeps it). */
export type ReplayRecord = { readonly place: string } & (
  | { readonly event: unknown }
  /** A row that cannot be read, and what to do about it. */
  | { readonly problem: string }
)

export interface Input {
  readonly stream: Readable
  readonly format: Format
  /** Bytes to read; undefined for standard input and compressed files. */
  readonly size: number | undefined
  /** Bytes read so far. */
  bytesRead(): number
}

/** Opens a file (`.gz` is decompressed) or, for `-`, standard input. The format is the name's unless it is given. */
export async function openInput(path: string, asked: Format | undefined): Promise<Input> {
  if (path === '-') return { stream: process.stdin, format: asked ?? 'ndjson', size: undefined, bytesRead: () => 0 }
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) throw new UserError(`${path} is not a file that can be read`)
  const file = createReadStream(path)
  const isCompressed = path.endsWith('.gz')
  const name = isCompressed ? path.slice(0, -3) : path
  return {
    stream: isCompressed ? file.pipe(createGunzip()) : file,
    format: asked ?? (/\.(csv|tsv)$/i.test(name) ? 'csv' : 'ndjson'),
    size: found.size,
    bytesRead: () => file.bytesRead,
  }
}

export interface Reading {
  readonly mapping: Mapping | undefined
  /** Between the fields of a CSV; default: a comma. */
  readonly delimiter?: string | undefined
}

/** The events of an input, one after the other, in constant memory. */
export async function* readEvents(input: Input, { mapping, delimiter }: Reading): AsyncGenerator<ReplayRecord> {
  if (input.format === 'csv') {
    for await (const { line, row, problem } of readCsv(input.stream, mapping, delimiter)) {
      const place = `line ${line}`
      yield problem === undefined
        ? { place, event: mapping ? applyMapping(row, mapping) : eventOfRow(row) }
        : { place, problem }
    }
    return
  }
  let number = 0
  for await (const record of readLines(input.stream)) {
    number += 1
    yield { place: `record ${number}`, event: mapping && isObject(record) ? applyMapping(record, mapping) : record }
  }
}

const isObject = (value: unknown): value is SourceRecord =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

export async function* readLines(stream: Readable): AsyncGenerator<unknown> {
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue
    try {
      yield JSON.parse(line)
    } catch {
      // Sent as it is: the answer counts it as rejected and the quarantine keeps it.
      yield line
    }
  }
}

interface CsvRow {
  /** Line of the file on which the row begins, from 1. */
  readonly line: number
  readonly row: SourceRecord
  readonly problem?: string
}

async function* readCsv(stream: Readable, mapping: Mapping | undefined, delimiter = ','): AsyncGenerator<CsvRow> {
  const parser = stream.pipe(
    parse({
      columns: (header: string[]) => checkedHeader(header, mapping),
      bom: true,
      delimiter,
      skip_empty_lines: true,
      relax_column_count: true,
      info: true,
    }),
  )
  stream.on('error', (error) => parser.destroy(error))
  // The parser counts a CRLF within quotes as two lines.
  let counted = 0
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: Record<string, string>; info: CsvInfo }>) {
      const text = Object.values(record).join('')
      counted += text.match(/\r\n/g)?.length ?? 0
      const line = info.lines - counted - (text.match(/\r\n|\n|\r/g)?.length ?? 0)
      const problem = info.error ? WRONG_COUNT : text.includes('\uFFFD') ? NOT_UTF8 : undefined
      yield { line, row: record, ...(problem === undefined ? {} : { problem }) }
    }
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(`the CSV cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const WRONG_COUNT = 'This row has more or fewer fields than the header. Is a quote or a delimiter missing?'
const NOT_UTF8 = 'This row is not UTF-8. Save the file as UTF-8.'

interface CsvInfo {
  readonly lines: number
  readonly error?: Error
}

/** The header, if it names each column once and every column of the mapping is there. */
function checkedHeader(header: string[], mapping: Mapping | undefined): string[] {
  const twice = header.find((name, i) => header.indexOf(name) !== i)
  if (twice !== undefined) throw new UserError(`the header names the column ${JSON.stringify(twice)} twice`)
  const has = (column: string) => header.includes(column) || header.includes(column.split('.')[0] ?? '')
  const missing = mapping ? columnsOf(mapping).filter((column) => !has(column)) : []
  if (missing.length === 0) return header
  const hint = header.length === 1 ? '; it has one column only: is --delimiter right?' : ''
  throw new UserError(`the header lacks columns that the mapping names: ${missing.join(', ')}${hint}`)
}
