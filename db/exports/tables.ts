import { churnDefinition } from '../../metrics/churn/definition.ts'
import { loadSql, type Statement } from '../sql.ts'

/** How a column is written: CSV as text, Parquet with the type of that name. Timestamps are ISO 8601 in UTC. */
export type ColumnType = 'text' | 'date' | 'timestamp' | 'integer' | 'bigint' | 'double' | 'boolean'

export interface Column {
  readonly name: string
  readonly title: string
  readonly type: ColumnType
  readonly description?: string
}

/** A relation that is exported as it is, row by row: too large to be held. The first column tells how far it is. */
export interface ExportTable {
  readonly title: string
  readonly definition: string
  readonly columns: readonly [Column & { readonly type: 'date' | 'timestamp' }, ...Column[]]
  /** Takes :from and :to, and what else `TableRange` has; ordered by the first column. */
  readonly sql: Statement
}

const sql = (name: string): Statement => loadSql(new URL(`./${name}.sql`, import.meta.url))

/** Every export that streams a relation; a further one is an entry here and one in api/routes/analytics/exports/types.ts. */
export const exportTables = {
  churn_risk: {
    title: 'Members by risk of falling silent',
    definition: churnDefinition,
    columns: [
      { name: 'day', title: 'Day', type: 'date' },
      { name: 'user_id', title: 'Member', type: 'text' },
      { name: 'probability', title: 'Probability', type: 'double' },
      { name: 'band', title: 'Band', type: 'text' },
      { name: 'plan', title: 'Plan', type: 'text' },
      { name: 'coach_id', title: 'Coach', type: 'text' },
      { name: 'last_action', title: 'Last action', type: 'date' },
      { name: 'days_since_last_action', title: 'Days since', type: 'integer' },
      { name: 'reasons', title: 'Reasons (JSON)', type: 'text' },
      { name: 'model', title: 'Model', type: 'text' },
    ],
    sql: sql('churn-risk'),
  },
  fact_productivity: {
    title: 'Productivity by member and day',
    definition:
      'One row per member and local day on which the member did something or paid: goals completed, habits checked, mean mood, conversations written in, payments less refunds in minor units of the tenant’s currency.',
    columns: [
      { name: 'date_key', title: 'Day', type: 'date' },
      { name: 'user_id', title: 'Member', type: 'text' },
      { name: 'goals_completed', title: 'Goals completed', type: 'integer' },
      { name: 'habits_checked', title: 'Habits checked', type: 'integer' },
      { name: 'mood_avg', title: 'Mood', type: 'double' },
      { name: 'chat_sessions', title: 'Chats', type: 'integer' },
      { name: 'revenue_cents', title: 'Revenue (minor units)', type: 'bigint' },
    ],
    sql: sql('fact-productivity'),
  },
  audit: {
    title: 'Audit log',
    definition: 'Who read, exported, erased or changed what: every answered request of a token, refused ones included.',
    columns: [
      { name: 'at', title: 'At (UTC)', type: 'timestamp' },
      { name: 'actor', title: 'Actor', type: 'text' },
      { name: 'role', title: 'Role', type: 'text' },
      { name: 'action', title: 'Action', type: 'text' },
      { name: 'route', title: 'Route', type: 'text' },
      { name: 'parameters', title: 'Parameters', type: 'text' },
      { name: 'status', title: 'Status', type: 'integer' },
      { name: 'request_id', title: 'Request', type: 'text' },
    ],
    sql: sql('audit'),
  },
} as const satisfies Record<string, ExportTable>

export type TableExportType = keyof typeof exportTables

export const isTableExport = (type: string): type is TableExportType => Object.hasOwn(exportTables, type)
