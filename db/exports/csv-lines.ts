import { Transform, type TransformCallback } from 'node:stream'

const LF = 0x0a
const CR = 0x0d
const QUOTE = 0x22
const COMMA = 0x2c

/**
 * Passes CSV as COPY writes it (lines end in LF) on with the line end that is asked for, counts its records and knows the
 * first field of the last one. Line ends inside quotes are data and stay.
 */
export class CsvLines extends Transform {
  /** Records that passed, the header included. */
  records = 0
  /** First field of a recent record; fields here are dates and times, never quoted. */
  latest = ''
  readonly #toCrlf: boolean
  #isQuoted = false

  constructor(lineEnd: 'crlf' | 'lf') {
    super()
    this.#toCrlf = lineEnd === 'crlf'
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const ends = this.#lineEnds(chunk)
    this.records += ends.length
    this.#remember(chunk, ends)
    done(null, this.#toCrlf ? withCrlf(chunk, ends) : chunk)
  }

  #lineEnds(chunk: Buffer): number[] {
    const ends: number[] = []
    let isQuoted = this.#isQuoted
    for (let i = 0; i < chunk.length; i += 1) {
      const byte = chunk[i]
      if (byte === QUOTE) isQuoted = !isQuoted
      else if (byte === LF && !isQuoted) ends.push(i)
    }
    this.#isQuoted = isQuoted
    return ends
  }

  /** The last line that begins and has its first field within the chunk. */
  #remember(chunk: Buffer, ends: readonly number[]): void {
    const start = ends.at(-2)
    if (start === undefined) return
    const end = chunk.indexOf(COMMA, start)
    if (end > start) this.latest = chunk.toString('latin1', start + 1, end)
  }
}

function withCrlf(chunk: Buffer, ends: readonly number[]): Buffer {
  const out = Buffer.allocUnsafe(chunk.length + ends.length)
  let from = 0
  let at = 0
  for (const end of ends) {
    at += chunk.copy(out, at, from, end)
    out[at] = CR
    out[at + 1] = LF
    at += 2
    from = end + 1
  }
  chunk.copy(out, at, from)
  return out
}
