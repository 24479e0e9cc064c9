import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Tenant } from '../../../db/tenant.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const URL = '/api/analytics/events'

interface IngestAnswer {
  accepted: number
  duplicates: number
  rejected: number
  errors: { index: number; event_id?: string; field: string; code: string; message: string }[]
  conflicts: { index: number; event_id: string; message: string }[]
}
interface Stored {
  event_id: string
  occurred_at: string
  claimed_at: string | null
  plan: string
  coach_id: string
  cohort_week: string | null
  properties: Record<string, unknown>
}

let platform: Platform
let tenant: Tenant
let slugs = 0
beforeAll(async () => {
  platform = await openPlatform()
})
afterAll(() => platform.close())

/** Each test has a tenant of its own, so that its counts are its own. */
async function freshTenant(): Promise<Tenant> {
  slugs += 1
  return platform.createTenant({ slug: `tenant-${slugs}`, timezone: 'Europe/Berlin' })
}
const ago = (milliseconds: number): string => new Date(Date.now() - milliseconds).toISOString()
const event = (event_id: string, more: Record<string, unknown> = {}) => ({
  event_id,
  type: 'screen_viewed',
  occurred_at: ago(HOUR),
  user_id: 'member-1',
  properties: { screen: 'home' },
  ...more,
})
async function post(body: unknown, headers: Record<string, string> = {}, to: Tenant = tenant): Promise<IngestAnswer> {
  const answer = await platform.post(to, URL, body, 'service', headers)
  expect(answer.status, answer.text).toBe(200)
  return answer.body as IngestAnswer
}
const stored = async (of: Tenant = tenant): Promise<Stored[]> =>
  (
    await platform.db.pool.query<Stored>(
      `select event_id, occurred_at, claimed_at, plan, coach_id, cohort_week, properties from analytics.events
       where tenant_id = $1 order by event_id, occurred_at`,
      [of.id],
    )
  ).rows
const quarantined = async (of: Tenant = tenant) =>
  (
    await platform.db.pool.query(
      'select errors, body, source from analytics.quarantine where tenant_id = $1 order by id',
      [of.id],
    )
  ).rows

