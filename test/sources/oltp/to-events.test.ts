import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RowChange } from '../../../sources/oltp/change.ts'
import { readDebezium } from '../../../sources/oltp/debezium.ts'
import { defaultMapping } from '../../../sources/oltp/default-mapping.ts'
import { mappingSchema, withOverrides } from '../../../sources/oltp/mapping.ts'
import { eventsOfChange } from '../../../sources/oltp/to-events.ts'
import { parseEvent } from '../../../sources/parse-event.ts'
import { arrivals, asDebezium, interruptions, steps, withoutIdentity, written } from './oltp-model.ts'

interface Event {
  readonly event_id: string
  readonly type: string
  readonly occurred_at: string
  readonly user_id: string | null
  readonly properties: Record<string, unknown>
}

const eventsOf = (change: Partial<RowChange>, mapping = defaultMapping) =>
  eventsOfChange(
    { schema: 'public', table: 'goals', op: 'u', before: null, after: null, committedAt: undefined, ...change },
    mapping,
  ) as Event[]

const goal = {
  id: 7,
  user_id: 'member-1',
  title: 'run',
  status: 'active',
  progress: 40,
  target_date: 20_500,
  created_at: '2026-05-01T08:00:00.000Z',
  updated_at: '2026-05-01T08:00:00.000Z',
  completed_at: null,
}
const done = {
  ...goal,
  status: 'completed',
  completed_at: '2026-05-09T10:00:00Z',
  updated_at: '2026-05-09T10:00:00.123Z',
}
const typesOf = (events: Event[]) => events.map(({ type }) => type)

describe('rows become events', () => {
  it('a goal that was completed is a goal_completed at the row’s own timestamp, whatever the message’s time', () => {
    const [created, completed] = eventsOf({ before: goal, after: done, committedAt: Date.parse('2026-06-01') })
    expect(created).toMatchObject({
      type: 'goal_created',
      occurred_at: '2026-05-01T08:00:00.000Z',
      properties: { goal_id: '7', target_date: '2026-02-16' },
    })
    expect(completed).toMatchObject({
      type: 'goal_completed',
      occurred_at: '2026-05-09T10:00:00.000Z',
      user_id: 'member-1',
    })
  })

  it('a snapshot of a row and the change that made it are one event', () => {
    const [created] = eventsOf({ op: 'c', after: goal })
    const micros = { ...goal, created_at: Date.parse(goal.created_at) * 1000, id: '7' }
    expect(eventsOf({ op: 'r', after: micros })).toEqual([created])
  })

  it('without completed_at the transition counts, not each later edit; without the row before it may be said again', () => {
    const { completed_at: _, ...old } = goal
    const { completed_at: __, ...after } = done
    const edited = { ...after, title: 'run far', updated_at: '2026-05-20T10:00:00Z' }
    expect(typesOf(eventsOf({ before: old, after }))).toEqual(['goal_created', 'goal_completed'])
    expect(typesOf(eventsOf({ before: after, after: edited }))).toEqual(['goal_created'])
    expect(eventsOf({ after: edited })[1]).toMatchObject({
      type: 'goal_completed',
      occurred_at: '2026-05-20T10:00:00.000Z',
    })
  })

  it('reopening needs the row before; a key-only or half-empty row before is none', () => {
    const reopened = { ...goal, updated_at: '2026-05-12T10:00:00Z' }
    expect(typesOf(eventsOf({ before: done, after: reopened }))).toContain('goal_reopened')
    const empty = Object.fromEntries(Object.keys(done).map((name) => [name, null]))
    for (const before of [null, { id: 7 }, { ...empty, id: 7 }, { ...empty, id: 7, status: 'completed' }])
      expect(typesOf(eventsOf({ before, after: reopened }))).toEqual(['goal_created'])
  })

  it('a deleted goal is abandoned at the commit when it was open and its owner is known', () => {
    const committedAt = Date.parse('2026-05-03T00:00:00Z')
    expect(eventsOf({ op: 'd', before: goal, committedAt })).toMatchObject([
      { type: 'goal_abandoned', occurred_at: '2026-05-03T00:00:00.000Z', user_id: 'member-1' },
    ])
    for (const before of [done, { id: 7 }, null]) expect(eventsOf({ op: 'd', before, committedAt })).toEqual([])
  })

  it('plans and schedules are stated again when nobody knows whether they changed, and only then', () => {
    const user = {
      id: 'm',
      plan: 'free',
      coach_id: null,
      name: 'x',
      created_at: '2026-05-01T08:00:00Z',
      updated_at: '2026-05-01T08:00:00Z',
    }
    const renamed = { ...user, name: 'y', updated_at: '2026-05-02T08:00:00Z' }
    const upgraded = { ...renamed, plan: 'pro' }
    const types = (change: Partial<RowChange>) => typesOf(eventsOf({ table: 'users', ...change }))
    expect(types({ op: 'c', after: renamed })).toEqual(['signed_up'])
    expect(types({ before: user, after: renamed })).toEqual(['signed_up'])
    expect(types({ before: user, after: upgraded })).toEqual(['signed_up', 'profile_changed'])
    expect(types({ after: renamed })).toEqual(['signed_up', 'profile_changed'])
    expect(types({ op: 'r', after: renamed })).toEqual(['signed_up', 'profile_changed'])
    expect(types({ op: 'r', after: user })).toEqual(['signed_up'])
  })

  it('a message whose text is not in the log tells nothing: its insert has told it', () => {
    const message = {
      id: 1,
      user_id: 'm',
      chat_id: 4,
      sender_role: 'assistant',
      content: 'Hallo 👋',
      created_at: '2026-05-01T08:00:00Z',
    }
    const [sent] = eventsOf({ table: 'chat_messages', op: 'c', after: message })
    expect(sent?.properties).toEqual({ conversation_id: '4', sender: 'ai', length: 7 })
    expect(
      eventsOf({ table: 'chat_messages', after: { ...message, content: '__debezium_unavailable_value' } }),
    ).toEqual([])
  })

  it('events of a snapshot from before a bound are left out, those of the stream are not', () => {
    const at = Date.parse('2026-05-05T00:00:00Z')
    const change: RowChange = {
      schema: 'public',
      table: 'goals',
      op: 'r',
      before: null,
      after: done,
      committedAt: undefined,
    }
    expect(typesOf(eventsOfChange(change, defaultMapping, at) as Event[])).toEqual(['goal_completed'])
    expect(typesOf(eventsOfChange({ ...change, op: 'u' }, defaultMapping, at) as Event[])).toHaveLength(2)
  })

  it('a tenant’s own mapping replaces a table, schema-qualified names first; false reads nothing of it', () => {
    const own = withOverrides(
      defaultMapping,
      mappingSchema.parse({
        'coaching.objectives': {
          user: 'owner',
          key: ['uuid'],
          events: [
            {
              type: 'goal_progressed',
              changed: ['pct'],
              at: ['moved_at', '$commit'],
              properties: {
                goal_id: 'uuid',
                progress: { column: 'pct', as: 'number', factor: 0.01 },
                origin: { value: 'app' },
              },
            },
          ],
        },
        goals: false,
      }),
    )
    expect(eventsOf({ after: done }, own)).toEqual([])
    const before = { uuid: 'u1', owner: 'm', pct: '10.00', moved_at: null }
    const change = {
      schema: 'coaching',
      table: 'objectives',
      before,
      after: { ...before, pct: '29.00' },
      committedAt: 1_780_000_000_000,
    }
    expect(eventsOf(change, own)).toMatchObject([
      {
        type: 'goal_progressed',
        occurred_at: new Date(1_780_000_000_000).toISOString(),
        properties: { goal_id: 'u1', progress: 0.29, origin: 'app' },
      },
    ])
  })

  it('everything that the shipped mapping makes of well-formed rows is a valid event', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { changes, snapshot } = written(all)
        for (const change of [...changes, ...snapshot(changes.length)])
          for (const event of eventsOf(change)) expect(parseEvent(event)).toMatchObject({ ok: true })
      }),
    )
  })
})

