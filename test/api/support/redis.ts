import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'

const binary = ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0)

/** A Redis is there: the one REDIS_URL names, or a server binary that tests can start for themselves. */
export const hasRedis = process.env.REDIS_URL !== undefined || binary !== undefined

export type TestRedis = { client(): Redis; stop(): Promise<void> }

/** Starts a Redis of its own on a Unix socket, or connects to REDIS_URL. */
export async function startRedis(): Promise<TestRedis> {
  const clients: Redis[] = []
  const directory = mkdtempSync(join(tmpdir(), 'upcoach-redis-'))
  const socket = join(directory, 's')
  let server: ChildProcess | undefined
  if (process.env.REDIS_URL === undefined && binary) {
    const options = ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', directory]
    server = spawn(binary, options, { stdio: 'ignore' })
  }
  const client = () => {
    const options = { maxRetriesPerRequest: 20, commandTimeout: 5000 }
    const redis = process.env.REDIS_URL
      ? new Redis(process.env.REDIS_URL, options)
      : new Redis({ path: socket, ...options })
    redis.on('error', () => {})
    clients.push(redis)
    return redis
  }
  await client().ping()
  return {
    client,
    async stop() {
      for (const redis of clients) redis.disconnect()
      const exited = new Promise((resolve) => (server ? server.once('exit', resolve) : resolve(undefined)))
      server?.kill()
      await exited
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