describe('a batch', () => {
  beforeAll(async () => {
    tenant = await freshTenant()
  })

  test('is stored as far as it is good; each bad event is named and kept in quarantine', async () => {
    const answer = await post({
      events: [
        event('good-1'),
        event('bad-type', { type: 'danced' }),
        event('bad-time', { occurred_at: '2025-02-30T10:00:00Z' }),
        event('bad-goal', { type: 'goal_created', properties: {} }),
        'nonsense',
        event('good-2'),
      ],
    })
    expect(answer).toMatchObject({ accepted: 2, duplicates: 0, rejected: 4, conflicts: [] })
    expect(answer.errors.map(({ index, event_id }) => [index, event_id])).toEqual([
      [1, 'bad-type'],
      [2, 'bad-time'],
      [3, 'bad-goal'],
      [4, undefined],
    ])
    expect(answer.errors.map(({ field }) => field).slice(0, 3)).toEqual(['type', 'occurred_at', 'properties.goal_id'])
    expect((await stored()).map(({ event_id }) => event_id)).toEqual(['good-1', 'good-2'])
    const kept = await quarantined()
    expect(kept.map(({ body }) => body.event_id)).toEqual(['bad-type', 'bad-time', 'bad-goal', undefined])
    expect(kept.map(({ errors }) => errors.length)).toEqual([1, 1, 1, 1])
  })

  test('without any event, or with only bad ones, is answered too', async () => {
    expect(await post({ events: [] })).toMatchObject({ accepted: 0, duplicates: 0, rejected: 0 })
    expect(await post({ events: [{}] })).toMatchObject({ accepted: 0, rejected: 1 })
  })

  test('with a null among its events keeps the good ones; the null is one rejected event', async () => {
    const own = await freshTenant()
    const answer = await post({ events: [null, event('beside-null'), 1, 'x', []] }, {}, own)
    expect(answer).toMatchObject({ accepted: 1, rejected: 4 })
    expect(await quarantined(own)).toHaveLength(4)
  })

  test('that is no batch is refused as a whole', async () => {
    for (const body of [{}, { events: 'x' }, [], { events: [], sent_at: 'yesterday' }])
      expect((await platform.post(tenant, URL, body)).status).toBe(400)
    expect(
      (await platform.post(tenant, URL, '{"events": [', 'service', { 'content-type': 'application/json' })).status,
    ).toBe(400)
  })

  test('is taken from services only', async () => {
    for (const role of ['admin', 'coach', 'finance'] as const) {
      const answer = await platform.post(tenant, URL, { events: [event('other-role')] }, role)
      expect(answer.status).toBe(403)
      expect(answer.body).toMatchObject({ code: 'role_not_allowed' })
    }
    expect((await platform.app.inject({ method: 'POST', url: URL, payload: { events: [] } })).statusCode).toBe(401)
    const nobody = { ...tenant, id: '00000000-0000-4000-8000-000000000000' }
    expect((await platform.post(nobody, URL, { events: [event('x')] })).status).toBe(401)
  })

  test('may be NDJSON, in which a broken line is one rejected event', async () => {
    const body = [JSON.stringify(event('line-1')), '', '{"event_id": "broken', JSON.stringify(event('line-2'))].join(
      '\n',
    )
    const answer = await post(body, { 'content-type': 'application/x-ndjson' })
    expect(answer).toMatchObject({ accepted: 2, rejected: 1, errors: [{ index: 1, code: 'invalid_json' }] })
  })

  test('may be compressed', async () => {
    const json = gzipSync(JSON.stringify({ events: [event('gzip-1')] }))
    expect(await post(json, { 'content-type': 'application/json', 'content-encoding': 'gzip' })).toMatchObject({
      accepted: 1,
    })
    const lines = gzipSync(`${JSON.stringify(event('gzip-2'))}\n${JSON.stringify(event('gzip-3'))}\n`)
    const headers = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' }
    expect(await post(lines, headers)).toMatchObject({ accepted: 2 })
  })

  test('holds at most 2,000 events and 10 MB; past it nothing is stored', async () => {
    const own = await freshTenant()
    const many = Array.from({ length: 2_001 }, (_, i) => event(`many-${i}`))
    const tooMany = await platform.post(own, URL, { events: many })
    expect(tooMany.status).toBe(413)
    expect(tooMany.body).toMatchObject({ code: 'payload_too_large' })
    const lines = many.map((one) => JSON.stringify(one)).join('\n')
    expect((await platform.post(own, URL, lines, 'service', { 'content-type': 'application/x-ndjson' })).status).toBe(
      413,
    )
    const big = JSON.stringify({ events: [event('big', { properties: { screen: 'x'.repeat(10 * 1024 * 1024) } })] })
    expect((await platform.post(own, URL, big, 'service', { 'content-type': 'application/json' })).status).toBe(413)
    const bomb = gzipSync(big)
    const packed = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    expect((await platform.post(own, URL, bomb, 'service', packed)).status).toBe(413)
    expect(await stored(own)).toEqual([])
    expect(await post({ events: many.slice(0, 2_000) }, {}, own)).toMatchObject({ accepted: 2_000 })
  })
})

