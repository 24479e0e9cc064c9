import { beforeAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../../db/embedded/engine.ts'
import { integerArray, jsonbArray } from '../../../db/pg-arrays.ts'
import { connectClient, createPool, startTestEngine } from './support.ts'

let engine: Engine

beforeAll(async () => {
  engine = await startTestEngine()
})

describe('a pool of eight clients', () => {
  test('keeps interleaved transactions apart and atomic', async () => {
    const pool = createPool(engine, { max: 8 })
    await pool.query('create table account (id int primary key, balance int not null)')
    await pool.query('insert into account select g, 100 from generate_series(1, 8) g')
    const transfer = async (i: number): Promise<number> => {
      const client = await pool.connect()
      try {
        await client.query('begin')
        await client.query('update account set balance = balance - 1 where id = $1', [(i % 8) + 1])
        await new Promise(setImmediate)
        await client.query('update account set balance = balance + 1 where id = $1', [((i + 3) % 8) + 1])
        await client.query(i % 4 === 0 ? 'rollback' : 'commit')
        return i % 4 === 0 ? 0 : 1
      } finally {
        client.release()
      }
    }
    const done = await Promise.all(Array.from({ length: 100 }, (_, i) => transfer(i)))
    expect(done.reduce((a, b) => a + b)).toBe(75)
    const { rows } = await pool.query('select sum(balance)::int as total, count(*)::int as n from account')
    expect(rows).toEqual([{ total: 800, n: 8 }])
  })

  test('gives every query its own parameters and rows', async () => {
    const pool = createPool(engine, { max: 8 })
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => pool.query('select $1::int as i, $2::text as t', [i, `text ${i}`])),
    )
    expect(answers.map((a) => a.rows[0])).toEqual(Array.from({ length: 200 }, (_, i) => ({ i, t: `text ${i}` })))
  })

  test('carries messages of a megabyte and more both ways', async () => {
    const pool = createPool(engine, { max: 8 })
    const sizes = [1, 1, 2, 3, 5, 8].map((mega) => mega * 1024 * 1024 + 17)
    const echoed = await Promise.all(
      sizes.map(async (size, i) => {
        const text = String.fromCharCode(97 + i).repeat(size)
        const { rows } = await pool.query<{ text: string }>('select $1::text as text', [text])
        return rows[0]?.text === text
      }),
    )
    expect(echoed).toEqual(sizes.map(() => true))
    const { rows } = await pool.query(`select length('${'x'.repeat(3_000_000)}') as n`)
    expect(rows).toEqual([{ n: 3_000_000 }])
  })

  test('goes on after errors of every stage', async () => {
    const pool = createPool(engine, { max: 2 })
    await expect(pool.query('selec 1')).rejects.toMatchObject({ code: '42601' })
    await expect(pool.query('select 1 / $1::int', [0])).rejects.toMatchObject({ code: '22012' })
    await expect(pool.query('select $1::int', ['no number'])).rejects.toMatchObject({ code: '22P02' })
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('answers a wide result completely', async () => {
    const pool = createPool(engine, { max: 2 })
    const { rows } = await pool.query(`select g, repeat('y', 100) as y from generate_series(1, 50000) g`)
    expect(rows).toHaveLength(50_000)
    expect(rows.at(-1)).toEqual({ g: 50_000, y: 'y'.repeat(100) })
  })
})

test('refuses COPY with a message that says what to do instead, and the transaction knows it failed', async () => {
  const client = await connectClient(engine)
  await expect(client.query('copy account from stdin')).rejects.toMatchObject({
    code: '0A000',
    message: 'COPY is not available on the embedded engine',
    hint: expect.stringContaining('jsonb_to_recordset'),
  })
  await client.query('begin')
  await expect(client.query({ text: 'copy (select 1) to stdout', values: [] })).rejects.toMatchObject({ code: '0A000' })
  await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' })
  await client.query('rollback')
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})

test('binary arrays are looked into by element: bytes of numbers mean no brackets, JSON does', async () => {
  const client = await connectClient(engine)
  const nested = (depth: number) => `${'{"a":['.repeat(depth / 2)}1${']}'.repeat(depth / 2)}`
  // 0x5b is an opening bracket
  const brackets = Array.from({ length: 2_000 }, () => 0x5b5b5b5b)
  const { rows } = await client.query('select count(*)::integer as n, min(i) as i from unnest($1::integer[]) i', [
    integerArray(brackets),
  ])
  expect(rows).toEqual([{ n: 2_000, i: 0x5b5b5b5b }])
  const ask = 'select count(*)::integer as n from unnest($1::jsonb[]) j'
  // each has one bracket more than it closes, within a string
  const open = Array.from({ length: 2_000 }, () => '{"a": "["}')
  expect((await client.query(ask, [jsonbArray([...open, nested(200)])])).rows).toEqual([{ n: 2_001 }])
  await expect(client.query(ask, [jsonbArray([...open, nested(202)])])).rejects.toMatchObject({ code: '54001' })
  await expect(client.query(ask, [jsonbArray([nested(5_000)])])).rejects.toMatchObject({ code: '54001' })
})

test('JSON nested so deeply that it would break the engine is refused, and harmless text is not', async () => {
  const client = await connectClient(engine)
  const nested = (depth: number) => `${'{"a":['.repeat(depth / 2)}1${']}'.repeat(depth / 2)}`
  const ask = 'select $1::jsonb is not null as ok, length($2) as n'
  expect((await client.query(ask, [nested(200), '['.repeat(150)])).rows).toEqual([{ ok: true, n: 150 }])
  await expect(client.query(ask, [nested(202), ''])).rejects.toMatchObject({ code: '54001' })
  await expect(client.query(ask, ['['.repeat(100_000), ''])).rejects.toMatchObject({ code: '54001' })
  await expect(client.query({ name: 'deep', text: ask, values: [nested(5000), ''] })).rejects.toMatchObject({
    code: '54001',
  })
  const quoted = JSON.stringify({ text: '[{'.repeat(1000), and: '\\"[[' })
  expect((await client.query({ name: 'deep', text: ask, values: [quoted, null] })).rows).toEqual([
    { ok: true, n: null },
  ])
})

test('says who cannot connect and why', async () => {
  await expect(connectClient(engine, { database: 'other' })).rejects.toMatchObject({ code: '3D000' })
  const stranger = await connectClient(engine, { user: 'nobody_knows' })
  await expect(stranger.query('select 1')).rejects.toMatchObject({ code: '22023' })
  const wrong = await connectClient(engine, { options: '-c no_such_setting=1' })
  await expect(wrong.query('select 1')).rejects.toThrow(/settings of this connection were refused/)
})

test('has UTC, the usual search path and sequential scans, as a server would', async () => {
  const client = await connectClient(engine)
  const { rows } = await client.query(
    `select current_setting('TimeZone') as zone, current_setting('search_path') as path, current_setting('enable_seqscan') as seqscan, current_database() as database, current_user as user`,
  )
  expect(rows).toEqual([
    { zone: 'UTC', path: '"$user", public', seqscan: 'on', database: 'postgres', user: 'postgres' },
  ])
})
