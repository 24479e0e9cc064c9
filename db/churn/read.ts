import type pg from 'pg'
import type { Band } from '../../metrics/churn/bands.ts'
import type { Reason } from '../../metrics/churn/reasons.ts'
import type { Dimension } from '../../metrics/metric.ts'
import { loadSql } from '../sql.ts'

const listSql = loadSql(new URL('./list.sql', import.meta.url))
const totalsSql = loadSql(new URL('./totals.sql', import.meta.url))
const historySql = loadSql(new URL('./history.sql', import.meta.url))

/** A member's score on one local day. */
export interface ChurnScore {
  readonly user_id: string
  readonly probability: number
  readonly band: Band
  readonly reasons: readonly Reason[]
  readonly last_action: string
  readonly days_since_last_action: number
  readonly plan: string
  readonly coach_id: string
  readonly model: string
  /** 7 days before; null: not scored then. */
  readonly previous: number | null
}

export interface ChurnTotals {
  /** The last scored local day. */
  readonly day: string
  readonly members: number
  readonly high: number
  readonly medium: number
  readonly low: number
}

type Filters = Partial<Record<Dimension, readonly string[]>>

export interface ChurnFilter {
  readonly band?: Band | undefined
  readonly filters?: Filters
}

/** Where a page begins: after this row. */
export type ChurnPosition = readonly [probability: number, userId: string]

/** The last scored day and its bands; undefined when nobody has been scored. Inside a tenant transaction, as all below. */
export async function readChurnTotals(client: pg.ClientBase, filters: Filters = {}): Promise<ChurnTotals | undefined> {
  return (await client.query<ChurnTotals>(totalsSql.bind({ filters: JSON.stringify(filters) }))).rows[0]
}

/** A page of a day's scores, highest probability first. */
export async function readChurnPage(
  client: pg.ClientBase,
  day: string,
  filter: ChurnFilter,
  limit: number,
  after?: ChurnPosition,
): Promise<ChurnScore[]> {
  const { rows } = await client.query<ChurnScore>(
    listSql.bind({
      day,
      band: filter.band ?? null,
      filters: JSON.stringify(filter.filters ?? {}),
      after_probability: after?.[0] ?? null,
      after_user: after?.[1] ?? null,
      limit,
    }),
  )
  return rows
}

export interface PastScore {
  readonly day: string
  readonly probability: number
  readonly band: Band
  readonly reasons: readonly Reason[]
  readonly last_action: string
  readonly model: string
}

/** A member's scores, latest first. */
export async function readChurnHistory(
  client: pg.ClientBase,
  userId: string,
  limit: number,
  coach?: string,
): Promise<PastScore[]> {
  return (await client.query<PastScore>(historySql.bind({ user_id: userId, coach: coach ?? null, limit }))).rows
}

const STREAM_PAGE = 1000

/**
 * All scores of a day (default: the last scored one), highest probability first, a page at a time: memory stays flat however
 * many there are. Keep the tenant transaction open until the last one is taken.
 */
export async function* streamChurnScores(
  client: pg.ClientBase,
  options: ChurnFilter & { readonly day?: string } = {},
): AsyncGenerator<ChurnScore & { readonly day: string }> {
  const day = options.day ?? (await readChurnTotals(client))?.day
  if (day === undefined) return
  let after: ChurnPosition | undefined
  for (;;) {
    const page = await readChurnPage(client, day, options, STREAM_PAGE, after)
    for (const score of page) yield { day, ...score }
    const last = page.at(-1)
    if (last === undefined || page.length < STREAM_PAGE) return
    after = [last.probability, last.user_id]
  }
}
