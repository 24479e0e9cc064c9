import { once } from 'node:events'
import { expect, test } from 'vitest'
import { connectClient, copyOf, createPool, eventually, newDataDir, startTestEngine } from './support.ts'

const KILLS = 20

/** Inserts one by one and keeps the numbers whose insert was acknowledged, until the connection is lost. */
async function writeUntilKilled(query: (i: number) => Promise<unknown>, from: number, acknowledged: number[]) {
  for (let i = from; ; i++) {
    try {
      await query(i)
    } catch {
      return i + 1
    }
    acknowledged.push(i)
  }
}

test(`nothing acknowledged is lost when the engine is killed ${KILLS} times in the middle of writes`, async () => {
  const engine = await startTestEngine({ maxRestartDelayMs: 250 })
  const pool = createPool(engine, { max: 3 })
  await pool.query('create table written (time timestamptz not null, i int not null, payload text, unique (time, i))')
  await pool.query(`select create_hypertable('written', 'time', chunk_time_interval => interval '1 day')`)
  const acknowledged: number[] = []
  let next = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const before = acknowledged.length
    const insert = (i: number) =>
      pool.query(
        `insert into written values ('2026-01-01'::timestamptz + $1 * interval '1 hour', $1, repeat('x', 500))`,
        [i],
      )
    const writing = writeUntilKilled(insert, next, acknowledged)
    // Another moment each time: after one write, after two, …
    await eventually('some writes', () => acknowledged.length > before + kill)
    const ready = once(engine, 'ready')
    process.kill(engine.pid ?? 0, 'SIGKILL')
    next = await writing
    await ready
    const { rows } = await pool.query<{ i: number }>('select i from written order by i')
    const found = new Set(rows.map((row) => row.i))
    expect(acknowledged.filter((i) => !found.has(i))).toEqual([])
  }
  expect(acknowledged.length).toBeGreaterThan(KILLS)
}, 600_000)

test('compressed chunks are readable after reopening and after a kill', async () => {
  const dataDir = await newDataDir()
  const engine = await startTestEngine({ dataDir })
  const client = await connectClient(engine)
  await client.query('create table reading (time timestamptz not null, sensor int not null, value float8)')
  await client.query(`select create_hypertable('reading', 'time', chunk_time_interval => interval '1 day')`)
  await client.query(
    `insert into reading select '2026-01-01'::timestamptz + g * interval '1 minute', g % 7, g from generate_series(0, 9999) g`,
  )
  await client.query(
    `alter table reading set (timescaledb.compress, timescaledb.compress_segmentby = 'sensor', timescaledb.compress_orderby = 'time')`,
  )
  const { rows } = await client.query<{ chunks: number }>(
    `select count(compress_chunk(c))::int as chunks from show_chunks('reading') c`,
  )
  expect(rows[0]?.chunks).toBe(7)
  const expected = { n: 10_000, sum: 49_995_000 }
  const ask = 'select count(*)::int as n, sum(value)::float8 as sum from reading'

  const ready = once(engine, 'ready')
  process.kill(engine.pid ?? 0, 'SIGKILL')
  await ready
  const pool = createPool(engine)
  expect((await pool.query(ask)).rows).toEqual([expected])
  await pool.end()
  await engine.stop()

  const reopened = await startTestEngine({ dataDir: await copyOf(dataDir) })
  const other = createPool(reopened)
  expect((await other.query(ask)).rows).toEqual([expected])
  await other.query(`insert into reading values ('2026-01-01T00:00:30Z', 3, 5)`)
  expect((await other.query(ask)).rows).toEqual([{ n: 10_001, sum: 49_995_005 }])
})

test('what is committed with disk flushes is there after a kill, too', async () => {
  const engine = await startTestEngine({ durable: true })
  const pool = createPool(engine)
  await pool.query('create table flushed (i int)')
  for (let i = 0; i < 20; i++) await pool.query('insert into flushed values ($1)', [i])
  await pool.query('checkpoint')
  const ready = once(engine, 'ready')
  process.kill(engine.pid ?? 0, 'SIGKILL')
  await ready
  expect((await pool.query('select count(*)::int as n from flushed')).rows).toEqual([{ n: 20 }])
})
