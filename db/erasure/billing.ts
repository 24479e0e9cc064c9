import type pg from 'pg'
import type { Provider } from '../../sources/revenue/to-facts.ts'
import { announceRefreshed, recordTouched } from '../ledgers.ts'
import { foldEvents, REVENUE_FOLD_LOCK } from '../revenue/fold.ts'
import { customersNamed } from '../revenue/ledger-rows.ts'
import { readingOf } from '../revenue/webhooks.ts'
import { loadSql } from '../sql.ts'
import { findTenant, inTransaction } from '../tenant.ts'
import { addCounts, type OpenErasure } from './member.ts'
import { billingOf } from './named.ts'

const rewriteBilling = loadSql(new URL('./rewrite-billing.sql', import.meta.url))

/**
 * Replaces the member by nobody's name in everything that providers sent, and folds those customers again: no amount, day
 * or count of the ledger changes, so that finance goes on reconciling with the provider. Returns how many events it rewrote.
 */
export async function eraseBilling(pool: pg.Pool, erasure: OpenErasure): Promise<number> {
  const { tenant_id } = erasure
  const tenant = await findTenant(pool, { id: tenant_id })
  if (!tenant) return 0
  return inTransaction(pool, async (client) => {
    await client.query('select pg_advisory_xact_lock($1)', [REVENUE_FOLD_LOCK])
    const rewritten = (await billingOf(client, erasure)).map(({ provider, event_id, facts, without }) => ({
      // Its id stays, also one that was made of the old body: it is what a second delivery is recognised by.
      old: facts,
      event: { ...readingOf(provider, without), provider, event_id },
    }))
    if (rewritten.length === 0) return 0
    const events = rewritten.map(({ event }) => withEventId(event))
    const kept = new Set(customersNamed(events.flatMap(({ facts }) => facts)))
    const customers = customersNamed(rewritten.flatMap(({ old }) => old)).filter((name) => !kept.has(name))
    const { rows } = await client.query<Record<string, number>>(
      rewriteBilling.bind({ tenant: tenant_id, events: JSON.stringify(events), customers }),
    )
    await recordTouched(client, await foldEvents(client, tenant, events), [tenant_id])
    await announceRefreshed(client, [tenant_id])
    await addCounts(client, erasure, rows[0] ?? {})
    return rewritten.length
  })
}

type Rewritten = ReturnType<typeof readingOf> & { readonly provider: Provider }

/** Facts carry the id under which their event is stored. */
const withEventId = (event: Rewritten): Rewritten => ({
  ...event,
  facts: event.facts.map((fact) => ({ ...fact, event_id: event.event_id })),
})
