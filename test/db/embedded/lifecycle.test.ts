import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startEngine } from '../../../db/embedded/engine.ts'
import { DataDirInUse } from '../../../db/embedded/lock.ts'
import {
  connectClient,
  copyOf,
  createPool,
  eventually,
  newDataDir,
  startTestEngine,
  temporaryDirectory,
} from './support.ts'

const alive = (pid: number | undefined) => {
  try {
    return pid !== undefined && process.kill(pid, 0)
  } catch {
    return false
  }
}

const kill = (pid: number | undefined) => {
  if (pid === undefined) throw new Error('there is no engine process')
  process.kill(pid, 'SIGKILL')
}

describe('an engine that ends without being asked to', () => {
  test('is noticed and started again, and new queries work', async () => {
    const engine = await startTestEngine()
    const pool = createPool(engine)
    await pool.query('create table kept (i int)')
    const states: string[] = []
    engine.on('down', () => states.push(engine.state))
    engine.on('ready', () => states.push(engine.state))
    const down = once(engine, 'down')
    const ready = once(engine, 'ready')
    const running = expect(pool.query('select pg_sleep(20)')).rejects.toThrow()
    await eventually('the query reached the engine', async () => pool.totalCount > 0)
    kill(engine.pid)
    const [error] = await down
    expect(error.message).toContain('SIGKILL')
    expect(engine.state).not.toBe('ready')
    await running
    await ready
    expect(states).toEqual(['down', 'ready'])
    expect((await pool.query('select count(*)::int as n from kept')).rows).toEqual([{ n: 0 }])
  })

  test('is started again after a query that breaks the WebAssembly machine', async () => {
    const engine = await startTestEngine({ hardLimitMs: 5000 })
    const client = await connectClient(engine)
    await client.query(
      'create function forever(i int) returns int language plpgsql as $$ begin return forever(i + 1); end $$',
    )
    const down = once(engine, 'down')
    const ready = once(engine, 'ready')
    await expect(client.query('select forever(1)')).rejects.toThrow()
    await down
    await ready
    expect((await createPool(engine).query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('is ended and started again when one query exceeds the hard limit', async () => {
    const engine = await startTestEngine({ hardLimitMs: 1500 })
    const pool = createPool(engine)
    // Many short queries in a row are no reason: the limit is for one.
    const until = Date.now() + 2500
    while (Date.now() < until) await pool.query('select pg_sleep(0.05)')
    expect(engine.state).toBe('ready')
    const down = once(engine, 'down')
    const ready = once(engine, 'ready')
    await expect(pool.query('select count(*) from generate_series(1, 100000000000)')).rejects.toThrow()
    const [error] = await down
    expect(error.message).toBe('a query ran for longer than the hard limit of 1500 ms')
    await ready
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })
})

describe('one data directory', () => {
  test('is refused to a second engine with a message that says who has it and what to do', async () => {
    const dataDir = await newDataDir()
    const first = await startTestEngine({ dataDir })
    const second = startEngine({ dataDir })
    await expect(second).rejects.toBeInstanceOf(DataDirInUse)
    await expect(second).rejects.toThrow(`is in use by process ${first.pid}`)
    await expect(second).rejects.toThrow(/DATABASE_URL/)
    expect((await createPool(first).query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('can be opened again at once after a stop, and holds no lock and no socket then', async () => {
    const dataDir = await newDataDir()
    const first = await startTestEngine({ dataDir })
    const client = await connectClient(first)
    await client.query('create table kept as select 1 as i')
    await first.stop()
    expect(first.state).toBe('stopped')
    expect((await readdir(dataDir)).sort()).toEqual(['pgdata', 'run'])
    expect(await readdir(join(dataDir, 'run'))).toEqual([])
    expect((await stat(join(dataDir, 'pgdata'))).mode & 0o777).toBe(0o700)
    const second = await startTestEngine({ dataDir: await copyOf(dataDir) })
    expect((await createPool(second).query('select i from kept')).rows).toEqual([{ i: 1 }])
  })

  test('is usable although the engine was killed at any moment of its creation', async () => {
    const dataDir = await temporaryDirectory()
    // Whatever the cluster consists of when the engine is killed, from its first file to nearly all of them.
    for (const files of [1, 30, 200, 600, 900]) {
      const leftBehind = new Set(await readdir(dataDir))
      const starting = startEngine({ dataDir, durable: false })
      const ended = starting.then(
        (engine) => engine.stop(),
        () => undefined,
      )
      await eventually(`${files} files`, async () => (await filesOfUnfinished(dataDir, leftBehind)) >= files)
      const { pid } = JSON.parse(await readFile(join(dataDir, 'engine.lock'), 'utf8'))
      kill(pid)
      await ended
      expect(await readdir(dataDir)).not.toContain('pgdata')
    }
    await mkdir(join(dataDir, 'pgdata.init-1'), { recursive: true })
    await writeFile(join(dataDir, 'pgdata.init-1', 'PG_VERSION'), '17')
    const engine = await startTestEngine({ dataDir })
    const { rows } = await createPool(engine).query(`select extname from pg_extension where extname = 'timescaledb'`)
    expect(rows).toEqual([{ extname: 'timescaledb' }])
    expect((await readdir(dataDir)).filter((name) => name.includes('init'))).toEqual([])
  })
})

test('the engine ends when its parent is killed, even in the middle of a query, and another parent takes over', async () => {
  const dataDir = await newDataDir()
  const parent = fork(join(import.meta.dirname, 'engine-parent.ts'), [dataDir], {
    execArgv: ['--import', import.meta.resolve('tsx')],
  })
  const [pid] = (await once(parent, 'message')) as [number]
  expect(alive(pid)).toBe(true)
  parent.kill('SIGKILL')
  await eventually('the engine ended', () => !alive(pid))
  const engine = await startTestEngine({ dataDir })
  expect((await createPool(engine).query('select 1 as one')).rows).toEqual([{ one: 1 }])
})

test('stopping lets the running query finish and is safe to ask for twice', async () => {
  const engine = await startTestEngine()
  const client = await connectClient(engine)
  await client.query('create table written (i int)')
  const writing = client.query('insert into written select g from generate_series(1, 200000) g').catch(() => null)
  await Promise.all([engine.stop(), engine.stop()])
  await writing
  expect(alive(engine.pid)).toBe(false)
  expect(engine.pid).toBeUndefined()
})

/** Files of the cluster that is being made; what an earlier, killed attempt left behind is on its way out. */
async function filesOfUnfinished(dataDir: string, leftBehind: ReadonlySet<string>): Promise<number> {
  const unfinished = (await readdir(dataDir)).find((name) => name.startsWith('pgdata.init-') && !leftBehind.has(name))
  if (unfinished === undefined) return 0
  // it may be renamed at this very moment
  const files = await readdir(join(dataDir, unfinished), { recursive: true }).catch(() => [])
  return files.length
}
