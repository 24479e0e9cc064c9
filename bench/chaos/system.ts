import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import pg from 'pg'
import { loadConfig } from '../../config.ts'
import { SOCKET_PORT, socketDirectory } from '../../db/embedded/socket-directory.ts'
import { migrate } from '../../db/migrate.ts'
import { types } from '../../db/types.ts'
import { ManagedProcess } from './process.ts'
import { type FaultyProxy, openProxy } from './proxy.ts'

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const faketime = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1'

/** The platform as its users run it: real processes, a proxy in front, and an own look into the database. */
export interface System {
  readonly kind: 'embedded' | 'server'
  /** Through the proxy. */
  readonly url: string
  readonly proxy: FaultyProxy
  /** Between the platform and its database server; undefined on the embedded engine. */
  readonly wire: FaultyProxy | undefined
  readonly dataDir: string
  readonly connection: pg.ClientConfig
  /** The harness's own; survives restarts of the database. */
  readonly pool: pg.Pool
  readonly redisUrl: string | undefined
  /** By name: `node` (embedded: API, workers and engine), or `api` and `worker`; `redis` when there is one. */
  readonly processes: ReadonlyMap<string, ManagedProcess>
  /** Moves the wall clock of the platform's processes; undefined when libfaketime is not installed. */
  readonly setClock: ((offset: string) => Promise<void>) | undefined
  /** Starts what does not run and waits until everything answers. */
  recover(): Promise<void>
  close(): Promise<void>
}

export interface SystemOptions {
  /** Where the embedded engine keeps its data; a temporary directory by default. */
  readonly dataDir?: string | undefined
  /** Path of redis-server; undefined: the queue stays on PostgreSQL. */
  readonly redis?: string | undefined
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
  await response.arrayBuffer()
  return response.ok
}

/** Starts everything on the engine that the environment names, on a database of its own. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const { DATABASE_URL } = loadConfig()
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'upcoach-chaos-')))
  await mkdir(dataDir, { recursive: true })
  const port = await freePort()
  const proxy = await openProxy(port)
  const clock = join(dataDir, 'clock')
  const hasClock = existsSync(faketime)
  if (hasClock) await writeFile(clock, '+0')
  const scratch = DATABASE_URL === undefined ? undefined : await createScratch(DATABASE_URL)
  const server = scratch && new URL(scratch.url)
  const wire = server && (await openProxy(Number(server.port || 5432), server.hostname))
  const through = server && new URL(server)
  if (through && wire) through.host = `127.0.0.1:${wire.port}`
  const redisPort = options.redis === undefined ? undefined : await freePort()

  const { PATH = '', HOME = '' } = process.env
  const env = {
    PATH,
    HOME,
    PORT: String(port),
    DATA_DIR: dataDir,
    // A worker has no port: it says when it works.
    LOG_LEVEL: 'info',
    RATE_LIMIT_PER_MINUTE: '1000000',
    ...(through ? { DATABASE_URL: through.href } : {}),
    ...(redisPort === undefined ? {} : { REDIS_URL: `redis://127.0.0.1:${redisPort}` }),
    ...(hasClock
      ? { LD_PRELOAD: faketime, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1', DONT_FAKE_MONOTONIC: '1' }
      : {}),
  }
  const live = () => answers(`http://127.0.0.1:${port}/health/live`)
  const node = (name: string, command: string, ready: (output: string) => Promise<boolean>) =>
    new ManagedProcess({
      name,
      command: process.execPath,
      args: ['--import', tsx, fileURLToPath(new URL(`../../cli/${command}.ts`, import.meta.url))],
      env,
      ready,
    })
  const processes = new Map<string, ManagedProcess>()
  if (redisPort !== undefined && options.redis !== undefined)
    processes.set(
      'redis',
      new ManagedProcess({
        name: 'redis',
        command: options.redis,
        args: ['--port', String(redisPort), '--dir', dataDir, '--appendonly', 'yes', '--save', ''],
        env: { PATH },
        ready: () => canConnect(redisPort),
      }),
    )
  if (scratch) {
    processes.set('api', node('api', 'api', live))
    processes.set(
      'worker',
      node('worker', 'worker', async (output) => output.includes('"msg":"working"')),
    )
  } else processes.set('node', node('node', 'start', live))

  const redisUrl = redisPort === undefined ? undefined : `redis://127.0.0.1:${redisPort}`
  const connection = {
    ...(scratch
      ? { connectionString: scratch.url }
      : { host: socketDirectory(dataDir), port: SOCKET_PORT, user: 'postgres', database: 'postgres' }),
    application_name: 'chaos',
  }
  const pool = new pg.Pool({ ...connection, types, max: 4 })
  pool.on('error', () => undefined)

  const system: System = {
    kind: scratch ? 'server' : 'embedded',
    url: `http://127.0.0.1:${proxy.port}`,
    proxy,
    wire,
    dataDir,
    connection,
    pool,
    redisUrl,
    processes,
    setClock: hasClock ? (offset) => writeFile(clock, offset) : undefined,
    async recover() {
      for (const process of processes.values()) await process.ensureReady()
    },
    async close() {
      await pool.end()
      for (const process of [...processes.values()].reverse()) await process.stop()
      await proxy.close()
      await wire?.close()
      await scratch?.drop()
      // the directory itself may be a mount point
      for (const entry of await readdir(dataDir)) await rm(join(dataDir, entry), { recursive: true, force: true })
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true })
    },
  }
  await system.recover()
  return system
}

async function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

async function createScratch(databaseUrl: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `upcoach_chaos_${randomUUID().slice(0, 8)}`
  const admin = new pg.Client({ connectionString: databaseUrl })
  await admin.connect()
  await admin.query(`create database ${name}`)
  await admin.end()
  const url = new URL(databaseUrl)
  url.pathname = `/${name}`
  await migrate({ connectionString: url.href })
  return {
    url: url.href,
    async drop() {
      const client = new pg.Client({ connectionString: databaseUrl })
      await client.connect()
      await client.query(`drop database if exists ${name} with (force)`)
      await client.end()
    },
  }
}
