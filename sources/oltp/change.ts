import type { Row } from './values.ts'

/** What happened to one row, whoever tells it. */
export interface RowChange {
  readonly schema: string
  readonly table: string
  /** Read by a snapshot, created, updated, deleted. */
  readonly op: 'r' | 'c' | 'u' | 'd'
  /** The row before, as far as the log has it: all of it with REPLICA IDENTITY FULL, else null or its key only. */
  readonly before: Row | null
  readonly after: Row | null
  /** When the transaction was committed, milliseconds; undefined: not known (and of a snapshot it says nothing). */
  readonly committedAt: number | undefined
}
