import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DateTime } from 'luxon'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createTenant, type Tenant } from '../../db/tenant.ts'
import { alertRules } from '../../metrics/alerts/catalog.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { type Environment, runCommand, startCommand } from './support.ts'

const today = DateTime.utc().startOf('day')
const day = (ago: number): string => today.minus({ days: ago }).toISODate()

let database: TestDatabase
let tenant: Tenant
let environment: Environment
let received: string[] = []
let behaviour: (answer: ServerResponse) => void = (answer) => answer.writeHead(200).end()
const receiver = createServer((request: IncomingMessage, answer) => {
  received.push(String(request.headers['idempotency-key']))
  request.resume()
  behaviour(answer)
})

beforeAll(async () => {
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const host = `127.0.0.1:${(receiver.address() as AddressInfo).port}`
  database = await openTestDatabase()
  environment = {
    DATA_DIR: database.dataDir,
    ALERT_WEBHOOK_HOSTS: host,
    ...(database.url ? { DATABASE_URL: database.url } : {}),
  }
  tenant = await createTenant(database.pool, {
    slug: 'acme',
    timezone: 'UTC',
    currency: 'EUR',
    settings: { alert_webhook_url: `http://${host}/hook` },
  })
  const set = await runCommand('tenant', ['set', 'acme', 'alert_webhook_secret=-'], environment, 'a secret\n')
  expect(set.code, set.stderr).toBe(0)
}, 180_000)
afterAll(async () => {
  receiver.closeAllConnections()
  receiver.close()
  await database.close()
})
beforeEach(() => {
  received = []
  behaviour = (answer) => answer.writeHead(200).end()
})

const alerts = (...args: string[]) => runCommand('alerts', args, environment)

/** Ten members of each coach on each day: `high` of them at high risk, and of those `silent` who never come again. */
async function putScores(days: readonly [ago: number, coach: string, high: number, silent: number][]): Promise<void> {
  await database.pool.query(
    `with given as (select * from jsonb_to_recordset($2::jsonb) as x (day date, coach text, high integer, silent integer)),
     scored as (
       insert into analytics.churn_scores (tenant_id, user_id, day, probability, band, reasons, last_action, model, plan, coach_id)
       select $1, coach || '-' || day || '-' || i, day, case when i < high then 0.8 else 0.1 end,
         case when i < high then 'high' else 'low' end, '[]', day, 'prior-2', '', coach
       from given cross join generate_series(0, 9) i
     ),
     stayed as (
       insert into analytics.member_days (tenant_id, user_id, day, actions, active_seconds, sessions, first_in_week,
         first_in_month, first_in_signup_week, is_last, signup_plan, signup_coach_id, plan, coach_id)
       select $1, coach || '-' || day || '-' || i, day + 30, 1, 0, 1, false, false, false, false, '', '', '', ''
       from given cross join generate_series(0, 9) i where i >= silent
     )
     insert into analytics.churn_progress (tenant_id, scored_day) values ($1, $3)
     on conflict (tenant_id) do update set scored_day = excluded.scored_day`,
    [
      tenant.id,
      JSON.stringify(days.map(([ago, coach, high, silent]) => ({ day: day(ago), coach, high, silent }))),
      day(1),
    ],
  )
}

describe('npm run alerts', () => {
  test('list shows every rule; history and test tell what is sent', async () => {
    const listed = await alerts('list', '--tenant', 'acme')
    expect([listed.code, listed.stderr]).toEqual([0, ''])
    for (const { name } of alertRules) expect(listed.stdout).toContain(name)
    expect((await alerts('history', '--tenant', 'acme')).stdout).toBe('nothing has been announced yet\n')
    const tested = await alerts('test', '--tenant', 'acme')
    expect([tested.code, tested.stdout]).toEqual([0, 'delivered: HTTP 200\n'])
    expect(received.length).toBe(1)
    expect((await alerts('history', '--tenant', 'acme')).stdout).toMatch(/test .* delivered HTTP 200/)
    behaviour = (answer) => answer.writeHead(403).end()
    const refused = await alerts('test', '--tenant', 'acme')
    expect([refused.code, refused.stderr]).toEqual([1, 'error: not delivered: HTTP 403\n'])
    await database.pool.query('delete from analytics.alert_notifications')
  }, 180_000)

  test('killed with SIGKILL after the receiver got it and before that is written down, it is sent again with the same id', async () => {
    behaviour = () => undefined
    const child = startCommand('alerts', ['test', '--tenant', 'acme'], environment)
    const ended = once(child, 'close')
    await eventually(async () => expect(received.length).toBe(1), 60_000)
    child.kill('SIGKILL')
    await ended
    const { rows } = await database.pool.query(
      `update analytics.alert_notifications set next_attempt_at = now() where delivery = 'waiting' returning id`,
    )
    expect(rows).toEqual([{ id: received[0] }])
    behaviour = (answer) => answer.writeHead(200).end()
    // The next process delivers what it finds.
    expect((await alerts('test', '--tenant', 'acme')).code).toBe(0)
    expect(received.filter((id) => id === received[0]).length).toBe(2)
    expect(new Set(received).size).toBe(2)
    const left = await database.pool.query(`select from analytics.alert_notifications where delivery <> 'delivered'`)
    expect(left.rows.length).toBe(0)
  }, 180_000)
})

