import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { readDebezium } from '../../../sources/oltp/debezium.ts'
import { defaultMapping } from '../../../sources/oltp/default-mapping.ts'
import { eventsOfChange } from '../../../sources/oltp/to-events.ts'
import { parseEvent } from '../../../sources/parse-event.ts'
import { debeziumValue } from '../../../sources/redis/entries.ts'

/**
 * What Debezium Server 3.6.0 wrote to Redis with the settings of docker-compose.yml, in front of a PostgreSQL 15 set up as
 * docs/sources/postgres-oltp.md says: a snapshot of three rows, then changes of every table of the shipped mapping.
 */
const entries = readFileSync(new URL('./debezium-server-3.6.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { stream: string; fields: string[] })

it('every table of the shipped mapping is read as Debezium Server writes it', () => {
  const events = entries.flatMap(({ stream, fields }) => {
    const reading = readDebezium(debeziumValue(fields), stream)
    expect(reading.kind).not.toBe('unreadable')
    return reading.kind === 'change' ? eventsOfChange(reading.change, defaultMapping) : []
  })
  const parsed = events.map((event) => {
    const found = parseEvent(event)
    if (!found.ok) throw new Error(JSON.stringify(found.errors))
    return found.event
  })
  const told = parsed.map(({ type, occurred_at, user_id, properties }) => {
    expect(user_id).toBe('ada')
    return `${type} ${occurred_at} ${JSON.stringify(properties)}`
  })
  expect([...new Set(told)].sort()).toMatchInlineSnapshot(`
    [
      "ai_session_ended 2026-09-06T10:20:00.000Z {"ai_session_id":"1"}",
      "ai_session_rated 2026-09-06T10:21:00.000Z {"ai_session_id":"1","rating":5}",
      "ai_session_started 2026-09-06T10:00:00.000Z {"ai_session_id":"1","persona":"stoic"}",
      "goal_abandoned 2026-11-23T08:32:51.514Z {"goal_id":"1"}",
      "goal_completed 2026-09-05T10:00:00.000Z {"goal_id":"1"}",
      "goal_created 2026-09-02T10:00:00.000Z {"goal_id":"1","target_date":"2026-12-31"}",
      "goal_progressed 2026-09-04T10:00:00.000Z {"goal_id":"1","progress":0.4}",
      "goal_reopened 2026-09-07T10:00:00.000Z {"goal_id":"1"}",
      "habit_checked 2026-09-03T08:00:00.000Z {"habit_id":"0195e2f0-6a1c-7000-8000-00000000d3f1","for_date":"2026-09-03"}",
      "habit_created 2026-09-02T10:00:00.000Z {"habit_id":"0195e2f0-6a1c-7000-8000-00000000d3f1","schedule":{"kind":"weekdays","days":[1,3,5]}}",
      "habit_skipped 2026-09-05T08:00:00.000Z {"habit_id":"0195e2f0-6a1c-7000-8000-00000000d3f1","for_date":"2026-09-05"}",
      "message_sent 2026-09-06T10:01:00.000Z {"conversation_id":"1","sender":"member","length":28}",
      "mood_logged 2026-09-05T11:00:00.000Z {"score":5}",
      "mood_logged 2026-09-05T12:00:00.000Z {"score":4}",
      "profile_changed 2026-09-06T11:00:00.000Z {"plan":"pro"}",
      "signed_up 2026-09-01T08:00:00.123Z {"plan":"free"}",
      "signed_up 2026-09-01T08:00:00.123Z {"plan":"pro"}",
      "task_completed 2026-09-03T09:00:00.000Z {"task_id":"1"}",
    ]
  `)
})
