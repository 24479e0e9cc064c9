/** What lands: a relation, cut into parts (a day, or all of it), with the columns of its Parquet files. */
export interface Dataset {
  readonly name: 'events' | 'fact_productivity' | 'dim_user' | 'dim_subscription'
  /** DuckDB's types; a file's columns are in this order. */
  readonly columns: Readonly<Record<string, string>>
  /** Instant or day a row is of, for the manifest; undefined: none. */
  readonly time?: string
  /** DuckDB expression of a row's digest: 60 bits; the sum over a part is its fingerprint. */
  readonly digest: string
}

/** Raised when a column is added or means something else; readers find it in every manifest. */
export const SCHEMA_VERSION = 1

const columnsOfEvents = {
  tenant_id: 'UUID',
  event_id: 'VARCHAR',
  occurred_at: 'TIMESTAMPTZ',
  claimed_at: 'TIMESTAMPTZ',
  received_at: 'TIMESTAMPTZ',
  local_hour: 'TIMESTAMP',
  type: 'VARCHAR',
  user_id: 'VARCHAR',
  session_id: 'VARCHAR',
  subject_id: 'VARCHAR',
  source: 'VARCHAR',
  is_action: 'BOOLEAN',
  plan: 'VARCHAR',
  coach_id: 'VARCHAR',
  cohort_week: 'DATE',
  cohort_month: 'DATE',
  // JSON text
  properties: 'VARCHAR',
}

const digestOf = (text: string): string => `('0x' || substr(md5(${text}), 1, 15))::bigint`

export const events: Dataset = {
  name: 'events',
  columns: columnsOfEvents,
  time: 'occurred_at',
  // The same as analytics.event_digest of the row in the table.
  digest: digestOf(`concat_ws('|', event_id, epoch_us(occurred_at), epoch_us(received_at),
    strftime(local_hour, '%Y-%m-%d %H'), type, user_id, coalesce(session_id, ''), coalesce(subject_id, ''),
    coalesce(source, ''), is_action::integer, plan, coach_id, coalesce(strftime(cohort_week, '%Y-%m-%d'), ''),
    coalesce(strftime(cohort_month, '%Y-%m-%d'), ''), properties)`),
}

/** A relation of schema `tenant` that lands as it stands. */
export interface Relation extends Dataset {
  /** Column by which it is cut into days; undefined: one file. */
  readonly part?: string
}

const relation = (
  name: Relation['name'],
  columns: Readonly<Record<string, string>>,
  more: { part?: string; time?: string } = {},
): Relation => ({
  name,
  columns,
  ...more,
  digest: digestOf(`concat_ws('|', ${Object.keys(columns).map((column) => `coalesce(${column}::varchar, '')`)})`),
})

export const relations: readonly Relation[] = [
  relation(
    'fact_productivity',
    {
      date_key: 'DATE',
      user_id: 'VARCHAR',
      goals_completed: 'INTEGER',
      habits_checked: 'INTEGER',
      mood_avg: 'DOUBLE',
      chat_sessions: 'INTEGER',
      revenue_cents: 'BIGINT',
    },
    { part: 'date_key', time: 'date_key' },
  ),
  relation('dim_user', {
    user_id: 'VARCHAR',
    signup_date: 'DATE',
    plan: 'VARCHAR',
    tenant_id: 'UUID',
    coach_id: 'VARCHAR',
  }),
  relation('dim_subscription', {
    tenant_id: 'UUID',
    subscription: 'VARCHAR',
    customer: 'VARCHAR',
    provider: 'VARCHAR',
    plan: 'VARCHAR',
    plan_name: 'VARCHAR',
    standing: 'VARCHAR',
    // JSON text: micro-minor units per currency
    mrr: 'VARCHAR',
    started_at: 'TIMESTAMPTZ',
    first_paid_at: 'TIMESTAMPTZ',
    ended_at: 'TIMESTAMPTZ',
    period_end: 'TIMESTAMPTZ',
  }),
]

export const datasetNamed = (name: string): Dataset => {
  const found = [events, ...relations].find((dataset) => dataset.name === name)
  if (!found) throw new Error(`nothing lands under the name ${name}`)
  return found
}
