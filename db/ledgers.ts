import type pg from 'pg'
import { foldOrPark } from './parked.ts'
import { loadSql, type Statement } from './sql.ts'
import { inTransaction } from './tenant.ts'

const sql = (name: string): Statement => loadSql(new URL(`./ledgers/${name}.sql`, import.meta.url))

/** A member whose ledgers are recomputed from `since` (ISO instant) on. */
export interface TouchedMember {
  readonly tenant_id: string
  readonly user_id: string
  readonly since: string
}

type DirtyMember = TouchedMember & { readonly types: readonly string[] }

/** What one fold changed in one source table: instants, both inclusive. */
export interface TouchedRange {
  readonly source: string
  readonly from: string
  readonly to: string
}

interface Ledger {
  readonly name: string
  /** Whether events of these types can change it. */
  concerns(types: readonly string[]): boolean
  fold(client: pg.PoolClient, touched: readonly TouchedMember[]): Promise<TouchedRange[]>
}

const memberFold = sql('member')
const memberDimensions = sql('member-dimensions')
const memberDimensionsDays = sql('member-dimensions-days')
const activityScope = sql('activity-scope')
const activitySessions = sql('activity-sessions')
const activityHours = sql('activity-hours')
const activityDays = sql('activity-days')
const activityPresence = sql('activity-presence')
const habitSchedules = sql('habit-schedules')
const habitDays = sql('habit-days')
const habitMemberDays = sql('habit-member-days')
const nudgeSent = sql('nudges')
const nudgeFreeDays = sql('nudge-free-days')

/** The type of a mark that no event caused: a local day has ended (`closeDays`). */
const DAY_CLOSED = 'day_closed'

// text, not numbers: Math.min would not do
// biome-ignore lint/complexity/useMathMinMax: instants and days compare as text
const earliest = (values: readonly string[]): string => values.reduce((a, b) => (b < a ? b : a))

type Instants = { source?: string; from_at: string | null; to_at: string | null }

/** Runs a fold that answers with the ranges of instants it changed: one row, or one per `source`. */
async function foldInstants(
  client: pg.PoolClient,
  statement: Statement,
  source: string,
  values: Record<string, unknown>,
): Promise<TouchedRange[]> {
  const { rows } = await client.query<Instants>(statement.bind(values))
  return rows.flatMap((row) =>
    row.from_at && row.to_at ? [{ source: row.source ?? source, from: row.from_at, to: row.to_at }] : [],
  )
}

/** Runs a fold that answers with the range of local days it changed. */
async function foldDays(
  client: pg.PoolClient,
  statement: Statement,
  source: string,
  values: Record<string, unknown>,
): Promise<TouchedRange[]> {
  const { rows } = await client.query<{ from_day: string | null; to_day: string | null }>(statement.bind(values))
  const range = rows[0]
  return range?.from_day && range.to_day
    ? [{ source, from: `${range.from_day}T00:00:00Z`, to: `${range.to_day}T00:00:00Z` }]
    : []
}

interface ActivityScope {
  readonly tenant_id: string
  readonly user_id: string
  readonly since: string
  readonly session_gap: string
  readonly hour_from: string
  readonly hours_add: boolean
  readonly hours_read_from: string
  readonly day_from: string
  readonly floor: string
  readonly read_floor: string
}

const activity: Ledger = {
  name: 'activity',
  concerns: (types) => types.some((type) => type !== DAY_CLOSED),
  async fold(client, touched) {
    const sinceFloor = earliest(touched.map((member) => member.since))
    const scope = await client.query<ActivityScope>(
      activityScope.bind({ touched: JSON.stringify(touched), floor: sinceFloor }),
    )
    const rows = scope.rows
    if (rows.length === 0) return []
    const json = JSON.stringify(rows)
    const floorDay = earliest(rows.map((row) => row.day_from))
    await client.query(
      activitySessions.bind({
        scope: json,
        floor: earliest(rows.map((row) => row.floor)),
        read_floor: earliest(rows.map((row) => row.read_floor)),
        since_floor: sinceFloor,
      }),
    )
    const hours = await foldInstants(client, activityHours, 'member_hours', {
      scope: json,
      floor: earliest(rows.map((row) => row.hour_from)),
      read_floor: earliest(rows.map((row) => row.hours_read_from)),
    })
    const days = await foldDays(client, activityDays, 'member_days', { scope: json, floor_day: floorDay })
    const presence = await foldDays(client, activityPresence, 'presence', { scope: json, floor_day: floorDay })
    return [...hours, ...days, ...presence]
  },
}

/** A ledger that is one statement taking :touched and :floor. */
function simpleLedger(name: string, source: string, concerned: readonly string[]): Ledger {
  const statement = sql(name)
  return {
    name,
    concerns: (types) => types.some((type) => concerned.includes(type)),
    fold: (client, touched) =>
      foldInstants(client, statement, source, {
        touched: JSON.stringify(touched),
        floor: earliest(touched.map((member) => member.since)),
      }),
  }
}

