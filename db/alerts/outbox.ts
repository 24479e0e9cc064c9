import type pg from 'pg'
import type { Labels } from '../../metrics/alerts/rule.ts'
import { loadSql } from '../sql.ts'

const takeSql = loadSql(new URL('./take-notifications.sql', import.meta.url))
const recordSql = loadSql(new URL('./record-delivery.sql', import.meta.url))
const historySql = loadSql(new URL('./history.sql', import.meta.url))

/** Something to be told to a tenant's webhook. `id` is the idempotency key. */
export interface Notification {
  readonly id: string
  readonly tenant_id: string
  readonly rule: string
  readonly labels: Labels
  readonly status: 'firing' | 'resolved' | 'test'
  readonly value: number | null
  readonly threshold: number
  readonly started_at: string
  readonly at: string
  /** This attempt included. */
  readonly attempts: number
}

/** How one attempt went: the receiver's HTTP status, or what kept it from answering. */
export interface Attempt {
  readonly status: number | null
  readonly error: string | null
  readonly durationMs: number
}

/** Whoever took a notification and died leaves it to others after this long; longer than any attempt. */
const LEASE_SECONDS = 60
/** Pauses double from half a minute to an hour: the last of 14 attempts is about eight hours after the first. */
const MOST_ATTEMPTS = 14
const FIRST_PAUSE_SECONDS = 30
const LONGEST_PAUSE_SECONDS = 3600

/** Takes notifications that are due, oldest first; nobody else gets them until the lease is over. */
export async function takeNotifications(pool: pg.Pool, limit: number): Promise<Notification[]> {
  return (await pool.query<Notification>(takeSql.bind({ limit, lease_seconds: LEASE_SECONDS }))).rows
}

export type DeliveryResult = 'delivered' | 'waiting' | 'failed' | 'skipped'

/** Seconds until the next attempt after `attempts` failed ones. */
export const pauseAfter = (attempts: number): number =>
  Math.min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (attempts - 1))

/** Writes down how an attempt went and decides what becomes of the notification. */
export async function recordDelivery(
  pool: pg.Pool,
  notification: Pick<Notification, 'id' | 'attempts'>,
  attempt: Attempt,
  options: { skip?: boolean } = {},
): Promise<DeliveryResult> {
  const isDelivered = attempt.error === null && attempt.status !== null && attempt.status >= 200 && attempt.status < 300
  const result: DeliveryResult = isDelivered
    ? 'delivered'
    : options.skip
      ? 'skipped'
      : notification.attempts >= MOST_ATTEMPTS
        ? 'failed'
        : 'waiting'
  await pool.query(
    recordSql.bind({
      id: notification.id,
      delivery: result,
      pause_seconds: pauseAfter(notification.attempts),
      status: attempt.status,
      error: attempt.error?.slice(0, 300) ?? null,
      duration_ms: Math.round(attempt.durationMs),
    }),
  )
  return result
}

/** A notification that tells nothing but that the webhook works. */
export async function addTestNotification(pool: pg.Pool, tenantId: string): Promise<void> {
  await pool.query(
    `insert into analytics.alert_notifications (tenant_id, rule, labels, status, threshold, started_at)
     values ($1, 'test', '{}', 'test', 0, now())`,
    [tenantId],
  )
}

export interface PastNotification extends Omit<Notification, 'tenant_id'> {
  readonly delivery: DeliveryResult
  readonly delivered_at: string | null
  /** Of the latest attempt. */
  readonly last_status: number | null
  readonly last_error: string | null
}

/** What was announced to a tenant and how its delivery went, latest first. */
export async function readNotifications(pool: pg.Pool, tenantId: string, limit: number): Promise<PastNotification[]> {
  return (await pool.query<PastNotification>(historySql.bind({ tenant_id: tenantId, limit }))).rows
}
