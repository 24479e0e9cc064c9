import { DateTime } from 'luxon'
import type pg from 'pg'
import { HORIZON_DAYS } from '../../metrics/churn/features.ts'
import { LEAST_HISTORY_DAYS, LEAST_MEMBERS, type Observation, type Training, train } from '../../metrics/churn/train.ts'
import { readFacts } from './features.ts'
import { type DueTenant, daysBetween } from './score.ts'

/** A tenant's model is fitted again this many days after the last attempt. */
const REFIT_DAYS = 7
/** Snapshots are a week apart; more than a year of them describes another business. */
const SNAPSHOT_STEP_DAYS = 7
const MOST_SNAPSHOTS = 52
/** Snapshots whose facts are read by one statement. */
const SNAPSHOTS_AT_ONCE = 13

const minus = (day: string, days: number): string =>
  DateTime.fromISO(day, { zone: 'utc' }).minus({ days }).toISODate() ?? day

/** Whether a week has passed since the last attempt. */
export const isFitDue = ({ last_day, fitted_day }: DueTenant): boolean =>
  fitted_day === null || fitted_day <= minus(last_day, REFIT_DAYS)

/**
 * Fits a tenant's model on its own history, a snapshot a week over at most a year, and stores the attempt with its
 * evaluation; whether it replaces the model in use is part of the result. A tenant below 200 members or 60 days is left to
 * the shipped prior, with nothing stored. Returns undefined then.
 */
export async function fitTenant(pool: pg.Pool, tenant: DueTenant): Promise<Training | undefined> {
  const { tenant_id, last_day } = tenant
  const size = await historyOf(pool, tenant_id)
  const attempt =
    size.members >= LEAST_MEMBERS && size.first_day !== null && size.first_day <= minus(last_day, LEAST_HISTORY_DAYS)
      ? await attemptOf(pool, tenant, size.first_day)
      : undefined
  // A tenant without anybody yet is asked again tomorrow, not in a week.
  if (size.members > 0)
    await pool.query(
      `insert into analytics.churn_progress (tenant_id, fitted_day) values ($1, $2)
       on conflict (tenant_id) do update set fitted_day = excluded.fitted_day`,
      [tenant_id, last_day],
    )
  return attempt
}

async function historyOf(pool: pg.Pool, tenantId: string): Promise<{ members: number; first_day: string | null }> {
  const { rows } = await pool.query<{ members: number; first_day: string | null }>(
    `select (select count(*) from analytics.members where tenant_id = $1 and first_action_at is not null) as members,
       (select min(day) from analytics.member_days where tenant_id = $1) as first_day`,
    [tenantId],
  )
  return rows[0] ?? { members: 0, first_day: null }
}

async function attemptOf(pool: pg.Pool, { tenant_id, last_day }: DueTenant, firstDay: string): Promise<Training> {
  const observations = await readObservations(pool, tenant_id, firstDay, last_day)
  const current = await readFacts(pool, { tenantId: tenant_id, days: [last_day], knownDay: last_day })
  const training = train(observations, current)
  await pool.query(
    `insert into analytics.churn_models (tenant_id, as_of, accepted, reason, members, observations, model, evaluation)
     values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8::jsonb)`,
    [
      tenant_id,
      minus(last_day, HORIZON_DAYS),
      training.accepted,
      training.reason,
      new Set(observations.map(({ user_id }) => user_id)).size,
      observations.length,
      JSON.stringify(training.model ?? null),
      JSON.stringify(training.evaluation ?? null),
    ],
  )
  return training
}

/** Facts and outcomes of weekly snapshots, the latest whose 30 days are over first in line, oldest first in the list. */
async function readObservations(
  pool: pg.Pool,
  tenantId: string,
  firstDay: string,
  lastDay: string,
): Promise<Observation[]> {
  const latest = minus(lastDay, HORIZON_DAYS)
  const earliest = minus(latest, SNAPSHOT_STEP_DAYS * (MOST_SNAPSHOTS - 1))
  const snapshots = daysBetween(earliest, latest, SNAPSHOT_STEP_DAYS).filter((day) => day >= firstDay)
  const observations: Observation[] = []
  for (let i = 0; i < snapshots.length; i += SNAPSHOTS_AT_ONCE) {
    const days = snapshots.slice(i, i + SNAPSHOTS_AT_ONCE)
    for (const { user_id, day, churned, ...facts } of await readFacts(pool, { tenantId, days, knownDay: lastDay }))
      if (churned !== null) observations.push({ user_id, day, facts, churned })
  }
  return observations
}
