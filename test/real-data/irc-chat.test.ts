import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Tenant } from '../../db/tenant.ts'
import { openPlatform, type Platform } from '../support/platform.ts'
import { absent, isPresent, readCsv, readJson } from './support.ts'

const present = isPresent('irc_chat')
const describeReal = present ? describe : describe.skip

type Link = { log: string; line_from: string; line_reply: string; seconds: string }
type Percentiles = Record<'p50' | 'p75' | 'p90' | 'p95' | 'p99', number>
type Expected = Record<
  string,
  Record<string, { n: number; 'nearest_rank(percentile_disc)': Percentiles; 'linear(percentile_cont)': Percentiles }>
>
type Answer = { replies: number; seconds: Percentiles; observed_seconds: Percentiles }

const files = { POOLED_minutes_meeting: 'meeting', POOLED_minutes_ubuntu_dev: 'ubuntu_dev' } as const
const links = (name: string): Link[] => readCsv<Link>('irc_chat', `reply_links_minutes_${name}.csv`)

// Durations are what counts: every chat is moved into one spring, so that one question covers eight years of logs.
const start = Date.parse('2026-03-02T09:00:00Z')
const coachOf = (log: string): string => `coach-${log}`

let n = 0
function message(conversation: string, log: string, sender: 'member' | 'coach' | 'ai', at: number) {
  return {
    event_id: `irc-${++n}`,
    type: 'message_sent',
    occurred_at: new Date(at).toISOString(),
    user_id: `member-${log}`,
    properties: {
      conversation_id: conversation,
      sender,
      length: 1,
      ...(sender === 'coach' ? { coach_id: coachOf(log) } : {}),
    },
  }
}

describeReal(`real chats with annotated replies${present ? '' : ` (${absent})`}`, () => {
  let platform: Platform
  let pairs: Tenant
  let first: Tenant
  let expected: Expected
  beforeAll(async () => {
    expected = readJson<Expected>('irc_chat', 'expected.json')
    platform = await openPlatform()
    pairs = await platform.createTenant({ slug: 'pairs' })
    first = await platform.createTenant({ slug: 'first' })
    const asPairs: unknown[] = []
    const asFirst: unknown[] = []
    for (const name of Object.values(files))
      for (const [i, { log, line_from, seconds }] of links(name).entries()) {
        const asked = start + i * 60_000
        const replied = asked + Number(seconds) * 1000
        asPairs.push(message(`${log}:${i}`, log, 'member', asked), message(`${log}:${i}`, log, 'coach', replied))
        // AI answers at once and stops no clock
        asPairs.push(message(`${log}:${i}`, log, 'ai', asked + 1))
        // every reply to one line belongs to one conversation: only the first counts
        const question = `${log}:${line_from}`
        const line = start + Number(line_from) * 60_000
        if (
          !asFirst.some(
            (event) => (event as { properties: { conversation_id: string } }).properties.conversation_id === question,
          )
        )
          asFirst.push(message(question, log, 'member', line))
        asFirst.push(message(question, log, 'coach', line + Number(seconds) * 1000))
      }
    await platform.send(pairs, asPairs.reverse())
    await platform.send(first, asFirst)
    await platform.settle()
  })
  afterAll(() => platform.close())

  async function read(tenant: Tenant, coaches: string[]): Promise<Answer> {
    const filter = coaches.map((coach) => `filter[coach]=${coach}`).join('&')
    const path = `/api/analytics/engagement/response-times?from=2026-03-01&to=2026-06-01&${filter}`
    const { status, body } = await platform.get<Answer>(tenant, path)
    expect(status).toBe(200)
    return body
  }

  const logs = present ? Object.values(files).flatMap((name) => [...new Set(links(name).map((link) => link.log))]) : []
  const groups: [string, string[]][] = present
    ? [
        ...logs.map((log): [string, string[]] => [log, [coachOf(log)]]),
        ...Object.entries(files).map(([pool, name]): [string, string[]] => [
          pool,
          [...new Set(links(name).map((link) => coachOf(link.log)))],
        ]),
      ]
    : []

  for (const [name, coaches] of groups)
    for (const [kind, tenantOf] of [
      ['annotated_reply_pairs', () => pairs],
      ['first_reply_per_message', () => first],
    ] as const)
      test(`${name}: ${kind}`, async () => {
        const wanted = expected[name]?.[kind]
        if (!wanted) throw new Error(`no expectation for ${name} ${kind}`)
        const answer = await read(tenantOf(), coaches)
        expect(answer.replies).toBe(wanted.n)
        expect(answer.observed_seconds).toEqual(wanted['nearest_rank(percentile_disc)'])
        for (const p of ['p50', 'p75', 'p90', 'p95', 'p99'] as const)
          expect(answer.seconds[p], p).toBeCloseTo(wanted['linear(percentile_cont)'][p], 6)
      })

  test('the sketched median of all chats lies within its error of the exact one', async () => {
    const path = '/api/analytics/metrics/message_response_time_p95?from=2026-03-01&to=2026-06-01&granularity=month'
    const { body } = await platform.get<{ series: { points: { value: number | null }[] }[] }>(pairs, path)
    const exact = await read(pairs, logs.map(coachOf))
    const sketched = body.series[0]?.points.map((point) => point.value).filter((value) => value !== null) ?? []
    expect(sketched.length).toBeGreaterThan(0)
    expect(Math.abs((sketched[0] ?? 0) - exact.observed_seconds.p95) / exact.observed_seconds.p95).toBeLessThan(0.02)
  })
})
