import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../../db/embedded/engine.ts'
import {
  bind,
  connectClient,
  createPool,
  describePortal,
  eventually,
  execute,
  flush,
  message,
  parse,
  RawClient,
  simpleQuery,
  startTestEngine,
  startupPacket,
  sync,
  temporaryDirectory,
} from './support.ts'

let engine: Engine
let dataDir: string
let tcpPort: number

const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })

beforeAll(async () => {
  dataDir = await temporaryDirectory()
  tcpPort = await freePort()
  engine = await startTestEngine({ dataDir, tcpPort })
})

const errorCode = (client: RawClient) => {
  const error = client.messages().find((m) => m.type === 'E')
  return error?.body
    .toString()
    .split('\0')
    .find((field) => field.startsWith('C'))
    ?.slice(1)
}

describe('the start of a connection', () => {
  test('requests to encrypt are declined and the connection goes on', async () => {
    const client = new RawClient(engine)
    client.socket.write(startupPacket({}, 80877103).subarray(0, 8).fill(8, 3, 4))
    await eventually('the N', () => client.take().toString() === 'N')
    client.socket.write(startupPacket({ user: 'postgres' }))
    await client.until('Z')
    expect(client.types()).toMatch(/^RS+KZ$/)
  })

  test('a newer minor version is answered with the one that is spoken', async () => {
    const client = new RawClient(engine)
    client.socket.write(startupPacket({ user: 'postgres', '_pq_.new': '1' }, 196610))
    await client.until('Z')
    expect(client.types()).toMatch(/^vRS+KZ$/)
    expect(client.messages()[0]?.body.toString('utf8', 8)).toBe('_pq_.new\0')
  })

  test('another major version and unknown messages are refused with a reason', async () => {
    const old = new RawClient(engine)
    old.socket.write(startupPacket({ user: 'postgres' }, 131072))
    await eventually('it is closed', () => old.closed)
    expect(errorCode(old)).toBe('0A000')
    const odd = await RawClient.ready(engine)
    odd.send(message('~', 'what'))
    await eventually('it is closed', () => odd.closed)
    expect(errorCode(odd)).toBe('08P01')
  })

  test('a request to cancel closes its connection and harms nobody', async () => {
    const working = await connectClient(engine)
    const query = working.query('select pg_sleep(0.3)')
    const cancel = new RawClient(engine)
    const packet = Buffer.alloc(16)
    packet.writeInt32BE(16, 0)
    packet.writeInt32BE(80877102, 4)
    cancel.socket.write(packet)
    await eventually('the request is closed', () => cancel.closed)
    await query
  })

  test('bytes that arrive one by one make the same messages', async () => {
    const client = new RawClient(engine)
    for (const byte of startupPacket({ user: 'postgres' })) client.socket.write(Buffer.from([byte]))
    await client.until('Z')
    client.take()
    for (const byte of simpleQuery('select 1')) client.socket.write(Buffer.from([byte]))
    expect(await client.until('Z')).toBe('TDCZ')
  })
})

describe('the loopback port', () => {
  test('lets in who has read the password in the data directory, and nobody else', async () => {
    const password = (await readFile(join(dataDir, 'tcp-password'), 'utf8')).trim()
    const tcp = { host: '127.0.0.1', port: tcpPort }
    const client = await connectClient(engine, { ...tcp, password })
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await expect(connectClient(engine, { ...tcp, password: 'guess' })).rejects.toMatchObject({ code: '28P01' })
    await expect(connectClient(engine, { ...tcp, password: `${password}x` })).rejects.toMatchObject({ code: '28P01' })
  })
})