describe('an event counts once', () => {
  beforeAll(async () => {
    tenant = await freshTenant()
  })

  test('within a batch and across batches', async () => {
    const twice = event('once')
    expect(await post({ events: [twice, twice] })).toMatchObject({ accepted: 1, duplicates: 1, conflicts: [] })
    expect(await post({ events: [twice, event('other')] })).toMatchObject({ accepted: 1, duplicates: 1, conflicts: [] })
    expect(await stored()).toHaveLength(2)
  })

  test('however its instant is written', async () => {
    const own = await freshTenant()
    const base = event('zone')
    const at = new Date(Math.floor(Date.now() / 1000) * 1000 - HOUR)
    const local = new Date(at.getTime() + 2 * HOUR).toISOString().replace('.000Z', '+02:00')
    await post({ events: [{ ...base, occurred_at: at.toISOString() }] }, {}, own)
    expect(await post({ events: [{ ...base, occurred_at: local }] }, {}, own)).toMatchObject({
      duplicates: 1,
      conflicts: [],
    })
  })

  test('in 20 identical batches sent at the same time', async () => {
    const own = await freshTenant()
    const events = Array.from({ length: 40 }, (_, i) => event(`same-${i}`, { user_id: `member-${i % 5}` }))
    const answers = await Promise.all(Array.from({ length: 20 }, () => post({ events }, {}, own)))
    const total = (name: 'accepted' | 'duplicates') => answers.reduce((sum, answer) => sum + answer[name], 0)
    expect([total('accepted'), total('duplicates')]).toEqual([40, 19 * 40])
    expect(answers.flatMap(({ conflicts }) => conflicts)).toEqual([])
    expect(await stored(own)).toHaveLength(40)
  })

  test('the first content stays, and another one under the same identity is noted', async () => {
    const own = await freshTenant()
    const first = event('conflict', { properties: { screen: 'first' } })
    const second = { ...first, properties: { screen: 'second' } }
    const third = { ...first, user_id: 'member-2' }
    const answer = await post({ events: [event('before'), first, second] }, {}, own)
    expect(answer).toMatchObject({ accepted: 2, duplicates: 1, rejected: 0 })
    expect(answer.conflicts).toMatchObject([{ index: 2, event_id: 'conflict' }])
    const again = await post({ events: [third, first] }, {}, own)
    expect(again).toMatchObject({ accepted: 0, duplicates: 2 })
    expect(again.conflicts).toMatchObject([{ index: 0, event_id: 'conflict' }])
    expect((await stored(own)).map(({ properties }) => properties.screen)).toEqual(['home', 'first'])
  })

  test('the order of properties makes no conflict', async () => {
    const own = await freshTenant()
    const one = event('order', { properties: { screen: 'home', a: 1, b: { x: 1, y: 2 } } })
    const other = { ...one, properties: { b: { y: 2, x: 1 }, a: 1, screen: 'home' } }
    await post({ events: [one] }, {}, own)
    expect(await post({ events: [other] }, {}, own)).toMatchObject({ duplicates: 1, conflicts: [] })
  })
})

describe('time', () => {
  beforeAll(async () => {
    tenant = await freshTenant()
  })

  test('more than an hour ahead, or before the retention, is rejected and kept', async () => {
    const answer = await post({
      events: [
        event('soon', { occurred_at: ago(-59 * MINUTE) }),
        event('future', { occurred_at: ago(-61 * MINUTE) }),
        event('old', { occurred_at: ago(740 * DAY) }),
        event('oldest', { occurred_at: ago(700 * DAY) }),
      ],
    })
    expect(answer).toMatchObject({ accepted: 2, rejected: 2 })
    expect(answer.errors.map(({ event_id, code }) => [event_id, code])).toEqual([
      ['future', 'too_far_in_future'],
      ['old', 'too_old'],
    ])
    expect((await quarantined()).map(({ body }) => body.event_id)).toEqual(['future', 'old'])
  })

  test('of a sender whose clock is off is corrected by the offset, and within 5 minutes left alone', async () => {
    const own = await freshTenant()
    const wrong = Date.now() + 3 * DAY
    const sent_at = new Date(wrong).toISOString()
    const occurred_at = new Date(wrong - 10 * MINUTE).toISOString()
    expect(await post({ sent_at, events: [event('ahead', { occurred_at })] }, {}, own)).toMatchObject({ accepted: 1 })
    const near = { sent_at: ago(4 * MINUTE), events: [event('near', { occurred_at: ago(6 * MINUTE) })] }
    expect(await post(near, {}, own)).toMatchObject({ accepted: 1 })
    const [ahead, left] = await stored(own)
    expect(ahead?.claimed_at).toBe(occurred_at)
    expect(Math.abs(Date.parse(ahead?.occurred_at ?? '') - (Date.now() - 10 * MINUTE))).toBeLessThan(MINUTE)
    expect(left).toMatchObject({ claimed_at: null, occurred_at: near.events[0]?.occurred_at })
  })

  test('a retry of a corrected event with another offset, or without sent_at, counts once', async () => {
    const own = await freshTenant()
    const occurred_at = ago(3 * DAY)
    const queued = (late: number) => ({
      sent_at: ago(3 * DAY - MINUTE + late),
      events: [event('queued', { occurred_at })],
    })
    expect(await post(queued(0), {}, own)).toMatchObject({ accepted: 1, duplicates: 0 })
    const [first] = await stored(own)
    for (const late of [-20 * MINUTE, 5_000, 40 * MINUTE])
      expect(await post(queued(late), {}, own)).toMatchObject({ accepted: 0, duplicates: 1, conflicts: [] })
    expect(await post({ events: queued(0).events }, {}, own)).toMatchObject({
      accepted: 0,
      duplicates: 1,
      conflicts: [],
    })
    expect(await stored(own)).toEqual([first])
  })

  test('a retry of an uncorrected event whose body looks skewed by now counts once', async () => {
    const own = await freshTenant()
    const occurred_at = ago(2 * DAY)
    const body = { events: [event('stale', { occurred_at })] }
    expect(await post(body, {}, own)).toMatchObject({ accepted: 1 })
    const again = { ...body, sent_at: ago(2 * DAY - MINUTE) }
    expect(await post(again, {}, own)).toMatchObject({ accepted: 0, duplicates: 1, conflicts: [] })
    expect(await stored(own)).toMatchObject([{ occurred_at, claimed_at: null }])
  })

  test('of 20 retries with different offsets at the same time one counts', async () => {
    const own = await freshTenant()
    const occurred_at = ago(5 * DAY)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        post(
          {
            sent_at: ago(5 * DAY - i * 7_000),
            events: [event('race', { occurred_at }), event('race', { occurred_at })],
          },
          {},
          own,
        ),
      ),
    )
    expect(answers.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(1)
    expect(await stored(own)).toHaveLength(1)
  })
})

