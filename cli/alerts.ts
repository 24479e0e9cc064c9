import { loadSecrets } from '../api/security/secrets.ts'
import { loadConfig } from '../config.ts'
import { addTestNotification, readNotifications } from '../db/alerts/outbox.ts'
import { observeAlert, readAlertStates } from '../db/alerts/read.ts'
import type { AttachedDatabase } from '../db/attach.ts'
import { type Tenant, withTenant } from '../db/tenant.ts'
import { alertRules } from '../metrics/alerts/catalog.ts'
import type { Labels } from '../metrics/alerts/rule.ts'
import { thresholdOf } from '../metrics/alerts/settings.ts'
import { evaluateAlert } from '../metrics/alerts/state.ts'
import { deliverOutbox } from '../workers/alerts/deliver.ts'
import { tenantBySlug, withDatabase } from './database.ts'
import { rehearsal, rehearsed } from './rehearsal.ts'
import { required, run, UserError, usageError, wholeNumber } from './run.ts'

const WEBHOOK_TIMEOUT_MS = 10_000

await run({
  help: `
npm run alerts -- list --tenant <slug> [--json]
npm run alerts -- history --tenant <slug> [--limit 20] [--json]
npm run alerts -- test --tenant <slug>
npm run alerts -- rehearse <rule> --tenant <slug> [--from <day>] [--to <day>] [--threshold <number>] [--json]

list evaluates every rule now and shows its state; history shows what was announced and how its delivery went; test posts a
signed test message to the tenant's webhook; rehearse shows when a rule would have fired on history (default: the last 90 days, by
the tenant's calendar, both days included), and for churn rules how many of those it was about did fall silent. Rules, settings and the webhook: docs/alerts.md`,
  options: {
    tenant: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    threshold: { type: 'string' },
    limit: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
  async main({ tenant: given, limit, json, ...range }, [action, ...rest]) {
    const name = action === 'rehearse' ? rest.shift() : undefined
    if (rest.length > 0) usageError(`unexpected: ${rest.join(' ')}`)
    if (action !== 'list' && action !== 'history' && action !== 'test' && action !== 'rehearse')
      usageError('list, history, test or rehearse?')
    const rule = action === 'rehearse' ? rehearsed(name) : undefined
    const slug = required(given, 'tenant')
    const rows = wholeNumber(limit, 'limit', 1, 1000)
    await withDatabase(loadConfig(), async (database) => {
      const tenant = await tenantBySlug(database, slug)
      if (rule) await rehearsal(database, tenant, rule, range, json)
      else if (action === 'list') await list(database, tenant, json)
      else if (action === 'history') await history(database, tenant, rows, json)
      else await test(database, tenant)
    })
  },
})

// Declarations, not constants: `run` above is awaited before the rest of this file is evaluated.
function named(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => ` ${name}=${value}`)
    .join('')
}
function shown(value: number | null): string {
  return value === null ? '–' : String(Number(value.toPrecision(4)))
}

async function list({ pool }: AttachedDatabase, tenant: Tenant, asJson: boolean): Promise<void> {
  const now = new Date()
  await withTenant(pool, tenant.id, async (client) => {
    const kept = await readAlertStates(client)
    for (const rule of alertRules) {
      const threshold = thresholdOf(rule, tenant.settings)
      if (threshold === undefined) {
        if (!asJson) console.log(`off      ${rule.name}`)
        continue
      }
      const observations = await observeAlert(client, rule, now)
      const { standings } = evaluateAlert(rule, threshold, kept.get(rule.name) ?? [], observations, now.toISOString())
      for (const { state, since, value, labels } of standings)
        console.log(
          asJson
            ? JSON.stringify({ rule: rule.name, labels, state, since, value, threshold })
            : `${state.padEnd(8)} ${rule.name}${named(labels)}  ${shown(value)} (above ${shown(threshold)})  since ${since}`,
        )
    }
  })
}

async function history({ pool }: AttachedDatabase, tenant: Tenant, limit: number, asJson: boolean): Promise<void> {
  const rows = await readNotifications(pool, tenant.id, limit)
  for (const row of rows) {
    if (asJson) console.log(JSON.stringify(row))
    else {
      const attempt = row.last_error ?? (row.last_status === null ? '' : `HTTP ${row.last_status}`)
      console.log(
        `${row.at}  ${row.status.padEnd(8)} ${row.rule}${named(row.labels)}  ${shown(row.value)}  ${row.delivery} ${attempt}`,
      )
    }
  }
  if (rows.length === 0 && !asJson) console.log('nothing has been announced yet')
}

async function test({ pool }: AttachedDatabase, tenant: Tenant): Promise<void> {
  const config = loadConfig()
  const { masterKey } = await loadSecrets(config)
  await addTestNotification(pool, tenant.id)
  await deliverOutbox(pool, { masterKey, allowedHosts: config.ALERT_WEBHOOK_HOSTS, timeoutMs: WEBHOOK_TIMEOUT_MS })
  const latest = (await readNotifications(pool, tenant.id, 100)).find(({ status }) => status === 'test')
  if (latest?.delivery !== 'delivered')
    throw new UserError(`not delivered: ${latest?.last_error ?? `HTTP ${latest?.last_status}`}`)
  console.log(`delivered: HTTP ${latest.last_status}`)
}
