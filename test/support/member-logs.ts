import fc from 'fast-check'

/** An event as a client sends it. */
export interface SentEvent {
  readonly event_id: string
  readonly type: string
  readonly occurred_at: string
  readonly user_id: string
  readonly session_id?: string
  readonly properties: Readonly<Record<string, unknown>>
}

/** Zones whose offsets are off the whole hour, change in both directions, or lie beyond the date line. */
export const zones = ['Asia/Kathmandu', 'America/St_Johns', 'Pacific/Apia', 'UTC', 'Europe/Berlin'] as const

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const LOG_DAYS = 45
/** Recent, because some ledgers have a row per day up to today. */
const LOG_START = Math.floor(Date.now() / DAY - 50) * DAY + 9 * HOUR + 10 * MINUTE

/** Around the limits of 5 minutes (counted gap), 30 minutes (session) and 7 and 30 days (windows). */
const gap = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 123, 4_567, 299_999, 5 * MINUTE, 300_001) },
  { weight: 3, arbitrary: fc.constantFrom(29 * MINUTE + 59_999, 30 * MINUTE, 30 * MINUTE + 1, HOUR, 59 * MINUTE) },
  { weight: 2, arbitrary: fc.constantFrom(5 * HOUR, DAY - 1, DAY, 2 * DAY) },
  { weight: 1, arbitrary: fc.constantFrom(6 * DAY, 7 * DAY, 8 * DAY, 29 * DAY, 30 * DAY) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 10 * MINUTE }) },
)

const optional = (values: readonly string[]) => fc.constantFrom(undefined, ...values)
const plan = optional(['free', 'plus', 'pro'])
const coach = optional(['coach-1', 'coach-2'])
const of = (type: string, properties: fc.Arbitrary<Record<string, unknown>>) =>
  properties.map((values) => ({ type, properties: values }))
const none = fc.constant({})
const goal = fc.record({ goal_id: fc.constantFrom('g1', 'g2') })
const habit = fc.constantFrom('h1', 'h2')
const nudge = fc.constantFrom('n1', 'n2', 'n3')
const forDate = fc
  .integer({ min: -2, max: LOG_DAYS })
  .map((days) => new Date(LOG_START + days * DAY).toISOString().slice(0, 10))
const schedule = fc.oneof(
  fc.record({
    kind: fc.constant('weekdays'),
    days: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 7 }),
  }),
  fc.record({ kind: fc.constant('times_per_week'), times: fc.integer({ min: 1, max: 7 }) }),
)

/** What happens: type and properties. */
const happening: fc.Arbitrary<{ type: string; properties: Record<string, unknown> }> = fc.oneof(
  { weight: 4, arbitrary: of('screen_viewed', fc.record({ screen: fc.constant('home') })) },
  { weight: 2, arbitrary: of('session_started', none) },
  { weight: 1, arbitrary: of('session_heartbeat', none) },
  {
    weight: 2,
    arbitrary: of('signed_up', fc.record({ plan, coach_id: coach, signup_source: optional(['ad', 'friend']) })),
  },
  { weight: 3, arbitrary: of('profile_changed', fc.record({ plan, coach_id: coach })) },
  ...['goal_created', 'goal_completed', 'goal_abandoned', 'goal_reopened'].map((type) => ({
    weight: 2,
    arbitrary: of(type, goal),
  })),
  { weight: 1, arbitrary: of('goal_progressed', goal) },
  { weight: 2, arbitrary: of('habit_created', fc.record({ habit_id: habit, schedule })) },
  { weight: 1, arbitrary: of('habit_changed', fc.record({ habit_id: habit, schedule })) },
  { weight: 1, arbitrary: of('habit_ended', fc.record({ habit_id: habit })) },
  {
    weight: 3,
    arbitrary: of(
      'habit_checked',
      fc.record({ habit_id: habit, for_date: fc.option(forDate, { nil: undefined, freq: 2 }) }),
    ),
  },
  {
    weight: 1,
    arbitrary: of(
      'habit_skipped',
      fc.record({ habit_id: habit, for_date: fc.option(forDate, { nil: undefined, freq: 2 }) }),
    ),
  },
  {
    weight: 4,
    arbitrary: of(
      'message_sent',
      fc.record({
        conversation_id: fc.constantFrom('c1', 'c2'),
        sender: fc.constantFrom('member', 'member', 'coach', 'ai'),
        coach_id: coach,
      }),
    ),
  },
  { weight: 2, arbitrary: of('nudge_sent', fc.record({ nudge_id: nudge, persona: fc.constantFrom('calm', 'drill') })) },
  { weight: 1, arbitrary: of('nudge_opened', fc.record({ nudge_id: nudge })) },
  { weight: 1, arbitrary: of('nudge_acted', fc.record({ nudge_id: nudge })) },
  {
    weight: 1,
    arbitrary: of(
      'ai_session_started',
      fc.record({ ai_session_id: fc.constantFrom('a1', 'a2'), persona: fc.constantFrom('calm', 'drill') }),
    ),
  },
  { weight: 1, arbitrary: of('ai_session_ended', fc.record({ ai_session_id: fc.constantFrom('a1', 'a2') })) },
  {
    weight: 1,
    arbitrary: of(
      'ai_session_rated',
      fc.record({ ai_session_id: fc.constantFrom('a1', 'a2'), rating: fc.integer({ min: 1, max: 5 }) }),
    ),
  },
  { weight: 1, arbitrary: of('mood_logged', fc.record({ score: fc.integer({ min: 1, max: 5 }) })) },
  { weight: 1, arbitrary: of('task_completed', fc.record({ task_id: fc.constantFrom('t1', 't2') })) },
)

