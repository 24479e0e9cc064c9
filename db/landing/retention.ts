import type pg from 'pg'

/** One UTC day of one tenant that is past the retention, and what still keeps it. */
export interface PlannedDay {
  readonly tenant: string
  readonly day: string
  readonly rows: number
  /** null: it goes, unless an older day stays. */
  readonly reason: string | null
}

export interface RetentionState {
  readonly require_landing: boolean
  /** Raw events before this day are gone; null: none were ever dropped. */
  readonly dropped_before: string | null
  /** Events of days before this one are past the retention. */
  readonly cutoff: string
  readonly chunks: number
}

const CUTOFF = `date_trunc('day', now()) - make_interval(months => analytics.retention_months(
  coalesce((select config from timescaledb_information.jobs where proc_name = 'enforce_retention' limit 1), '{}')))`

/** Raw events before this day are gone; null: none were ever dropped. */
export async function droppedBefore(pool: pg.Pool): Promise<string | null> {
  const { rows } = await pool.query<{ day: string | null }>(
    'select dropped_before as day from analytics.retention_state',
  )
  return rows[0]?.day ?? null
}

/** How retention stands: what is past it, and whether it waits for the landing zone. */
export async function retentionState(pool: pg.Pool): Promise<RetentionState> {
  const { rows } = await pool.query<RetentionState>(
    `select s.require_landing, s.dropped_before, (${CUTOFF})::date as cutoff,
       (select count(*) from timescaledb_information.chunks
        where hypertable_schema = 'analytics' and hypertable_name = 'events' and range_end <= ${CUTOFF}) as chunks
     from analytics.retention_state s`,
  )
  if (!rows[0]) throw new Error('the state of the retention is missing')
  return rows[0]
}

/** What the next run would drop, day by day, or why not. */
export async function retentionPlan(pool: pg.Pool): Promise<PlannedDay[]> {
  const { rows } = await pool.query<PlannedDay>(
    `select t.slug as tenant, g.day, g.rows, g.reason
     from (
       select range_start, range_end from timescaledb_information.chunks
       where hypertable_schema = 'analytics' and hypertable_name = 'events' and range_end <= ${CUTOFF}
     ) c
     cross join lateral analytics.landing_gaps(c.range_start, c.range_end) g
     join analytics.tenants t on t.id = g.tenant_id
     order by g.day, t.slug`,
  )
  return rows
}

/** Runs the retention job now. */
export async function runRetention(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ job_id: number }>(
    `select job_id from timescaledb_information.jobs where proc_name = 'enforce_retention'`,
  )
  for (const { job_id } of rows) await pool.query('call run_job($1)', [job_id])
}

/** Whether days wait for their landing copy. It concerns every tenant, and every tenant's audit log says so. */
export async function requireLanding(pool: pg.Pool, required: boolean): Promise<void> {
  await pool.query(
    `with changed as (update analytics.retention_state set require_landing = $1)
     insert into analytics.analytics_audit_log (tenant_id, actor, role, action, route, parameters, status, request_id)
     select id, 'operator', 'system', 'retention.require_landing', 'npm run retention', jsonb_build_object('required', $1::boolean),
       200, 'cli'
     from analytics.tenants`,
    [required],
  )
}

/** Landed days of events that the retention will ask for soon: their files must have been looked at lately. */
export async function daysToVerify(pool: pg.Pool, tenantId: string): Promise<string[]> {
  const { rows } = await pool.query<{ part: string }>(
    `select f.part from analytics.landed_files f
     where f.tenant_id = $1 and f.dataset = 'events' and f.part < to_char(${CUTOFF} + interval '3 days', 'YYYY-MM-DD')
       and f.part >= coalesce((select to_char(dropped_before, 'YYYY-MM-DD') from analytics.retention_state), '')
       and (f.verified_at is null or f.verified_at < now() - interval '1 day')`,
    [tenantId],
  )
  return rows.map(({ part }) => part)
}
