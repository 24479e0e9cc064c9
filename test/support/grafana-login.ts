import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { saveGrafanaLogin } from '../../db/grafana-logins.ts'
import type { Tenant } from '../../db/tenant.ts'
import { types } from '../../db/types.ts'
import type { TestDatabase } from './database.ts'

export interface GrafanaLogin {
  readonly name: string
  readonly pool: pg.Pool
  close(): Promise<void>
}

/**
 * A new login for Grafana and connections as it. On a server it is a real login; the embedded engine, whose every client is a
 * superuser, plays it: good for what a login reads, not for what it could do to escape.
 */
export async function openGrafanaLogin(db: TestDatabase, tenant: Tenant | null): Promise<GrafanaLogin> {
  // Roles belong to the whole cluster, which other test files share.
  const name = `grafana_test_${randomUUID().replaceAll('-', '').slice(0, 12)}`
  const password = randomBytes(18).toString('hex')
  await saveGrafanaLogin(db.pool, { name, password, tenant })
  const pool = db.url ? asLogin(db.url, name, password) : asSession(db, name)
  return {
    name,
    pool,
    async close() {
      await pool.end()
      await db.pool.query('delete from analytics.tenant_logins where login = $1', [name])
      await db.pool.query(`drop role ${name}`)
    },
  }
}

function asLogin(url: string, name: string, password: string): pg.Pool {
  const login = new URL(url)
  login.username = name
  login.password = password
  return new pg.Pool({ connectionString: login.href, types, max: 2 })
}

function asSession(db: TestDatabase, name: string): pg.Pool {
  // The engine becomes the user that a connection names, without a password and without the role's own settings.
  const options = '-c search_path=grafana,tenant,public -c default_transaction_read_only=on'
  return new pg.Pool({ ...db.connection, user: name, options, types, max: 1 })
}
