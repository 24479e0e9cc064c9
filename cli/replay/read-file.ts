import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { parse } from 'csv-parse'
import { UserError } from '../run.ts'
import { applyMapping, eventOfRow, type Mapping, type SourceRecord } from './mapping.ts'

export type Format = 'ndjson' | 'csv'

/** A record of the input: the event to send, or a line that is not even JSON (the API rejects and keeps it). */
export type ReplayRecord = unknown

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

/** The events of an input, one after the other, in constant memory. */
export async function* readEvents(input: Input, mapping: Mapping | undefined): AsyncGenerator<ReplayRecord> {
  const records = input.format === 'csv' ? readCsv(input.stream) : readLines(input.stream)
  for await (const record of records) {
    if (mapping && isObject(record)) yield applyMapping(record, mapping)
    else yield input.format === 'csv' && isObject(record) ? eventOfRow(record) : record
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

async function* readCsv(stream: Readable): AsyncGenerator<unknown> {
  const parser = stream.pipe(parse({ columns: true, bom: true, skip_empty_lines: true, relax_column_count: true }))
  stream.on('error', (error) => parser.destroy(error))
  try {
    for await (const row of parser) yield row
  } catch (error) {
    throw new UserError(`the CSV cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}
