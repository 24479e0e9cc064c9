import type pg from 'pg'
import { findTenant, type Tenant } from './tenant.ts'

/** What `updateTenant` changes; a setting of null is removed. */
export interface TenantChange {
  readonly name?: string
  /** Applies to events from now on: the local hour of stored events stays as it was stamped. */
  readonly timezone?: string
  readonly currency?: string
  readonly settings?: Readonly<Record<string, unknown>>
}

/** Changes a tenant in one statement and returns it as it is now; throws for an unknown zone, currency or tenant. */
export async function updateTenant(pool: pg.Pool, slug: string, change: TenantChange): Promise<Tenant> {
  if (change.timezone !== undefined) {
    const zone = await pool.query('select from pg_timezone_names where name = $1', [change.timezone])
    if (zone.rowCount === 0) throw new Error('unknown time zone: use an IANA name such as Europe/Berlin')
  }
  if (change.currency !== undefined && !/^[A-Z]{3}$/.test(change.currency))
    throw new Error('the currency must be an ISO 4217 code such as EUR')
  await pool.query(
    `update analytics.tenants set
       name = coalesce($2, name), timezone = coalesce($3, timezone), currency = coalesce($4, currency),
       settings = jsonb_strip_nulls(settings || $5::jsonb)
     where slug = $1`,
    [
      slug,
      change.name ?? null,
      change.timezone ?? null,
      change.currency ?? null,
      JSON.stringify(change.settings ?? {}),
    ],
  )
  const tenant = await findTenant(pool, { slug })
  if (!tenant) throw new Error(`there is no tenant ${slug}`)
  return tenant
}
