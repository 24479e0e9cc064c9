import type pg from 'pg'

export interface Tenant {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly timezone: string
  readonly currency: string
  readonly settings: Readonly<Record<string, unknown>>
}

/** Hours within which a coach should answer (setting `sla_hours`, default 24). */
export function slaHours(tenant: Tenant): number {
  const value = Number(tenant.settings.sla_hours ?? 24)
  return Number.isInteger(value) && value > 0 ? value : 24
}

const columns = 'id, slug, name, timezone, currency, settings'

/** Begins a read transaction that sees one instant, or with `each statement` its own, as the API role of a tenant. */
export async function beginTenant(
  client: pg.ClientBase,
  tenantId: string,
  sees: 'each statement' | 'one instant',
): Promise<void> {
  await client.query(sees === 'one instant' ? 'begin isolation level repeatable read read only' : 'begin read only')
  await client.query(
    `select set_config('app.tenant_id', $1, true), set_config('search_path', 'tenant, public', true), set_config('role', 'analytics_api', true)`,
    [tenantId],
  )
}

/**
 * Runs `work` in one read transaction as the API role, seeing only `tenantId`'s rows through the views of schema
 * `tenant`. The setting and the role end with the transaction, so a pooled connection carries nothing over.
 */
export async function withTenant<T>(
  pool: pg.Pool,
  tenantId: string,
  work: (client: pg.PoolClient) => Promise<T>,
  sees: 'each statement' | 'one instant' = 'each statement',
): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await beginTenant(client, tenantId, sees)
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch((rollbackError: Error) => {
      broken = rollbackError
    })
    throw error
  } finally {
    client.release(broken)
  }
}

/** Runs `work` in one write transaction as the owner. */
export async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch((rollbackError: Error) => {
      broken = rollbackError
    })
    throw error
  } finally {
    client.release(broken)
  }
}

export async function findTenant(pool: pg.Pool, by: { id: string } | { slug: string }): Promise<Tenant | undefined> {
  const { rows } =
    'id' in by
      ? await pool.query<Tenant>(`select ${columns} from analytics.tenants where id = $1`, [by.id])
      : await pool.query<Tenant>(`select ${columns} from analytics.tenants where slug = $1`, [by.slug])
  return rows[0]
}

export async function listTenants(pool: pg.Pool): Promise<Tenant[]> {
  return (await pool.query<Tenant>(`select ${columns} from analytics.tenants order by slug`)).rows
}

export interface NewTenant {
  slug: string
  name?: string
  timezone: string
  currency: string
  settings?: Record<string, unknown>
}

/** Creates a tenant; throws a readable error for a slug in use, an unknown time zone or a bad currency. */
export async function createTenant(pool: pg.Pool, tenant: NewTenant): Promise<Tenant> {
  const zone = await pool.query('select from pg_timezone_names where name = $1', [tenant.timezone])
  if (zone.rowCount === 0) throw new Error(`unknown time zone: use an IANA name such as Europe/Berlin`)
  if (!/^[A-Z]{3}$/.test(tenant.currency)) throw new Error('the currency must be an ISO 4217 code such as EUR')
  const { rows } = await pool.query<Tenant>(
    `insert into analytics.tenants (slug, name, timezone, currency, settings) values ($1, $2, $3, $4, $5)
     on conflict (slug) do nothing returning ${columns}`,
    [tenant.slug, tenant.name ?? tenant.slug, tenant.timezone, tenant.currency, JSON.stringify(tenant.settings ?? {})],
  )
  const created = rows[0]
  if (!created) throw new Error(`a tenant with this slug exists: choose another slug`)
  return created
}
