import { loadSecrets } from '../api/security/secrets.ts'
import type { Config } from '../config.ts'
import type { Intake } from '../db/accept-events.ts'
import type { AttachedDatabase } from '../db/attach.ts'
import { countWebhooks, type RevenueIntake, type StoredWebhooks, storeWebhooks } from '../db/revenue/webhooks.ts'
import { piiKey } from '../db/secrets.ts'
import type { Provider } from '../sources/revenue/to-facts.ts'
import { tenantBySlug } from './database.ts'
import { progress } from './progress.ts'

const BATCH = 500

/** Whose events they are, for storing them from the command line. */
export async function billingIntake(config: Config, database: AttachedDatabase, slug: string): Promise<Intake> {
  const tenant = await tenantBySlug(database, slug)
  const { masterKey } = await loadSecrets(config)
  return { tenant, piiKey: await piiKey(database.pool, masterKey, tenant.id) }
}

/** Stores provider events the way webhooks are stored, in batches; the server's workers fold them. */
export async function loadBillingEvents(
  { pool }: Pick<AttachedDatabase, 'pool'>,
  intake: RevenueIntake,
  provider: Provider,
  events: AsyncIterable<unknown> | Iterable<unknown>,
): Promise<StoredWebhooks> {
  const total = { facts: 0, ignored: 0, rejected: 0, duplicates: 0 }
  const shown = progress('events stored')
  let done = 0
  let batch: unknown[] = []
  const flush = async () => {
    if (batch.length === 0) return
    const stored = await storeWebhooks(pool, intake, provider, batch)
    await countWebhooks(pool, intake.tenant.id, `${provider}_import`, provider, batch, stored)
    for (const outcome of ['facts', 'ignored', 'rejected', 'duplicates'] as const) total[outcome] += stored[outcome]
    done += batch.length
    batch = []
    shown.update(done, undefined)
  }
  for await (const event of events) {
    batch.push(event)
    if (batch.length === BATCH) await flush()
  }
  await flush()
  shown.finish()
  return total
}

export const describeStored = ({ facts, ignored, rejected, duplicates }: StoredWebhooks): string =>
  `${facts + ignored + rejected} new: ${facts} for the ledger, ${ignored} without effect, ${rejected} rejected (quarantine); ${duplicates} were there before`
