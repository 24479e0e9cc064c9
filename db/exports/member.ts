import type pg from 'pg'
import { withoutMember } from '../../sources/member-ids.ts'
import { auditParametersOf, billingOf, exportsNaming, mentionsOf, type Named, quarantinedOf } from '../erasure/named.ts'
import { heldRows } from '../held-rows.ts'
import { customersNamed } from '../revenue/ledger-rows.ts'

/** Rows that are fetched at a time; between two fetches the embedded engine's one session serves others. */
const FETCH_ROWS = 1_000

/** One thing that is known of a member, and the table it is in. */
export interface MemberRow {
  readonly source: string
  readonly data: unknown
}

/**
 * Everything that the database holds about a member, table by table: their own rows in every table that has any, as of one
 * instant, then what names them elsewhere. Only what is theirs is given of the events of others.
 */
export async function* memberRows(pool: pg.Pool, member: Named): AsyncGenerator<MemberRow[]> {
  const billing = await billingOf(pool, member)
  yield billing.map(({ without: _, facts: __, ...row }) => ({ source: 'revenue_webhooks', data: row }))
  yield* ownRows(pool, member, customersNamed(billing.flatMap(({ facts }) => facts)))
  for await (const found of mentionsOf(pool, member))
    yield found.map(({ occurred_at, type, properties }) => ({
      source: 'mentions',
      data: { occurred_at, type, named_in: fieldsNaming(properties, member) },
    }))
  yield (await quarantinedOf(pool, member)).map(({ without: _, ...row }) => ({ source: 'quarantine', data: row }))
  yield (await auditParametersOf(pool, member)).map(({ parameters }) => ({
    source: 'analytics_audit_log',
    data: parameters,
  }))
  yield (await exportsNaming(pool, member)).map(({ type, created_at }) => ({
    source: 'report_jobs',
    data: { type, created_at },
  }))
}

function ownRows(
  pool: pg.Pool,
  { tenant_id, subject }: Named,
  customers: readonly string[],
): AsyncGenerator<MemberRow[]> {
  return heldRows<MemberRow>(
    pool,
    // A cursor takes no parameters; what it asks for never becomes part of a statement's text.
    `select source, data from analytics.member_rows(
       current_setting('upcoach.tenant')::uuid, current_setting('upcoach.member'),
       array(select jsonb_array_elements_text(current_setting('upcoach.customers')::jsonb)))`,
    {
      page: FETCH_ROWS,
      async begin(client) {
        await client.query('begin isolation level repeatable read read only')
        await client.query(
          `select set_config('upcoach.member', $1, true), set_config('upcoach.tenant', $2, true),
             set_config('upcoach.customers', $3, true)`,
          [subject, tenant_id, JSON.stringify(customers)],
        )
      },
    },
  )
}

/** The properties of somebody else's event that name the member. */
const fieldsNaming = (properties: Readonly<Record<string, unknown>>, { subject }: Named): string[] =>
  Object.entries(properties)
    .flatMap(([name, value]) => {
      const given = { [name]: value }
      return withoutMember(given, subject, '') === given ? [] : [name]
    })
    .sort()
