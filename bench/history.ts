import type pg from 'pg'
import { acceptEvents } from '../db/accept-events.ts'
import type { Database } from '../db/database.ts'
import { foldDirty } from '../db/ledgers.ts'
import { createTenant, type Tenant } from '../db/tenant.ts'
import { MEMBERS, newEvents } from './events.ts'
import { type Bench, quantile, spread, timed, withScratchDatabase } from './rounds.ts'

const BATCH = 500
const ROUND_MS = 600_000
const WEEKS = 104

/** A day a week, of every member that `newEvents` knows, for two years: no chunk of any ledger that folds read is missing. */
const ledgers = [
  `insert into analytics.sessions (tenant_id, user_id, session_id, started_at, ended_at, events, active_seconds)
   select $1, m, 's' || w, at, at + interval '10 minutes', 5, 60 from history`,
  `insert into analytics.member_hours (tenant_id, user_id, hour, local_hour, actions, active_seconds, sessions, plan, coach_id)
   select $1, m, date_trunc('hour', at), date_trunc('hour', at at time zone 'UTC'), 5, 60, 1, '', '' from history`,
  `insert into analytics.member_days (tenant_id, user_id, day, actions, active_seconds, sessions, first_in_week, first_in_month,
     first_in_signup_week, is_last, signup_day, signup_plan, signup_coach_id, plan, coach_id)
   select $1, m, at::date, 5, 60, 1, true, false, true, w = 1, current_date - 7 * ($2::integer + 1), '', '', '', '' from history`,
  `insert into analytics.presence (tenant_id, user_id, day, plan, coach_id, wau_delta, mau_delta)
   select $1, m, at::date, '', '', 1, 1 from history`,
  `insert into analytics.nudges (tenant_id, user_id, nudge_id, sent_at, local_hour, hour, persona, channel, followed, direct, plan, coach_id)
   select $1, m, 'n' || w, at, date_trunc('hour', at at time zone 'UTC'), date_trunc('hour', at), 'calm', 'push', true, false, '', ''
   from history`,
]

async function fillHistory(pool: pg.Pool, tenant: Tenant): Promise<void> {
  const history = `with history as (
    select 'member-' || m as m, w, now() - w * interval '7 days' as at
    from generate_series(1, $2::integer) w, generate_series(0, $3::integer - 1) m
  ) `
  for (const ledger of ledgers) await pool.query(history + ledger, [tenant.id, WEEKS, MEMBERS])
  await pool.query(
    `insert into analytics.members (tenant_id, user_id, first_event_at, first_action_at, signup_day, signup_source, signup_plan, signup_coach_id)
     select $1, 'member-' || m, at, at, current_date - 7 * ($2::integer + 1), '', '', ''
     from generate_series(0, $3::integer - 1) m, (select now() - ($2::integer + 1) * interval '7 days' as at) a`,
    [tenant.id, WEEKS, MEMBERS],
  )
  // Statistics in which there is one tenant, and nothing of today.
  await pool.query('analyze')
}

/** Stores a round's events and folds them; milliseconds of the fold. */
async function fold({ pool }: Database, tenant: Tenant, count: number, now: number): Promise<number> {
  const events = newEvents(count, { now, spanMs: ROUND_MS })
  for (let i = 0; i < count; i += BATCH)
    await acceptEvents(pool, { tenant, piiKey: Buffer.alloc(32, 1) }, { events: events.slice(i, i + BATCH) })
  return timed(async () => {
    while ((await foldDirty(pool)).members > 0);
  })
}

/** Goal 10 bounds folds of a new installation; this is one of two years. */
export const history: Bench = {
  name: 'history',
  title: `folding with ${WEEKS} weeks of ledgers : without`,
  run: ({ rounds, size, log }) =>
    withScratchDatabase((old) =>
      withScratchDatabase(async (fresh) => {
        const count = size(30_000, 500_000)
        const described = { slug: 'bench', timezone: 'UTC', currency: 'EUR' }
        const [aged, young] = [await createTenant(old.pool, described), await createTenant(fresh.pool, described)]
        await fillHistory(old.pool, aged)
        log(`${WEEKS} weeks of ${MEMBERS} members filled`)
        const began = Date.now() - (rounds + 1) * ROUND_MS
        const ratios: number[] = []
        const times: number[] = []
        for (let round = 0; round <= rounds; round += 1) {
          const now = began + (round + 1) * ROUND_MS
          const without = await fold(fresh, young, count, now)
          const withHistory = await fold(old, aged, count, now)
          log(`round ${round}: without ${without.toFixed(0)} ms, with ${withHistory.toFixed(0)} ms`)
          if (round === 0) continue
          ratios.push(withHistory / without)
          times.push(withHistory)
        }
        return {
          ratios: [spread('with history : without', ratios)],
          notes: [
            `${old.kind} engine, ${rounds} rounds of ${count} events of ${MEMBERS} members; ${quantile(times, 0.5).toFixed(0)} ms with history`,
          ],
        }
      }),
    ),
}