describe('the extended protocol', () => {
  test('Flush runs what was sent and keeps the session until Sync', async () => {
    const cursor = await RawClient.ready(engine)
    const pool = createPool(engine, { max: 1 })
    cursor.send(parse('select g from generate_series(1, 5) g'), bind(), describePortal(), flush)
    expect(await cursor.until('T')).toBe('12T')
    let otherAnswered = false
    const other = pool.query('select 1').then(() => {
      otherAnswered = true
    })
    cursor.take()
    cursor.send(execute(2), flush)
    expect(await cursor.until('s')).toBe('DDs')
    cursor.take()
    cursor.send(execute(0), flush)
    expect(await cursor.until('C')).toBe('DDDC')
    expect(otherAnswered).toBe(false)
    cursor.send(sync)
    await cursor.until('Z')
    await other
  })

  test('an error under Flush skips everything up to Sync', async () => {
    const client = await RawClient.ready(engine)
    client.send(parse('selec'), flush)
    await client.until('E')
    client.send(bind(), execute(0), flush, sync)
    expect(await client.until('Z')).toBe('EZ')
  })

  test('a client that dies between Flush and Sync frees the session', async () => {
    const client = await RawClient.ready(engine)
    client.send(parse('select 1'), bind(), flush)
    await client.until('2')
    client.socket.destroy()
    expect((await createPool(engine).query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('an unnamed statement outlives its Sync even when others have prepared theirs since', async () => {
    const a = await RawClient.ready(engine)
    const b = await RawClient.ready(engine)
    a.send(parse(`select 'from a'`), sync)
    await a.until('Z')
    b.send(parse('select 1, 2, 3'), bind(), execute(0), sync)
    await b.until('Z')
    a.take()
    a.send(bind(), execute(0), sync)
    expect(await a.until('Z')).toBe('2DCZ')
    expect(a.take().toString('latin1')).toContain('from a')
  })

  test('pipelined units are answered in order, errors included', async () => {
    const client = await RawClient.ready(engine)
    client.send(
      ...[parse('select 1'), bind(), execute(0), sync],
      ...[parse('select 1/0'), bind(), execute(0), sync],
      simpleQuery('select 2'),
    )
    await eventually('three answers', () => client.types().split('Z').length === 4)
    expect(client.types()).toBe('12DCZ1EZTDCZ')
  })

  test('extended messages without Sync run before the simple query that follows them', async () => {
    const client = await RawClient.ready(engine)
    client.send(parse('select 1'), bind(), execute(0), simpleQuery('select 2'))
    expect(await client.until('Z')).toBe('12DCTDCZ')
  })
})

describe('a statement of any length is answered', () => {
  const padded: Record<string, (pool: pg.Pool, pad: string) => Promise<pg.QueryResult<{ n: number }>>> = {
    'with a long parameter': (pool, pad) => pool.query('select length($1::text) as n', [pad]),
    'with a long text': (pool, pad) => pool.query(`select length('${pad}') as n where $1::int = 1`, [1]),
    'without parameters': (pool, pad) => pool.query(`select length('${pad}') as n`),
  }

  // The engine reads 8 kB at a time: each of a statement's messages comes to end there once.
  test.each(Object.keys(padded))('%s', async (name) => {
    const pool = createPool(engine)
    for (const full of [8192, 65_536])
      for (let n = full - 130; n <= full + 20; n += 1)
        expect((await padded[name]?.(pool, 'x'.repeat(n)))?.rows).toEqual([{ n }])
    expect(engine.state).toBe('ready')
  })
})

test('a client that does not read its answers gets no more of them and slows nobody down', async () => {
  const greedy = await RawClient.ready(engine)
  greedy.socket.pause()
  const pool = createPool(engine, { max: 1 })
  await pool.query('create sequence answered')
  for (let i = 0; i < 20; i++) greedy.send(simpleQuery(`select nextval('answered'), repeat('x', 1000000)`))
  for (let i = 0; i < 60; i++) await pool.query('select 1')
  const { rows } = await pool.query('select last_value::int as n from answered')
  expect(rows[0].n).toBeLessThan(10)
  greedy.socket.resume()
  await eventually('all answers came', () => greedy.types().split('Z').length === 21)
})

test('a client that sends faster than it is served is read slowly, not refused', async () => {
  const client = await RawClient.ready(engine)
  const text = randomBytes(500_000).toString('hex')
  for (let i = 0; i < 60; i++) client.send(simpleQuery(`select length('${text}')`))
  await eventually('all answers came', () => client.types().split('Z').length === 61)
  expect(client.types()).toBe('TDCZ'.repeat(60))
})