interface HabitScope {
  readonly tenant_id: string
  readonly user_id: string
  readonly day_from: string
  readonly today: string
}

const habits: Ledger = {
  name: 'habits',
  concerns: (types) => types.includes(DAY_CLOSED) || types.some((type) => type.startsWith('habit_')),
  async fold(client, touched) {
    const { rows } = await client.query<HabitScope>(
      habitSchedules.bind({ touched: JSON.stringify(touched), floor: earliest(touched.map((member) => member.since)) }),
    )
    if (rows.length === 0) return []
    const values = { scope: JSON.stringify(rows), floor_day: earliest(rows.map((row) => row.day_from)) }
    await client.query(habitDays.bind(values))
    return foldDays(client, habitMemberDays, 'habit_member_days', values)
  },
}

const DAY_MS = 86_400_000

/** What a nudge can lead to, and what belongs to nudges themselves. */
const nudgeTypes = [
  DAY_CLOSED,
  'nudge_sent',
  'nudge_opened',
  'nudge_acted',
  'session_started',
  'habit_checked',
  'goal_created',
  'goal_progressed',
  'goal_completed',
  'message_sent',
]

const nudges: Ledger = {
  name: 'nudges',
  concerns: (types) => types.some((type) => nudgeTypes.includes(type)),
  async fold(client, touched) {
    // An action answers nudges of the 24 hours before it.
    const floor = new Date(Date.parse(earliest(touched.map((member) => member.since))) - DAY_MS).toISOString()
    const values = { touched: JSON.stringify(touched), floor }
    const sent = await foldInstants(client, nudgeSent, 'nudges', values)
    const free = await foldDays(client, nudgeFreeDays, 'nudge_free_days', values)
    return [...sent, ...free]
  },
}

const replies = simpleLedger('replies', 'replies', ['message_sent'])
const goals = simpleLedger('goals', 'goal_changes', [
  'goal_created',
  'goal_completed',
  'goal_abandoned',
  'goal_reopened',
])

/** Every ledger, in the order in which they are folded; the member ledger runs before all of them. */
const ledgers: readonly Ledger[] = [activity, goals, habits, replies, nudges]

// One fold at a time per database: two folds of one member could otherwise overwrite each other's newer state.
export const FOLD_LOCK = 7_302_101

const takeDirty = loadSql(new URL('./sql/take-dirty-members.sql', import.meta.url))
const parkMembers = loadSql(new URL('./sql/park-members.sql', import.meta.url))
const unparkMembers = loadSql(new URL('./sql/unpark-members.sql', import.meta.url))

/** The channel on which tenants whose numbers changed are announced (payload: comma-separated ids). */
export const REFRESHED_CHANNEL = 'analytics_refreshed'
/** A notification holds at most 8,000 bytes; an id and its comma are 37. */
const TENANTS_PER_NOTIFICATION = 200

/** Announces that the numbers of these tenants changed, in as many notifications as their ids need. */
export async function announceRefreshed(client: pg.Pool | pg.PoolClient, tenants: readonly string[]): Promise<void> {
  const payloads: string[] = []
  for (let i = 0; i < tenants.length; i += TENANTS_PER_NOTIFICATION)
    payloads.push(tenants.slice(i, i + TENANTS_PER_NOTIFICATION).join(','))
  await client.query('select pg_notify($1, payload) from unnest($2::text[]) payload', [REFRESHED_CHANNEL, payloads])
}

/**
 * Takes one batch of dirty members and recomputes their ledgers in one transaction. Returns how many members it folded;
 * 0 when nothing was dirty. Order of arrival does not matter: each ledger is a pure fold over the member's events. A member
 * whose data make the fold fail is parked.
 */
export async function foldDirty(pool: pg.Pool, options: { limit?: number } = {}): Promise<{ members: number }> {
  return foldOrPark(
    options.limit ?? 2_000,
    (limit) => foldBatch(pool, limit),
    (error) =>
      inTransaction(pool, async (client) => {
        await client.query('select pg_advisory_xact_lock($1)', [FOLD_LOCK])
        const { rows } = await client.query<{ members: number }>(parkMembers.bind({ error }))
        return { members: rows[0]?.members ?? 0 }
      }),
  )
}

/** The events of a batch's members are sorted several times over: in memory instead of on disk. */
const FOLD_MEMORY = '64MB'

async function foldBatch(pool: pg.Pool, limit: number): Promise<{ members: number }> {
  return inTransaction(pool, async (client) => {
    await client.query(`select pg_advisory_xact_lock($1), set_config('work_mem', $2, true)`, [FOLD_LOCK, FOLD_MEMORY])
    const { rows } = await client.query<DirtyMember>(takeDirty.bind({ limit }))
    if (rows.length === 0) return { members: 0 }
    const tenants = [...new Set(rows.map((row) => row.tenant_id))]
    await recordTouched(client, await foldMembers(client, await withParked(client, rows)), tenants)
    await announceRefreshed(client, tenants)
    return { members: rows.length }
  })
}

