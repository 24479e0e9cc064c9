import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import type pg from 'pg'
import type { Tenant } from './tenant.ts'

/**
 * Makes a database login for Grafana, or changes its password and binding. Bound to a tenant it reads that tenant only; an
 * operator's login (`tenant` null) reads all of them and the platform's own state. Throws when the name is another role's.
 */
export async function saveGrafanaLogin(
  pool: pg.Pool,
  login: { readonly name: string; readonly password: string; readonly tenant: Tenant | null },
): Promise<void> {
  await pool.query('call analytics.save_grafana_login($1, $2, $3)', [
    login.name,
    scramVerifier(login.password),
    login.tenant?.id ?? null,
  ])
}

const ITERATIONS = 4096

/**
 * What PostgreSQL stores of a password (RFC 5803, SCRAM-SHA-256). Made here, so that the password itself is in no statement
 * and no log of the server. Passwords are plain ASCII: then SASLprep changes nothing.
 */
function scramVerifier(password: string): string {
  if (!/^[\x21-\x7e]{12,}$/.test(password))
    throw new Error('the password needs at least 12 characters: letters, digits and signs of ASCII, no spaces')
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256')
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest()
  const stored = createHash('sha256').update(hmac('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${stored}:${hmac('Server Key').toString('base64')}`
}

/** Marks a release on the dashboards' time axis, once per release. Returns whether the mark is new. */
export async function markDeploy(pool: pg.Pool, release: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    `insert into analytics.deploys (release)
     select $1
     where $1 is distinct from (select release from analytics.deploys order by at desc limit 1)`,
    [release],
  )
  return rowCount === 1
}
