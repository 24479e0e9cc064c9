import type { ClientConnection } from './client-connection.ts'

/**
 * SQL that gives the one PostgreSQL session to a connection: undo what its predecessor changed, then the start-up settings
 * and the committed SETs of this one. It is one simple Query, hence one transaction: it happens wholly or not at all.
 *
 * RESET ALL alone is not enough. It leaves the role, and it returns to this build's boot values: `search_path = pg_catalog`,
 * which hides every table, and `enable_seqscan = off`, which no server has.
 */
export function handOverSql(connection: Pick<ClientConnection, 'user' | 'startup' | 'settings'>): string {
  const statements = [
    // By name: DEFAULT leaves the predecessor's user in place once that has run SET ROLE.
    'SET SESSION AUTHORIZATION postgres',
    'RESET ALL',
    'SET search_path = "$user", public',
    'SET enable_seqscan = on',
    `SET TimeZone = 'UTC'`,
  ]
  const startup = [...connection.startup].map(
    ([name, value]) => `set_config(${literal(name)}, ${literal(value)}, false)`,
  )
  if (startup.length > 0) statements.push(`SELECT ${startup.join(', ')}`)
  if (connection.user !== 'postgres') statements.push(`SET SESSION AUTHORIZATION ${quoteIdentifier(connection.user)}`)
  statements.push(...connection.settings.values())
  return statements.join('; ')
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function literal(value: string): string {
  return value.includes('\\')
    ? `E'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    : `'${value.replaceAll("'", "''")}'`
}
