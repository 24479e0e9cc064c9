import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { eventually } from './eventually.ts'

/** The newest server of Debian's packages, or what is on the PATH. */
function findServer(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const places = [...versions.map((version) => join(debian, version, 'bin')), ...(process.env.PATH ?? '').split(':')]
  return places.find((place) => existsSync(join(place, 'initdb')) && existsSync(join(place, 'postgres')))
}

/** Neither initdb nor postgres runs as root. */
function unprivileged(): { uid: number; gid: number } | Record<string, never> | undefined {
  if (process.getuid?.() !== 0) return {}
  for (const user of ['postgres', 'nobody']) {
    try {
      const ask = (flag: string) => Number(execFileSync('id', [flag, user], { stdio: ['ignore', 'pipe', 'ignore'] }))
      return { uid: ask('-u'), gid: ask('-g') }
    } catch {
      // No such user: the next one.
    }
  }
  return undefined
}

const binaries = findServer()
const identity = unprivileged()
export const hasPostgres = binaries !== undefined && identity !== undefined

export interface PostgresServer {
  readonly url: string
  /** Another one after a crash. */
  readonly client: pg.Client
  /** SIGKILL of the server and all its processes, then the same data again. */
  crash(): Promise<void>
  stop(): Promise<void>
}

/** A throw-away PostgreSQL with logical replication, on a Unix socket. */
export async function startPostgres(): Promise<PostgresServer> {
  if (binaries === undefined || identity === undefined) throw new Error('there is no PostgreSQL server here')
  const directory = await mkdtemp(join(tmpdir(), 'upcoach-oltp-'))
  if (identity.uid !== undefined) chownSync(directory, identity.uid, identity.gid)
  const data = join(directory, 'data')
  const options = { ...identity, stdio: 'ignore' as const, cwd: directory }
  execFileSync(
    join(binaries, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'],
    options,
  )
  const settings = {
    wal_level: 'logical',
    listen_addresses: '',
    unix_socket_directories: directory,
    fsync: 'off',
    timezone: 'Asia/Kolkata',
    datestyle: 'SQL, DMY',
  }
  const postgres = join(binaries, 'postgres')
  const start = (): ChildProcess =>
    spawn(
      postgres,
      ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      options,
    )
  let server = start()
  const url = `postgres://postgres@localhost/postgres?host=${encodeURIComponent(directory)}`
  const connect = async () => {
    const next = new pg.Client({ connectionString: url })
    next.on('error', () => undefined)
    await next.connect()
    return next
  }
  let client = await eventually(connect)
  return {
    url,
    get client() {
      return client
    },
    async crash() {
      const exited = once(server, 'exit')
      server.kill('SIGKILL')
      await exited
      await client.end().catch(() => undefined)
      // The processes of its connections end by themselves; until then a new server refuses to start.
      client = await eventually(async () => {
        if (server.exitCode !== null || server.signalCode !== null) server = start()
        return connect()
      }, 60_000)
    },
    async stop() {
      await client.end().catch(() => undefined)
      const exited = once(server, 'exit')
      server.kill('SIGQUIT')
      await exited
      await rm(directory, { recursive: true, force: true })
    },
  }
}
