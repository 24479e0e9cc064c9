import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Redis } from 'ioredis'
import type { TestDatabase } from '../../support/database.ts'
import { databaseEnvironment } from './worker-process-env.ts'

const binary = ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0)
/** Tests that kill the broker need one of their own. */
export const hasRedisServer = binary !== undefined

export interface RedisServer {
  readonly url: string
  /** Waits for the server through a restart. */
  readonly client: Redis
  /** SIGKILL, then the same data again: what was answered is on disk (appendfsync always). */
  crash(): Promise<void>
  stop(): Promise<void>
}

/** A Redis of the test's own, on a Unix socket, that loses nothing it has answered. */
export async function startRedisServer(): Promise<RedisServer> {
  if (binary === undefined) throw new Error('there is no redis-server')
  const directory = await mkdtemp(join(tmpdir(), 'upcoach-redis-'))
  const url = join(directory, 's')
  const options = ['--port', '0', '--unixsocket', url, '--save', '', '--dir', directory]
  const start = () => spawn(binary, [...options, '--appendonly', 'yes', '--appendfsync', 'always'], { stdio: 'ignore' })
  let server = start()
  const client = new Redis({ path: url, maxRetriesPerRequest: null, retryStrategy: () => 50 })
  client.on('error', () => undefined)
  await client.ping()
  return {
    url,
    client,
    async crash() {
      server.kill('SIGKILL')
      await once(server, 'exit')
      server = start()
      await client.ping()
    },
    async stop() {
      client.disconnect()
      server.kill('SIGKILL')
      await once(server, 'exit')
      await rm(directory, { recursive: true, force: true })
    },
  }
}

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const script = fileURLToPath(new URL('./worker-process.ts', import.meta.url))

/** SIGKILL around a batch: before its events are stored, or after that, the other side not told yet. */
export interface CrashOrder {
  readonly when: 'before' | 'after'
  /** Batches that pass before. */
  readonly after: number
}

/** A worker process that reads the sources switched on; a `CrashOrder` sent to it ends it. */
export function startWorkerProcess(database: TestDatabase): ChildProcess {
  return spawn(process.execPath, ['--import', tsx, script], {
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...databaseEnvironment(database) },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
}

/** It has the database and looks for sources; or it is gone. */
export async function ready(child: ChildProcess): Promise<void> {
  if (!isGone(child)) await Promise.race([once(child, 'message'), once(child, 'exit')])
}

const isGone = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

export async function ended(child: ChildProcess): Promise<void> {
  if (!isGone(child)) await once(child, 'exit')
}

/** Reproducible choices (mulberry32). */
export function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}
