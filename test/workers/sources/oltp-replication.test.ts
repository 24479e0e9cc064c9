import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeSecret } from '../../../db/secrets.ts'
import { formatLsn, parseLsn } from '../../../db/sources/oltp.ts'
import { sourceStatus } from '../../../db/sources/runners.ts'
import { createTenant, type Tenant } from '../../../db/tenant.ts'
import { updateTenant } from '../../../db/tenant-settings.ts'
import { readDebezium } from '../../../sources/oltp/debezium.ts'
import { defaultMapping } from '../../../sources/oltp/default-mapping.ts'
import { eventsOfChange } from '../../../sources/oltp/to-events.ts'
import { sources } from '../../../workers/sources/catalog.ts'
import { startSources } from '../../../workers/sources/start.ts'
import { openTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { hasPostgres, type PostgresServer, startPostgres } from '../../support/postgres.ts'
import { KILLS, KILLS_TIMEOUT, surviveKills } from './kills.ts'
import { masterKey } from './worker-process-env.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

const schema = `
  create table users (id text primary key, name text, plan text, coach_id text, created_at timestamptz not null, updated_at timestamptz not null);
  create table goals (id bigserial primary key, user_id text not null, title text, status text not null default 'active', progress numeric(5,2) not null default 0,
    target_date date, created_at timestamptz not null, updated_at timestamptz not null, completed_at timestamp);
  create table mood_entries (id serial primary key, user_id text not null, score integer not null, created_at timestamptz not null);
  create table chat_messages (id serial primary key, user_id text not null, chat_id integer not null, sender_role text not null, content text not null,
    created_at timestamptz not null, read_at timestamptz);
  create table unrelated (id serial primary key, note text);
  alter table goals replica identity full;
  alter table chat_messages alter column content set storage external;
  create publication upcoach_analytics for table users, goals, mood_entries, chat_messages`

describe('positions in the log', () => {
  it('are 64-bit numbers in two halves', () => {
    for (const text of ['0/0', '0/16B3748', '16/B374D848', 'FFFFFFFF/FFFFFFFF'])
      expect(formatLsn(parseLsn(text))).toBe(text)
    expect(parseLsn('00000016/0B374D84') > parseLsn('15/FFFFFFFF')).toBe(true)
  })
})

describe.skipIf(!hasPostgres)('logical replication from PostgreSQL (skipped without a PostgreSQL server)', () => {
  let database: TestDatabase
  let oltp: PostgresServer
  beforeAll(async () => {
    database = await openTestDatabase()
    oltp = await startPostgres()
    await oltp.client.query(schema)
  })
  afterAll(async () => {
    await oltp.stop()
    await database.close()
  })

  const tenantWith = async (settings: Record<string, unknown> = {}): Promise<Tenant> => {
    const given = Object.entries({ enabled: true, slot: `s${randomUUID().replaceAll('-', '')}`, ...settings })
    const tenant = await createTenant(database.pool, {
      slug: `t-${randomUUID()}`,
      timezone: 'UTC',
      currency: 'USD',
      settings: Object.fromEntries(given.map(([name, value]) => [`source.oltp_replication.${name}`, value])),
    })
    await writeSecret(database.pool, masterKey, tenant.id, 'source.oltp_replication.url', oltp.url)
    return tenant
  }
  const off = (tenant: Tenant) =>
    updateTenant(database.pool, tenant.slug, { settings: { 'source.oltp_replication.enabled': null } })
  const run = () =>
    startSources({
      database,
      masterKey,
      logger: silent,
      accepted: () => undefined,
      sources,
      scanMs: 100,
      leaseSeconds: 5,
      backoffMs: 100,
    })
  const status = async ({ slug }: Tenant) => (await sourceStatus(database.pool)).find(({ tenant }) => tenant === slug)
  const events = async ({ id }: Tenant) => {
    const { rows } = await database.pool.query<{ event: string }>(
      `select concat_ws(' ', type, occurred_at at time zone 'UTC', user_id, properties) as event from analytics.events
       where tenant_id = $1 order by 1`,
      [id],
    )
    return rows.map(({ event }) => event)
  }
  const query = (text: string, values: unknown[] = []) => oltp.client.query(text, values)

  it('rows that are there are read once, then their changes as they are committed; a restart repeats nothing', async () => {
    await query(
      `insert into users values ('ada', 'Ada', 'free', null, '2026-09-01 10:00:00.123456+02', '2026-09-01 10:00:00.123456+02')`,
    )
    await query(
      `insert into goals (id, user_id, title, target_date, created_at, updated_at) values (1, 'ada', 'run', '2026-12-31', '2026-09-02 10:00Z', '2026-09-02 10:00Z')`,
    )
    const tenant = await tenantWith()
    const first = await run()
    const snapshot = [
      'goal_created 2026-09-02 10:00:00 ada {"goal_id": "1", "target_date": "2026-12-31"}',
      'signed_up 2026-09-01 08:00:00.123 ada {"plan": "free"}',
    ]
    await eventually(async () => expect(await events(tenant)).toEqual(snapshot))
    await eventually(async () =>
      expect(await status(tenant)).toMatchObject({ state: 'running', errors: 0, processed: 2 }),
    )

    await query(`update goals set title = 'run far', updated_at = '2026-09-03 10:00Z' where id = 1`)
    await query(`update goals set progress = 40, updated_at = '2026-09-04 10:00Z' where id = 1`)
    await query('begin')
    await query(
      `update goals set status = 'completed', completed_at = '2026-09-05 10:00', updated_at = '2026-09-05 10:00:01Z' where id = 1`,
    )
    await query(
      `insert into mood_entries (user_id, score, created_at) values ('ada', 5, '2026-09-05 11:00Z'), ('ada', 9, '2026-09-05 12:00Z')`,
    )
    await query('commit')
    await query('begin')
    await query(`insert into mood_entries (user_id, score, created_at) values ('ada', 1, '2026-09-05 13:00Z')`)
    await query('rollback')
    await query(`update users set plan = 'pro', updated_at = '2026-09-06 10:00Z' where id = 'ada'`)
    // Large and not touched: not in the log of the second statement.
    await query(
      `insert into chat_messages (user_id, chat_id, sender_role, content, created_at) values ('ada', 7, 'user', repeat('x', 30000), '2026-09-06 11:00Z')`,
    )
    await query(`update chat_messages set read_at = now()`)
    await query('truncate unrelated')
    const all = [
      'goal_completed 2026-09-05 10:00:00 ada {"goal_id": "1"}',
      snapshot[0],
      'goal_progressed 2026-09-04 10:00:00 ada {"goal_id": "1", "progress": 0.4}',
      'message_sent 2026-09-06 11:00:00 ada {"length": 30000, "sender": "member", "conversation_id": "7"}',
      'mood_logged 2026-09-05 11:00:00 ada {"score": 5}',
      'profile_changed 2026-09-06 10:00:00 ada {"plan": "pro"}',
      snapshot[1],
    ]
    await eventually(async () => expect(await events(tenant)).toEqual(all))
    await eventually(async () => expect(await status(tenant)).toMatchObject({ failed: 1, errors: 0 }))
    await first.close()

    await query(
      `update goals set status = 'active', completed_at = null, updated_at = '2026-09-07 10:00Z' where id = 1`,
    )
    await query('begin')
    await query('delete from goals where id = 1')
    await query('commit')
    const second = await run()
    await eventually(async () => {
      const types = (await events(tenant)).map((event) => event.split(' ')[0])
      expect(types.filter((type) => type === 'goal_reopened' || type === 'goal_abandoned')).toEqual([
        'goal_abandoned',
        'goal_reopened',
      ])
      expect(types.length).toBe(9)
    })
    await eventually(async () => expect((await status(tenant))?.duplicates).toBeGreaterThan(0))
    await off(tenant)
    await second.close()
  })

  it('a second source of the same rows, Debezium, counts nothing twice', async () => {
    const { rows } = await query(`insert into goals (user_id, status, created_at, updated_at, completed_at)
      values ('bob', 'completed', '2026-09-02 10:00:00.654321Z', '2026-09-03 10:00Z', '2026-09-03 10:00') returning *`)
    const tenant = await tenantWith()
    const running = await run()
    const ids = async () => {
      const found = await database.pool.query<{ event_id: string }>(
        `select event_id from analytics.events where tenant_id = $1 and user_id = 'bob' order by 1`,
        [tenant.id],
      )
      return found.rows.map(({ event_id }) => event_id)
    }
    await eventually(async () => expect(await ids()).toHaveLength(2))
    const after = {
      ...rows[0],
      id: Number(rows[0].id),
      created_at: 1_788_343_200_654_321,
      completed_at: 1_788_429_600_000_000,
      updated_at: '2026-09-03T10:00:00Z',
    }
    const reading = readDebezium({
      op: 'c',
      before: null,
      after,
      source: { schema: 'public', table: 'goals', ts_ms: 1 },
    })
    if (reading.kind !== 'change') throw new Error(reading.kind)
    const told = eventsOfChange(reading.change, defaultMapping) as { event_id: string }[]
    expect(told.map(({ event_id }) => event_id).sort()).toEqual(await ids())
    await off(tenant)
    await running.close()
  })

  it('log that does not concern it is let go, and the slot says how much waits', async () => {
    const tenant = await tenantWith({ slot: 'lets_go' })
    const running = await run()
    await eventually(async () => expect(await status(tenant)).toMatchObject({ state: 'running' }))
    const confirmed = async () => {
      const { rows } = await query(
        `select confirmed_flush_lsn::text as lsn from pg_replication_slots where slot_name = 'lets_go'`,
      )
      return rows[0] === undefined ? 0n : parseLsn(String(rows[0].lsn))
    }
    await query(`insert into unrelated (note) select repeat('n', 100) from generate_series(1, 1000)`)
    const { rows } = await query('select pg_current_wal_lsn()::text as lsn')
    const end = parseLsn(String(rows[0]?.lsn))
    await eventually(async () => expect((await confirmed()) >= end).toBe(true), 40_000)
    await eventually(async () => expect((await status(tenant))?.backlog).toBeLessThan(1_000_000))
    await off(tenant)
    await running.close()
  })

  it('a lost slot is made again and the tables are read again', async () => {
    const tenant = await tenantWith({ slot: 'gets_lost' })
    const first = await run()
    await eventually(async () => expect(await status(tenant)).toMatchObject({ state: 'running' }))
    await eventually(async () => expect((await events(tenant)).length).toBeGreaterThan(0))
    await first.close()
    await eventually(() => query(`select pg_drop_replication_slot('gets_lost')`))
    await query(`insert into mood_entries (user_id, score, created_at) values ('eve', 3, '2026-09-09 10:00Z')`)
    const second = await run()
    await eventually(async () =>
      expect(await events(tenant)).toContain('mood_logged 2026-09-09 10:00:00 eve {"score": 3}'),
    )
    await off(tenant)
    await second.close()
  })

  it('what is missing on the other side is named with the statement that makes it', async () => {
    const tenant = await tenantWith({ publication: 'nobody_made_it' })
    const running = await run()
    await eventually(async () =>
      expect((await status(tenant))?.last_error).toMatch(/create publication nobody_made_it for table/),
    )
    await off(tenant)
    await running.close()
  })

  it(`consumer, engine and the product's PostgreSQL are killed ${KILLS} times: after each, every committed row counts once`, {
    timeout: KILLS_TIMEOUT,
  }, async () => {
    const tenant = await tenantWith({ batch: 20 })
    const { rows: before } = await query('select count(*)::integer as n from mood_entries')
    let numbered = 0
    const insert = async (client: pg.Client, rows: number) => {
      const values = Array.from({ length: rows }, () => {
        numbered += 1
        return `('kim', 4, timestamptz '2026-10-01Z' + interval '${numbered} seconds')`
      })
      await client.query(`insert into mood_entries (user_id, score, created_at) values ${values.join(', ')}`)
    }
    /** Two transactions at a time, which end right behind each other; some are rolled back, or cut off by a crash. */
    const produce = async (pick: (below: number) => number) => {
      const other = new pg.Client({ connectionString: oltp.url })
      other.on('error', () => undefined)
      await other.connect()
      const both = [oltp.client, other]
      await Promise.all(both.map((client) => client.query('begin')))
      for (let i = 0; i < 3; i += 1) for (const client of both) await insert(client, 1 + pick(8))
      await Promise.all(both.map((client, i) => client.query(i === 1 && pick(4) === 0 ? 'rollback' : 'commit')))
      await insert(oltp.client, 10 + pick(20))
      await other.end()
    }
    const committed = async () => {
      const { rows } = await query('select count(*)::integer as n from mood_entries')
      return Number(rows[0]?.n) - Number(before[0]?.n)
    }
    await surviveKills({
      database,
      tenant,
      source: 'oltp_replication',
      produce,
      async inStep() {
        const { rows } = await database.pool.query<{ n: number; times: number }>(
          `select count(*)::integer as n, count(distinct occurred_at)::integer as times from analytics.events
           where tenant_id = $1 and type = 'mood_logged' and user_id = 'kim'`,
          [tenant.id],
        )
        const n = await committed()
        expect(rows[0]).toEqual({ n, times: n })
      },
      async crashBroker() {
        // A transaction is under way: what it wrote is in the log and must not count.
        await query('begin')
        await insert(oltp.client, 5)
        await oltp.crash()
      },
    })
    await off(tenant)
  })
})