describe('personal data', () => {
  const secrets = [
    'ada@example.org',
    'Ada Lovelace',
    '+44 20 7946 0000',
    '203.0.113.77',
    'I feel sad today',
    'Secret Street 5',
    'nick-of-ada',
  ]

  test('is in no column of any table, whether the event was stored or rejected', async () => {
    const own = await platform.createTenant({ slug: 'personal', settings: { pii_keys: ['nickname'] } })
    const properties = {
      email: secrets[0],
      Full_Name: secrets[1],
      phone: secrets[2],
      nested: { ip: secrets[3], note: `write to ${secrets[0]} please` },
      list: [{ address: secrets[5] }],
      nickname: secrets[6],
    }
    const message = { conversation_id: 'c1', sender: 'member', text: secrets[4], ...properties }
    const answer = await post(
      {
        events: [
          event('pii-1', { properties: { screen: 'home', ...properties } }),
          event('pii-2', { type: 'message_sent', properties: message }),
          event('pii-3', { source: secrets[0] }),
          event('pii-4', { type: 'unheard_of', properties }),
          event('pii-5', { user_id: secrets[0], properties }),
          event('pii-6', { type: 'message_sent', properties: { ...message, sender: 'nobody' } }),
          event(secrets[0] ?? '', { type: 'mood_logged', properties: { score: 9, ...properties } }),
          event('pii-7', { user_id: secrets[1], session_id: secrets[2] }),
          { ...properties, no: 'event' },
        ],
      },
      {},
      own,
    )
    expect(answer).toMatchObject({ accepted: 3, rejected: 6 })
    await platform.settle()
    for (const secret of secrets) expect(JSON.stringify(answer)).not.toContain(secret)
    expect((await quarantined(own)).map(({ body }) => body.event_id ?? null)).toContain('pii-5')

    const { rows: columns } = await platform.db.pool.query<{ relation: string; name: string }>(
      `select format('%I.%I', n.nspname, c.relname) as relation, quote_ident(a.attname) as name
       from pg_attribute a
       join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
       join pg_namespace n on n.oid = c.relnamespace
       where a.attnum > 0 and not a.attisdropped and a.atttypid in ('text'::regtype, 'varchar'::regtype, 'jsonb'::regtype, 'json'::regtype)
         and n.nspname not in ('pg_catalog', 'information_schema', '_timescaledb_catalog', '_timescaledb_config')`,
    )
    expect(columns.length).toBeGreaterThan(30)
    const found: string[] = []
    for (const { relation, name } of columns) {
      const { rows } = await platform.db.pool.query<{ secret: string }>(
        `select s as secret from unnest($1::text[]) s
         where exists (select from ${relation} t where position(lower(s) in lower(t.${name}::text)) > 0)`,
        [secrets],
      )
      found.push(...rows.map(({ secret }) => `${relation}.${name}: ${secret}`))
    }
    expect(found).toEqual([])
  })

  test('equal values stay equal within a tenant and differ between tenants', async () => {
    const [one, two] = [await freshTenant(), await freshTenant()]
    const events = ['h-1', 'h-2'].map((id) => event(id, { properties: { screen: 'x', email: 'ada@example.org' } }))
    await post({ events }, {}, one)
    await post({ events }, {}, two)
    const [first, second] = await stored(one)
    const [other] = await stored(two)
    expect(first?.properties.email).toMatch(/^hmac:[0-9a-f]{32}$/)
    expect(second?.properties.email).toBe(first?.properties.email)
    expect(other?.properties.email).not.toBe(first?.properties.email)
  })
})