/** Sends changes through Debezium's JSON in changing encodings and keeps the first event of each identity, as storage does. */
function stored(changes: readonly RowChange[], seed: number): Map<string, Event> {
  const found = new Map<string, Event>()
  for (const [index, change] of changes.entries()) {
    const reading = readDebezium(asDebezium(change, seed + index))
    if (reading.kind !== 'change') throw new Error(reading.kind)
    for (const event of eventsOfChange(reading.change, defaultMapping) as Event[])
      if (!found.has(event.event_id)) found.set(event.event_id, event)
  }
  return found
}

const stating = ['profile_changed', 'habit_changed']

/** What every stated property was over time, told once per change. */
function timeline(events: Iterable<Event>): string[] {
  const state = new Map<string, string>()
  const told: string[] = []
  const stated = [...events]
    .filter(({ type }) => [...stating, 'signed_up', 'habit_created'].includes(type))
    .sort((a, b) => a.occurred_at.localeCompare(b.occurred_at))
  for (const { user_id, occurred_at, properties } of stated) {
    const key = `${user_id}/${String(properties.habit_id)}`
    const value = JSON.stringify(properties)
    if (state.get(key) !== value) told.push(`${occurred_at} ${key} ${value}`)
    state.set(key, value)
  }
  return told
}

describe.each([
  ['REPLICA IDENTITY FULL', (change: RowChange) => change],
  ['REPLICA IDENTITY DEFAULT', withoutIdentity],
])('any interleaving of stream, snapshots and replays (%s)', (_name, identity) => {
  it('stores what the stream alone stores, apart from repeated statements of what was true anyway', () => {
    fc.assert(
      fc.property(steps, interruptions, fc.nat(5), (all, breaks, seed) => {
        const log = written(all)
        const plain = stored(log.changes.map(identity), seed)
        const mixed = stored(arrivals(log, breaks).map(identity), seed + 1)
        for (const [id, event] of plain) expect(mixed.get(id)).toEqual(event)
        for (const [id, event] of mixed) if (!plain.has(id)) expect(stating).toContain(event.type)
        expect(timeline(mixed.values())).toEqual(timeline(plain.values()))
      }),
      { numRuns: 300 },
    )
  })
})
