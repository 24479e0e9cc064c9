import type pg from 'pg'
import {
  type Attempt,
  type DeliveryResult,
  type Notification,
  recordDelivery,
  takeNotifications,
} from '../../db/alerts/outbox.ts'
import { type MasterKey, readSecret } from '../../db/secrets.ts'
import { findTenant, type Tenant } from '../../db/tenant.ts'
import { describeUnit } from '../../db/unit.ts'
import { alertRules } from '../../metrics/alerts/catalog.ts'
import type { WorkerContext } from '../context.ts'
import { checkTarget, post, sign, type WebhookPolicy, WebhookRefused } from './webhook.ts'

const AT_ONCE = 20
/** Name of the tenant setting with the URL, and of the secret that signs. */
const WEBHOOK_SETTING = 'alert_webhook_url'
const WEBHOOK_SECRET = 'alert_webhook_secret'

/** Posts what waits in the outbox to the tenants' webhooks. */
export const deliverAlerts = (
  _payload: unknown,
  { database, webhooks, masterKey, isClosing }: WorkerContext,
): Promise<Record<DeliveryResult, number>> => deliverOutbox(database.pool, { masterKey, ...webhooks }, isClosing)

/**
 * Delivers everything that is due. At least once: a notification whose receiver answered just before this process died is
 * sent again, with the same id.
 */
export async function deliverOutbox(
  pool: pg.Pool,
  access: WebhookPolicy & { readonly masterKey: MasterKey },
  isClosing: () => boolean = () => false,
): Promise<Record<DeliveryResult, number>> {
  const result = { delivered: 0, waiting: 0, failed: 0, skipped: 0 }
  while (!isClosing()) {
    const notifications = await takeNotifications(pool, AT_ONCE)
    if (notifications.length === 0) break
    for (const outcome of await Promise.all(notifications.map((one) => deliver(pool, access, one))))
      result[outcome] += 1
  }
  return result
}

async function deliver(
  pool: pg.Pool,
  access: WebhookPolicy & { readonly masterKey: MasterKey },
  notification: Notification,
): Promise<DeliveryResult> {
  const began = Date.now()
  const ended = (attempt: Omit<Attempt, 'durationMs'>, options: { skip?: boolean } = {}) =>
    recordDelivery(pool, notification, { ...attempt, durationMs: Date.now() - began }, options)
  const tenant = await findTenant(pool, { id: notification.tenant_id })
  const url = tenant?.settings[WEBHOOK_SETTING]
  if (!tenant || typeof url !== 'string')
    return ended({ status: null, error: `the tenant has no ${WEBHOOK_SETTING}` }, { skip: true })
  try {
    const secret = await readSecret(pool, access.masterKey, tenant.id, WEBHOOK_SECRET)
    if (!secret) return await ended({ status: null, error: `the tenant has no ${WEBHOOK_SECRET}` }, { skip: true })
    const body = JSON.stringify(messageOf(notification, tenant))
    const target = await checkTarget(url, access)
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'upcoach-analytics',
      'idempotency-key': notification.id,
      'x-upcoach-signature': sign(secret, body, new Date()),
    }
    const status = await post(target, body, headers, access.timeoutMs)
    return await ended({ status, error: null })
  } catch (error) {
    return ended({ status: null, error: describe(error) })
  }
}

/** What went wrong, without addresses or URLs. */
function describe(error: unknown): string {
  if (error instanceof WebhookRefused) return error.message
  if (!(error instanceof Error)) return 'the delivery failed'
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'the receiver did not answer in time'
  return `no answer (${(error as NodeJS.ErrnoException).code ?? error.name})`
}

/** The body that is posted; docs/alerts.md documents it. */
function messageOf(notification: Notification, tenant: Tenant) {
  const rule = alertRules.find(({ name }) => name === notification.rule)
  const { id, status, labels, value, threshold, started_at, at } = notification
  return {
    id,
    type: `alert.${status}`,
    tenant: tenant.slug,
    at,
    alert: {
      rule: notification.rule,
      title: rule?.title ?? 'A test of this webhook',
      severity: rule?.severity ?? 'info',
      labels,
      value,
      threshold,
      ...(rule ? { unit: describeUnit(rule, tenant) } : {}),
      started_at,
      resolved_at: status === 'resolved' ? at : null,
      description: rule?.description ?? 'Sent by `npm run alerts -- test`.',
      action: rule?.action ?? 'Nothing.',
    },
  }
}
