import type pg from 'pg'

/**
 * Work that fails for what it is about, not for where it runs. One such member or customer must not stop those behind:
 * batches are halved until the mark at fault is alone, and that one is set aside, with the error, until it is retried.
 */

/** A pure fold that threw: no retry of the same facts will do better. */
export class FoldFailure extends Error {}

// Connection, transaction state, rollback, resources, locks, operator, system, internal: another try may succeed.
const passing = /^(08|25|40|53|55|57|58|XX)/

function isAboutData(error: unknown): error is Error {
  if (error instanceof FoldFailure) return true
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !passing.test(code)
}

/** A database error's message without the values of the row that classes 21–23 (cardinality, data, integrity) quote. */
export function withoutValues(error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  const quotesValues = typeof code === 'string' && /^2[123][0-9A-Z]{3}$/.test(code)
  return quotesValues ? error.message.replace(/"[^"]*"/g, '"…"') : error.message
}

/**
 * Folds a batch of at most `limit` marks; where that fails for its data, ever smaller ones from the front, and parks a mark
 * that fails alone. Resolves to what the fold or the parking did. Other errors are thrown.
 */
export async function foldOrPark<T>(
  limit: number,
  fold: (limit: number) => Promise<T>,
  park: (error: string) => Promise<T>,
): Promise<T> {
  for (let size = limit; ; size = Math.ceil(size / 2)) {
    try {
      return await fold(size)
    } catch (error) {
      if (!isAboutData(error)) throw error
      if (size === 1) return park(withoutValues(error).slice(0, 500))
    }
  }
}

/** One mark that was set aside. `key`: the member, or the provider's event. */
export interface Parked {
  readonly kind: 'member' | 'revenue'
  readonly tenant_id: string
  readonly key: string
  readonly marked_at: string
  readonly failures: number
  readonly error: string
}

/** What is parked, oldest first; of one tenant or of all. */
export async function listParked(pool: pg.Pool, tenantId?: string): Promise<Parked[]> {
  const { rows } = await pool.query<Parked>(
    `select 'member' as kind, tenant_id, user_id as key, marked_at, failures, error from analytics.parked_members
     where $1::uuid is null or tenant_id = $1
     union all
     select 'revenue', tenant_id, provider || ' ' || event_id, marked_at, failures, error from analytics.parked_revenue
     where $1::uuid is null or tenant_id = $1
     order by marked_at`,
    [tenantId ?? null],
  )
  return rows
}

/** Puts what is parked back into the queue, after a fix. Returns how much it was. */
export async function retryParked(pool: pg.Pool, tenantId?: string): Promise<number> {
  const { rows } = await pool.query<{ marks: number }>(
    `with members as (
       delete from analytics.parked_members where $1::uuid is null or tenant_id = $1
       returning tenant_id, user_id, types, since, marked_at
     ),
     events as (
       delete from analytics.parked_revenue where $1::uuid is null or tenant_id = $1
       returning tenant_id, provider, event_id, marked_at
     ),
     dirty_members as (
       insert into analytics.dirty_members (tenant_id, user_id, types, since, marked_at)
       select tenant_id, user_id, types, since, marked_at from members
     ),
     dirty_revenue as (
       insert into analytics.dirty_revenue (tenant_id, provider, event_id, marked_at)
       select tenant_id, provider, event_id, marked_at from events
     )
     select ((select count(*) from members) + (select count(*) from events))::integer as marks`,
    [tenantId ?? null],
  )
  return rows[0]?.marks ?? 0
}