describe('enrichment', () => {
  test('is what was known of the member at the time of the event', async () => {
    const own = await freshTenant()
    const at = (days: number) => ago(days * DAY)
    const change = (id: string, days: number, properties: object, type = 'profile_changed') =>
      event(id, { type, occurred_at: at(days), properties })
    await post({ events: [change('a', 30, { plan: 'free', coach_id: 'coach-1' }, 'signed_up')] }, {}, own)
    await platform.settle()
    // Known when it arrives: stamped by the insert itself, before any fold.
    await post({ events: [event('b', { occurred_at: at(20) })] }, {}, own)
    const [, onArrival] = await stored(own)
    expect(onArrival).toMatchObject({ plan: 'free', coach_id: 'coach-1' })
    expect(onArrival?.cohort_week).toMatch(/^\d{4}-\d\d-\d\d$/)
    await post({ events: [event('c', { occurred_at: at(10) }), event('d', { occurred_at: at(40) })] }, {}, own)
    // Late: changes events already stored, only from its time on and up to the next change.
    await post({ events: [change('e', 25, { plan: 'plus' })] }, {}, own)
    await post({ events: [change('f', 15, { coach_id: 'coach-2' })] }, {}, own)
    await platform.settle()
    expect((await stored(own)).map(({ event_id, plan, coach_id }) => [event_id, plan, coach_id])).toEqual([
      ['a', 'free', 'coach-1'],
      ['b', 'plus', 'coach-1'],
      ['c', 'plus', 'coach-2'],
      ['d', '', ''],
      ['e', 'plus', 'coach-1'],
      ['f', 'plus', 'coach-2'],
    ])
    const cohorts = new Set((await stored(own)).map(({ cohort_week }) => cohort_week))
    expect(cohorts).toEqual(new Set([onArrival?.cohort_week]))
  })

  test('reaches the metrics of the days before a late profile change', async () => {
    const own = await freshTenant()
    const view = (id: string, days: number, user_id: string) => event(id, { occurred_at: ago(days * DAY), user_id })
    await post({ events: [view('a', 9, 'm1'), view('b', 9, 'm2'), view('c', 3, 'm1')] }, {}, own)
    await platform.settle()
    await post(
      {
        events: [
          event('d', {
            type: 'profile_changed',
            occurred_at: ago(12 * DAY),
            user_id: 'm1',
            properties: { plan: 'pro' },
          }),
        ],
      },
      {},
      own,
    )
    await platform.settle()
    const from = ago(15 * DAY).slice(0, 10)
    const answer = await platform.get<{ series: { key: { plan: string }; points: { value: number }[] }[] }>(
      own,
      `/api/analytics/metrics/dau?from=${from}&group_by=plan`,
    )
    const sums = answer.body.series.map(({ key, points }) => [
      key.plan,
      points.reduce((sum, { value }) => sum + value, 0),
    ])
    expect(sums).toEqual([
      ['', 1],
      ['pro', 2],
    ])
  })
})