describe('npm run alerts -- rehearse', () => {
  beforeAll(() =>
    putScores([
      [60, 'a', 1, 0],
      [59, 'a', 6, 5],
      [58, 'a', 7, 6],
      [57, 'a', 1, 0],
      [56, 'a', 4, 2],
      [55, 'a', 0, 0],
      [59, 'b', 0, 0],
      [58, 'b', 0, 0],
      // Their 30 days are not over.
      [5, 'a', 9, 0],
    ]),
  )

  test('shows when a rule would have fired, and how many of those it was about fell silent', async () => {
    const { code, stdout, stderr } = await alerts('rehearse', 'high_risk_share', '--tenant', 'acme')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.split('\n').slice(1)).toEqual([
      // 6 of 20, then 7 of 20
      `${day(58)} 00:00  until ${day(56)} 00:00  peak 0.35`,
      `${day(55)} 00:00  until ${day(54)} 00:00  peak 0.4`,
      `${day(4)} 00:00  until the end  peak 0.9`,
      'fired 3 times',
      'precision 70 %: of 10 members at high risk when it began to fire (2 firings), 7 fell silent for 30 days; of all members on all days 16 % did',
      '',
    ])
  }, 120_000)

  test('takes a range, another threshold and labels; --json has every number', async () => {
    const { stdout } = await alerts(
      ...['rehearse', 'coach_book_at_risk', '--tenant', 'acme', '--from', day(59), '--to', day(57)],
      ...['--threshold', '0.65', '--json'],
    )
    expect(JSON.parse(stdout)).toEqual({
      rule: 'coach_book_at_risk',
      tenant: 'acme',
      from: day(59),
      to: day(57),
      threshold: 0.65,
      judged: 3,
      firings: [
        {
          labels: { coach: 'a' },
          from: `${day(57)}T00:00:00.000Z`,
          to: `${day(56)}T00:00:00.000Z`,
          peak: 0.7,
        },
      ],
      precision: { firings: 1, flagged: 7, silent: 6, precision: 6 / 7, base_rate: 11 / 50 },
    })
  }, 120_000)

  test('asks a rule that knows any instant every hour; refuses one that keeps no history, with what can be rehearsed', async () => {
    await database.pool.query(
      `insert into analytics.replies (tenant_id, user_id, conversation_id, asked_at, replied_at, local_hour, hour, seconds,
         within_sla, plan, coach_id)
       select $1, 'm', 'c', asked, asked + interval '29 hours', asked, asked, 29 * 3600, false, '', ''
       from (select $2::date::timestamp at time zone 'UTC' + interval '1 hour' as asked) a`,
      [tenant.id, day(20)],
    )
    const { stdout } = await alerts(
      'rehearse',
      'chat_sla_breach',
      '--tenant',
      'acme',
      '--from',
      day(20),
      '--to',
      day(18),
    )
    // Over 24 hours from 01:00 on, for at least 15 minutes: noticed at 02:00, over with the answer at 06:00.
    expect(stdout).toContain(`${day(19)} 02:00  until ${day(19)} 06:00  peak 1`)
    const refused = await alerts('rehearse', 'job_failing', '--tenant', 'acme')
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/keeps no history; .*high_risk_share/)])
    expect((await alerts('rehearse', 'nothing', '--tenant', 'acme')).stderr).toMatch(
      /which rule\? One of high_risk_share/,
    )
    expect((await alerts('rehearse', 'wau_drop', '--tenant', 'acme', '--from', 'soon')).stderr).toMatch(/YYYY-MM-DD/)
  }, 120_000)
})
