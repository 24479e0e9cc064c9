import type pg from 'pg'

/** One line of the audit log: who did what, when, and how it ended. Holds no personal data and no secrets. */
export interface AuditRecord {
  readonly tenant_id: string
  readonly actor: string
  readonly role: string
  readonly action: string
  readonly route: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly status: number
  readonly request_id: string
  /** ISO instant. */
  readonly at: string
}

/** Entries of this much time are written by one statement. */
const COLLECT_MS = 200

export interface AuditLog {
  /** Resolves when the entry is stored; rejects when it could not be. */
  write(entry: AuditRecord): Promise<void>
  /** Writes what is collected at once. */
  close(): Promise<void>
}

/** Writes audit entries in small groups: an entry per statement would cost a read as much as its query. */
export function auditLog(pool: pg.Pool): AuditLog {
  let collected: AuditRecord[] = []
  let group: Promise<void> | undefined
  let hurry: (() => void) | undefined

  const store = async () => {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, COLLECT_MS)
      hurry = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    const entries = collected
    collected = []
    group = undefined
    await pool.query(
      `insert into analytics.analytics_audit_log (at, tenant_id, actor, role, action, route, parameters, status, request_id)
       select at, tenant_id, actor, role, action, route, parameters, status, request_id
       from jsonb_populate_recordset(null::analytics.analytics_audit_log, $1::jsonb)`,
      [JSON.stringify(entries)],
    )
  }
  return {
    write(entry) {
      collected.push(entry)
      group ??= store()
      return group
    },
    async close() {
      hurry?.()
      await group?.catch(() => undefined)
    },
  }
}
