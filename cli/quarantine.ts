import { loadSecrets } from '../api/security/secrets.ts'
import { loadConfig } from '../config.ts'
import { countQuarantine, listQuarantine, type QuarantinedRow, replayQuarantine } from '../db/quarantine.ts'
import { listRejectedWebhooks } from '../db/revenue/webhooks.ts'
import { piiKey } from '../db/secrets.ts'
import { tenantBySlug, withDatabase } from './database.ts'
import { progress } from './progress.ts'
import { required, run, usageError, wholeNumber } from './run.ts'

const BATCH = 500

await run({
  help: `
npm run quarantine -- list --tenant <slug> [--limit 20] [--json]
npm run quarantine -- replay --tenant <slug>

Events and provider webhooks that were rejected are kept, with their personal data replaced. list shows both with the
reasons; replay sends all events through the same checks again, after a fix: what is valid now is stored, the rest stays.
Webhooks are read again by npm run backfill -- replay.`,
  options: {
    tenant: { type: 'string' },
    limit: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
  async main({ tenant, limit, json }, [action, ...rest]) {
    if (action !== 'list' && action !== 'replay') usageError('list or replay?')
    if (rest.length > 0) usageError(`unexpected: ${rest.join(' ')}`)
    const slug = required(tenant, 'tenant')
    if (action === 'list') await list(slug, wholeNumber(limit, 'limit', 1, 10_000), json)
    else await replay(slug)
  },
})

async function list(slug: string, limit: number, asJson: boolean): Promise<void> {
  await withDatabase(loadConfig(), async (database) => {
    const { id } = await tenantBySlug(database, slug)
    const rows = await listQuarantine(database.pool, id, limit)
    const webhooks = await listRejectedWebhooks(database.pool, id, limit)
    if (asJson) {
      for (const row of [...rows, ...webhooks.rows]) console.log(JSON.stringify(row))
      return
    }
    for (const row of rows) console.log(line(row))
    for (const row of webhooks.rows)
      console.log(line({ ...row, source: `${row.provider} ${row.type ?? '?'} ${row.event_id}` }))
    const counts = await countQuarantine(database.pool, id)
    const total = counts.reduce((sum, { events }) => sum + events, 0)
    console.log(
      `${total} in quarantine${total === 0 ? '' : `: ${counts.map(({ code, events }) => `${events} ${code}`).join(', ')}`}`,
    )
    if (webhooks.total > 0)
      console.log(`${webhooks.total} rejected webhooks; after a fix: npm run backfill -- replay --tenant ${slug}`)
  })
}

/** The body is not shown here: it is the sender's, and may be long. */
function line({ id, received_at, source, errors }: Omit<QuarantinedRow, 'body' | 'sent_at'>): string {
  const reasons = errors.map(({ field, code }) => `${field} ${code}`).join(', ')
  return `${id}  ${received_at}  ${source}  ${reasons}`
}

async function replay(slug: string): Promise<void> {
  const config = loadConfig()
  await withDatabase(config, async (database) => {
    const { pool } = database
    const tenant = await tenantBySlug(database, slug)
    const { masterKey } = await loadSecrets(config)
    const intake = { tenant, piiKey: await piiKey(pool, masterKey, tenant.id) }
    const totals = { accepted: 0, duplicates: 0, rejected: 0 }
    const shown = progress('replayed')
    let after = 0
    for (;;) {
      const rows = await listQuarantine(pool, tenant.id, BATCH, after)
      const last = rows.at(-1)
      if (!last) break
      after = last.id
      const answer = await replayQuarantine(pool, intake, rows)
      totals.accepted += answer.accepted
      totals.duplicates += answer.duplicates
      totals.rejected += answer.rejected
      shown.update(totals.accepted + totals.duplicates + totals.rejected, undefined)
    }
    shown.finish()
    console.log(`${totals.accepted} accepted, ${totals.duplicates} duplicates, ${totals.rejected} still rejected`)
  })
}