/** What was parked of these members earlier is folded with what is new. */
async function withParked(client: pg.PoolClient, dirty: readonly DirtyMember[]): Promise<readonly DirtyMember[]> {
  const parked = await client.query<DirtyMember>(unparkMembers.bind({ members: JSON.stringify(dirty) }))
  if (parked.rows.length === 0) return dirty
  const earlier = new Map(parked.rows.map((row) => [`${row.tenant_id}/${row.user_id}`, row]))
  return dirty.map((member) => {
    const before = earlier.get(`${member.tenant_id}/${member.user_id}`)
    if (before === undefined) return member
    const since = earliest([member.since, before.since])
    return { ...member, since, types: [...new Set([...member.types, ...before.types])] }
  })
}

async function foldMembers(client: pg.PoolClient, dirty: readonly DirtyMember[]): Promise<TouchedRange[]> {
  const touched: TouchedRange[] = []
  const changed = await client.query<TouchedMember>(
    memberFold.bind({ touched: JSON.stringify(dirty), floor: earliest(dirty.map((member) => member.since)) }),
  )
  const redone = new Map(changed.rows.map((row) => [`${row.tenant_id}/${row.user_id}`, row.since]))
  // Events that were stored while their member's history was being folded carry what was known before: every arrival is
  // corrected, not only the members whose history changed.
  const arrivals = dirty.map(({ tenant_id, user_id, since }) => ({
    tenant_id,
    user_id,
    since: earliest([since, redone.get(`${tenant_id}/${user_id}`) ?? since]),
  }))
  touched.push(...(await correctDimensions(client, arrivals)))
  for (const ledger of ledgers) {
    const members: TouchedMember[] = []
    for (const { tenant_id, user_id, since, types } of dirty) {
      // Changed dimensions concern every ledger of that member, from the change on.
      const from = redone.get(`${tenant_id}/${user_id}`)
      if (from !== undefined) members.push({ tenant_id, user_id, since: earliest([from, since]) })
      else if (ledger.concerns(types)) members.push({ tenant_id, user_id, since })
    }
    if (members.length > 0) touched.push(...(await ledger.fold(client, members)))
  }
  return touched
}

/**
 * Days that one statement corrects. Updating every chunk at once would need more memory than the embedded engine has;
 * planning an update takes time in proportion to all chunks there are, so that many small ones are slow.
 */
const CORRECTED_DAYS = 92

/** Brings the dimensions stamped on raw events up to date with their members' histories, a few chunks at a time. */
async function correctDimensions(client: pg.PoolClient, members: readonly TouchedMember[]): Promise<TouchedRange[]> {
  const json = JSON.stringify(members)
  const floor = earliest(members.map((member) => member.since))
  const { rows } = await client.query<{ day: string; members: TouchedMember[] }>(
    memberDimensionsDays.bind({ changed: json, floor }),
  )
  const touched: TouchedRange[] = []
  for (let i = 0; i < rows.length; ) {
    const from = rows[i]?.day ?? ''
    const limit = endOfDay(from, CORRECTED_DAYS)
    const span = rows.slice(i).filter(({ day }) => day < limit)
    i += span.length
    const to = endOfDay(span.at(-1)?.day ?? from)
    const changed = new Map(span.flatMap((day) => day.members).map((m) => [`${m.tenant_id}/${m.user_id}`, m]))
    await client.query(memberDimensions.bind({ changed: JSON.stringify([...changed.values()]), from, to }))
    // What is landed already must be landed again.
    await client.query(
      `insert into analytics.landing_marks (tenant_id, day)
       select distinct x.tenant_id, x.day from jsonb_to_recordset($1::jsonb) as x (tenant_id uuid, day date)
       where x.day < (now() at time zone 'UTC')::date`,
      [JSON.stringify(span.flatMap(({ day, members }) => members.map(({ tenant_id }) => ({ tenant_id, day }))))],
    )
    touched.push({ source: 'events', from, to })
  }
  return touched
}

const endOfDay = (day: string, days = 1): string => new Date(Date.parse(day) + days * DAY_MS).toISOString()

/** Keeps what a fold changed until the aggregates have followed. */
export async function recordTouched(
  client: pg.PoolClient,
  ranges: readonly TouchedRange[],
  tenants: readonly string[],
): Promise<void> {
  if (ranges.length === 0) return
  await client.query(
    `insert into analytics.touched_ranges (source, from_at, to_at, tenant_ids)
     select source, "from", "to", $2::uuid[]
     from jsonb_to_recordset($1::jsonb) as x (source text, "from" timestamptz, "to" timestamptz)`,
    [JSON.stringify(ranges), tenants],
  )
}

const closeDaysSql = loadSql(new URL('./sql/close-days.sql', import.meta.url))

/**
 * The nightly close: once a tenant's local day has ended, marks the members whose numbers change without any event
 * (missed check-ins, days without a nudge). Returns how many members were marked; cheap when nothing is due.
 */
export async function closeDays(pool: pg.Pool): Promise<{ members: number }> {
  const { rows } = await pool.query<{ members: number }>(closeDaysSql.bind({}))
  return { members: rows[0]?.members ?? 0 }
}
