import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { parse } from 'csv-parse/sync'
import { loadSecrets } from '../api/security/secrets.ts'
import { loadConfig } from '../config.ts'
import { replayWebhooks } from '../db/revenue/webhooks.ts'
import { readSecret } from '../db/secrets.ts'
import { exportRowSchema, webhookBodiesOf } from '../sources/revenue/revenuecat/export.ts'
import { readEvents } from './backfill/events.ts'
import { billingIntake, describeStored, loadBillingEvents } from './billing-events.ts'
import { withDatabase } from './database.ts'
import { required, run, UserError, usageError } from './run.ts'
import { stripeApi, stripeClient } from './stripe-api.ts'

await run({
  help: `
npm run backfill -- stripe --tenant <slug> --file events.ndjson      exported events, one JSON object a line
npm run backfill -- stripe --tenant <slug>                           from the Stripe API, with secret stripe_api_secret
npm run backfill -- revenuecat --tenant <slug> --file export.csv     RevenueCat's scheduled export (version 5)
npm run backfill -- replay --tenant <slug>                           reads rejected and ignored billing events again, after a fix
npm run backfill -- mixpanel --tenant <slug> --file export.ndjson[.gz]         Mixpanel's raw export
npm run backfill -- mixpanel --tenant <slug> --from <day> --to <day>           the same from the Export API; --to is exclusive
npm run backfill -- segment --tenant <slug> --file archive.ndjson[.gz]         payloads of Segment or RudderStack, one a line

Billing events are stored as webhooks are, once per event id, and folded into the same ledger: what webhooks told already counts once.
From the API: prices (tiers included), products, coupons and all subscriptions as they stand, then the events of the last 30 days.

  printf %s "$STRIPE_KEY" | npm run tenant -- set acme stripe_api_secret=-

Events count once: running it again changes no number, a run that was stopped goes on (docs/sources/mixpanel.md).
  --map               what their event names and properties mean here; without it every name becomes an action
  --project-timezone  of Mixpanel projects made before 2023, whose exports hold local times
  --project           Mixpanel's project id, needed with a service account (secret mixpanel_api_secret = account:secret)
  --api               Mixpanel's origin; default https://data.mixpanel.com (https://data-eu.mixpanel.com, https://data-in.mixpanel.com)
  --again             also days that an earlier run has finished`,
  options: {
    tenant: { type: 'string' },
    file: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    map: { type: 'string' },
    project: { type: 'string' },
    'project-timezone': { type: 'string' },
    api: { type: 'string' },
    again: { type: 'boolean', default: false },
  },
  async main({ tenant, file, ...options }, [source, ...rest]) {
    if (rest.length > 0) usageError(`unexpected: ${rest.join(' ')}`)
    const slug = required(tenant, 'tenant')
    if (source === 'mixpanel' || source === 'segment') return readEvents(source, slug, { file, ...options })
    if (source !== 'stripe' && source !== 'revenuecat' && source !== 'replay')
      usageError('stripe, revenuecat, replay, mixpanel or segment?')
    const config = loadConfig()
    await withDatabase(config, async (database) => {
      const intake = await billingIntake(config, database, slug)
      if (source === 'replay') return console.log(describeStored(await replayWebhooks(database.pool, intake)))
      if (source === 'revenuecat') {
        const bodies = await exportedBodies(required(file, 'file'))
        return console.log(describeStored(await loadBillingEvents(database, intake, 'revenuecat', bodies)))
      }
      const events =
        file === undefined ? stripeApi(stripeClient(await apiKey(config, database, intake.tenant.id))) : lines(file)
      console.log(describeStored(await loadBillingEvents(database, intake, 'stripe', events)))
    })
  },
})

async function apiKey(
  config: ReturnType<typeof loadConfig>,
  { pool }: Parameters<typeof billingIntake>[1],
  tenantId: string,
): Promise<string> {
  const key = await readSecret(pool, (await loadSecrets(config)).masterKey, tenantId, 'stripe_api_secret')
  if (key === undefined)
    throw new UserError('--file is missing, and the tenant has no stripe_api_secret to ask Stripe with')
  return key.toString('utf8')
}

/** A line that is no JSON is stored as the text it is: it lands in quarantine instead of getting lost. */
async function* lines(path: string): AsyncGenerator<unknown> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue
    try {
      yield JSON.parse(line)
    } catch {
      yield line
    }
  }
}

async function exportedBodies(path: string): Promise<unknown[]> {
  const rows: unknown[] = parse(await readFile(path), { columns: true, skip_empty_lines: true, bom: true })
  return webhookBodiesOf(
    rows.map((row, index) => {
      const parsed = exportRowSchema.safeParse(row)
      if (parsed.success) return parsed.data
      const [issue] = parsed.error.issues
      throw new UserError(`row ${index + 1}: ${issue?.path.join('.')}: ${issue?.message}`)
    }),
    new Date(),
  )
}
