import { beforeAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../../db/embedded/engine.ts'
import { connectClient, eventually, startTestEngine } from './support.ts'

let engine: Engine

beforeAll(async () => {
  engine = await startTestEngine({ idleInTransactionMs: 1500 })
  const client = await connectClient(engine)
  await client.query('create table note (text text)')
  await client.query('create role reader')
})

describe('clients that share the session', () => {
  test('a client that dies inside a transaction leaves nothing behind and blocks nobody', async () => {
    const dying = await connectClient(engine)
    const other = await connectClient(engine)
    await dying.query('begin')
    await dying.query(`insert into note values ('lost')`)
    const waiting = other.query('select count(*)::int as n from note')
    // The socket is cut, as it is when a process is killed.
    ;(dying as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
    expect((await waiting).rows).toEqual([{ n: 0 }])
  })

  test('a client that leaves a failed transaction open blocks nobody', async () => {
    const leaving = await connectClient(engine)
    await leaving.query('begin')
    await expect(leaving.query('select 1/0')).rejects.toMatchObject({ code: '22012' })
    await leaving.end()
    const other = await connectClient(engine)
    expect((await other.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('a client that idles inside a transaction is cut off, and told so', async () => {
    const idle = await connectClient(engine)
    const reasons: unknown[] = []
    idle.on('error', (error) => reasons.push(error))
    await idle.query('begin')
    await idle.query(`insert into note values ('idle')`)
    const other = await connectClient(engine)
    const { rows } = await other.query(`select count(*)::int as n from note where text = 'idle'`)
    expect(rows).toEqual([{ n: 0 }])
    await eventually('the idle client hears why', () => reasons.length > 0)
    expect(reasons[0]).toMatchObject({ code: '25P03' })
  })

  test('named prepared statements of two connections do not collide', async () => {
    const a = await connectClient(engine)
    const b = await connectClient(engine)
    for (let round = 0; round < 3; round++) {
      const [x, y] = await Promise.all([
        a.query({ name: 'same', text: 'select $1::int + 1 as v', values: [round] }),
        b.query({ name: 'same', text: `select $1::text || '!' as v`, values: [`${round}`] }),
      ])
      expect([x.rows[0], y.rows[0]]).toEqual([{ v: round + 1 }, { v: `${round}!` }])
    }
    await a.end()
    expect((await b.query({ name: 'same', text: `select $1::text || '!' as v`, values: ['b'] })).rows).toEqual([
      { v: 'b!' },
    ])
  })

  test('statements prepared in SQL do not collide either, and DEALLOCATE ALL ends only those of its client', async () => {
    const a = await connectClient(engine)
    const b = await connectClient(engine)
    await a.query('prepare q as select 1 as v')
    await b.query('prepare q as select 2 as v')
    expect([(await a.query('execute q')).rows, (await b.query('execute q')).rows]).toEqual([[{ v: 1 }], [{ v: 2 }]])
    await a.query('deallocate all')
    await expect(a.query('execute q')).rejects.toMatchObject({ code: '26000' })
    expect((await b.query('execute q')).rows).toEqual([{ v: 2 }])
  })

  test('a closed connection leaves no prepared statement in the session', async () => {
    const a = await connectClient(engine)
    await a.query({ name: 'kept', text: 'select 1' })
    const left = async () =>
      (await b.query(`select count(*)::int as n from pg_prepared_statements where name like 'c%'`)).rows[0]
    const b = await connectClient(engine)
    const before = (await left()) as { n: number }
    await a.end()
    await eventually('its statement is gone', async () => ((await left()) as { n: number }).n === before.n - 1)
  })

  test('settings belong to the client that made them and come back with it', async () => {
    const a = await connectClient(engine, { options: '-c search_path=pg_catalog', application_name: `it's a\\b` })
    const b = await connectClient(engine)
    const path = async (client: typeof a) => (await client.query('show search_path')).rows[0].search_path
    expect([await path(a), await path(b), await path(a)]).toEqual(['pg_catalog', '"$user", public', 'pg_catalog'])
    await b.query(`set timezone = 'Asia/Kathmandu'`)
    await b.query(`set time zone 'Europe/Rome'`)
    expect((await a.query('show timezone')).rows).toEqual([{ TimeZone: 'UTC' }])
    expect((await b.query('show timezone')).rows).toEqual([{ TimeZone: 'Europe/Rome' }])
    expect((await a.query('show application_name')).rows).toEqual([{ application_name: `it's a\\b` }])
    await b.query('reset all')
    expect((await b.query('show timezone')).rows).toEqual([{ TimeZone: 'UTC' }])
    expect((await b.query('select count(*)::int as n from note')).rows).toEqual([{ n: 0 }])
  })

  test('a setting made in a transaction holds only if it is committed', async () => {
    const a = await connectClient(engine)
    const b = await connectClient(engine)
    await a.query('begin; set work_mem = 4444')
    await a.query('rollback')
    await b.query('select 1')
    expect((await a.query('show work_mem')).rows).toEqual([{ work_mem: '4MB' }])
    await a.query('begin; set work_mem = 5555')
    await a.query('commit')
    await b.query('select 1')
    expect((await a.query('show work_mem')).rows).toEqual([{ work_mem: '5555kB' }])
  })

  test('neither a role nor a tenant of one client is seen by the next', async () => {
    const a = await connectClient(engine)
    const b = await connectClient(engine)
    const who = `select current_user as who, current_setting('app.tenant', true) as tenant`
    await a.query('set role reader')
    await a.query(`select set_config('app.tenant', 'secret', false)`)
    const seen = (await b.query(who)).rows[0]
    expect(seen.who).toBe('postgres')
    expect(seen.tenant || null).toBeNull()
    expect((await a.query('select current_user as who')).rows).toEqual([{ who: 'reader' }])
  })

  test('a user that takes a role leaves neither to the next client', async () => {
    const a = await connectClient(engine)
    await a.query('create role taker in role reader')
    const b = await connectClient(engine, { user: 'taker' })
    const who = 'select current_user as who, session_user as login'
    await b.query('set role reader')
    expect((await a.query(who)).rows).toEqual([{ who: 'postgres', login: 'postgres' }])
    expect((await b.query(who)).rows).toEqual([{ who: 'reader', login: 'taker' }])
  })

  test('DISCARD ALL resets its client and no other', async () => {
    const a = await connectClient(engine)
    const b = await connectClient(engine)
    await b.query({ name: 'mine', text: 'select 1 as one' })
    await a.query('set role reader')
    await a.query('discard all')
    expect((await a.query('select current_user as who')).rows).toEqual([{ who: 'postgres' }])
    expect((await b.query({ name: 'mine', text: 'select 1 as one' })).rows).toEqual([{ one: 1 }])
  })
})
