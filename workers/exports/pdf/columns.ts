import type { PageTable } from '../report.ts'
import { textWidth } from './look.ts'

/** A column of one digit has a title to be read as well. */
const LEAST_CHARACTERS = 4
/** Points by which a short word may be wider than its letters are on average: admin, medium. */
const SPARE = 7

export interface ColumnWidth {
  readonly width: number
  /** A word in it is wider than the column: it may be broken anywhere, or it would push the table over the page's edge. */
  readonly isBroken: boolean
}

/**
 * Widths in points for columns that have `room` (padding excluded) together. Columns are equal while everything fits so;
 * otherwise narrow ones take what they need and the wide ones share the rest.
 */
export function columnWidths({ columns, rows }: PageTable, room: number, fontSize: number): ColumnWidth[] {
  const points = (characters: number) => textWidth(Math.max(characters, LEAST_CHARACTERS), fontSize) + SPARE
  const cells = columns.map(({ title }, i) => ({ title, texts: rows.map((row) => row[i]?.text ?? '') }))
  const longestWord = (texts: readonly string[]) => Math.max(0, ...texts.flatMap(words).map(({ length }) => length))
  const needed = cells.map(({ title, texts }) =>
    points(texts.reduce((most, { length }) => Math.max(most, length), longestWord([title]))),
  )
  const widths = shares(needed, room)
  return cells.map(({ title, texts }, i) => {
    const width = widths[i] ?? 0
    return { width, isBroken: points(longestWord([title, ...texts])) > width }
  })
}

const words = (text: string): string[] => text.split(/[\s-]+/)

function shares(needed: readonly number[], room: number): number[] {
  const equal = room / needed.length
  if (needed.every((need) => need <= equal)) return needed.map(() => equal)
  const widths = new Array<number>(needed.length).fill(0)
  const byNeed = needed.map((need, i) => ({ need, i })).sort((a, b) => a.need - b.need)
  let left = room
  byNeed.forEach(({ need, i }, done) => {
    const width = Math.min(need, left / (byNeed.length - done))
    widths[i] = width
    left -= width
  })
  // What nobody needs widens all of them alike.
  return widths.map((width) => width + left / needed.length)
}
