import type pg from 'pg'
import { deferred } from './deferred.ts'
import { loadSql } from './sql.ts'

/** One row of `analytics_audit_log`; see its migration. */
export interface AuditRow {
  readonly at: string
  readonly tenant_id: string
  readonly actor: string
  readonly role: string
  readonly action: string
  readonly route: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly status: number
  readonly request_id: string
}

const FLUSH_AFTER_MS = 250
const FLUSH_AT_ROWS = 200
/** Past this many unwritten rows writing has stopped for long; then callers are told instead of memory filling up. */
const MAX_WAITING = 50_000

/**
 * Writes audit rows in small batches, so that a read costs no transaction of its own. Rows that could not be written
 * are kept and tried again; `close` writes what is left. `write` throws when the backlog is full.
 */
export function auditWriter(pool: pg.Pool, onError: (error: Error) => void) {
  let waiting: AuditRow[] = []
  const flush = deferred(FLUSH_AFTER_MS, async () => {
    const rows = waiting
    if (rows.length === 0) return
    waiting = []
    try {
      await pool.query(
        `insert into analytics.analytics_audit_log (at, tenant_id, actor, role, action, route, parameters, status, request_id)
         select * from jsonb_to_recordset($1::jsonb) as x (at timestamptz, tenant_id uuid, actor text, role text,
           action text, route text, parameters jsonb, status integer, request_id text)`,
        [JSON.stringify(rows)],
      )
    } catch (error) {
      waiting = [...rows, ...waiting]
      onError(error as Error)
      flush.schedule()
    }
  })

  return {
    write(row: AuditRow): void {
      if (waiting.length >= MAX_WAITING) throw new Error('the audit backlog is full: the database does not take rows')
      waiting.push(row)
      if (waiting.length >= FLUSH_AT_ROWS) void flush.now()
      else flush.schedule()
    },
    /** Writes everything that waits; for tests and for closing. */
    flush: flush.now,
    close: flush.close,
  }
}

const auditPageSql = loadSql(new URL('./sql/audit-page.sql', import.meta.url))

export interface AuditFilter {
  /** ISO instants, `to` exclusive. */
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly actor?: string | undefined
  readonly action?: string | undefined
  readonly request_id?: string | undefined
  readonly status?: number | undefined
}

/** `exactly`: `at` with its microseconds. */
type AuditEntryRow = Omit<AuditRow, 'tenant_id'> & { readonly digest: string; readonly exactly: string }

/** Where a page ended: instant, request, action and digest of its last row. */
export type AuditPosition = readonly [at: string, requestId: string, action: string, digest: string]

/** A tenant's audit log, newest first; `client` must be the tenant's (`withTenant`). */
export async function auditPage(
  client: pg.ClientBase,
  filter: AuditFilter,
  limit: number,
  before?: AuditPosition,
): Promise<AuditEntryRow[]> {
  const { rows } = await client.query<AuditEntryRow>(
    auditPageSql.bind({
      from_at: filter.from ?? null,
      to_at: filter.to ?? null,
      actor: filter.actor ?? null,
      action: filter.action ?? null,
      request_id: filter.request_id ?? null,
      status: filter.status ?? null,
      before: before ? JSON.stringify(before) : null,
      limit,
    }),
  )
  return rows
}
