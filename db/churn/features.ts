import type pg from 'pg'
import { HORIZON_DAYS, LOOKBACK_DAYS, type MemberFacts, POPULATION_DAYS } from '../../metrics/churn/features.ts'
import { loadSql } from '../sql.ts'

const featuresSql = loadSql(new URL('./features.sql', import.meta.url))

/** The facts of one member at the end of one local day, and what came of it. */
export interface FactsRow extends MemberFacts {
  readonly day: string
  readonly user_id: string
  /** Latest local day with a tracked action, up to `day`. */
  readonly last_day: string
  /** No tracked action in the 30 days after `day`; null: not known yet. */
  readonly churned: boolean | null
  readonly plan: string
  readonly coach_id: string
  readonly cohort_week: string | null
  readonly cohort_month: string | null
}

export interface FactsQuery {
  readonly tenantId: string
  /** Local days, YYYY-MM-DD. */
  readonly days: readonly string[]
  /** The last local day that is over: outcomes after it are unknown. */
  readonly knownDay: string
  /** Members with an action in this many days; default 30. */
  readonly populationDays?: number
  readonly lookbackDays?: number
}

/** Facts of a tenant's members at the end of each of the days, in order of day and member. */
export async function readFacts(client: pg.Pool | pg.ClientBase, query: FactsQuery): Promise<FactsRow[]> {
  const { rows } = await client.query<FactsRow>(
    featuresSql.bind({
      tenant_id: query.tenantId,
      days: query.days,
      known_day: query.knownDay,
      population_days: query.populationDays ?? POPULATION_DAYS,
      lookback_days: query.lookbackDays ?? LOOKBACK_DAYS,
      horizon_days: HORIZON_DAYS,
    }),
  )
  return rows
}