const step = fc.record({ gap, happening, session: fc.constantFrom(undefined, undefined, 's1', 's2') })

/** Undefined properties are left out, as a client leaves them out. */
const present = (values: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))

/** A log of several members in order of time. Ids are not in that order; instants may be equal. */
export const memberLogs = (limits: { members: number; steps: number }): fc.Arbitrary<SentEvent[]> =>
  fc
    .array(
      fc.record({
        offset: fc.integer({ min: 0, max: 20 * DAY }),
        steps: fc.array(step, { minLength: 1, maxLength: limits.steps }),
      }),
      { minLength: 1, maxLength: limits.members },
    )
    .map((members) => {
      const events: SentEvent[] = []
      for (const [m, { offset, steps }] of members.entries()) {
        let at = LOG_START + offset
        for (const [i, { gap: pause, happening: what, session }] of steps.entries()) {
          at = Math.min(at + pause, LOG_START + LOG_DAYS * DAY)
          events.push({
            event_id: `e${((m * 1_000 + i) * 7_919) % 10_007}`,
            type: what.type,
            occurred_at: new Date(at).toISOString(),
            user_id: `member-${m}`,
            ...(session === undefined ? {} : { session_id: session }),
            properties: present(what.properties),
          })
        }
      }
      return events.sort((a, b) => (a.occurred_at < b.occurred_at ? -1 : a.occurred_at > b.occurred_at ? 1 : 0))
    })

/** What the worker does after a batch: nothing, one mark, everything, or everything and a refresh of the aggregates. */
export type Interlude = 'nothing' | 'fold one' | 'fold all' | 'refresh'

export interface Delivery {
  readonly events: readonly SentEvent[]
  readonly interlude: Interlude
}

/** The log in any order or in its own, some events twice or more, in batches of any size. */
export const deliveries = (log: readonly SentEvent[]): fc.Arbitrary<Delivery[]> =>
  fc
    .tuple(
      fc.oneof(fc.shuffledSubarray([...log], { minLength: log.length, maxLength: log.length }), fc.constant(log)),
      fc.array(fc.record({ event: fc.nat(), at: fc.nat() }), { maxLength: 8 }),
      fc.array(
        fc.record({
          size: fc.integer({ min: 1, max: 12 }),
          interlude: fc.constantFrom<Interlude>('nothing', 'nothing', 'fold one', 'fold all', 'fold all'),
        }),
        { minLength: 1, maxLength: 12 },
      ),
    )
    .map(([order, repeats, batches]) => {
      const stream = [...order]
      for (const { event, at } of repeats) {
        const again = log[event % log.length]
        if (again) stream.splice(at % (stream.length + 1), 0, again)
      }
      const sent: Delivery[] = []
      for (let i = 0; stream.length > 0; i += 1) {
        const batch = batches[i % batches.length]
        sent.push({ events: stream.splice(0, batch?.size ?? 1), interlude: batch?.interlude ?? 'nothing' })
      }
      return sent
    })
