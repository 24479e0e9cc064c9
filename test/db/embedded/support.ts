import { cp, mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, inject, vi } from 'vitest'
import { type Engine, type EngineOptions, startEngine } from '../../../db/embedded/engine.ts'
import { socketPath } from '../../../db/embedded/socket-directory.ts'

// Starting and killing engines takes its time on a busy machine.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

const directories: string[] = []
const engines: Engine[] = []
const clients: (pg.Client | pg.Pool)[] = []

afterAll(async () => {
  await Promise.allSettled(clients.map((client) => client.end()))
  await Promise.all(engines.map((engine) => engine.stop()))
  await Promise.all(directories.map((directory) => rm(directory, { recursive: true, force: true })))
})

/** A directory that is removed after the test file. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'upcoach-engine-'))
  directories.push(directory)
  return directory
}

let pristine: Promise<string> | undefined

/**
 * A data directory with a new cluster in it: a copy, since creating one takes seconds. Copies what the test run has migrated
 * for everybody where that is an embedded cluster, else one created for this test file.
 */
export async function newDataDir(): Promise<string> {
  const template = inject('template')
  if (template?.kind === 'embedded') return copyOf(template.dataDir)
  pristine ??= createCluster()
  return copyOf(await pristine)
}

async function createCluster(): Promise<string> {
  const dataDir = await temporaryDirectory()
  await (await startEngine({ dataDir, durable: false })).stop()
  return dataDir
}

/** An engine that is stopped after the test file; on a directory of its own unless one is given. */
export async function startTestEngine(options: Partial<EngineOptions> = {}): Promise<Engine> {
  const dataDir = options.dataDir ?? (await newDataDir())
  const engine = await startEngine({ durable: false, ...options, dataDir })
  engines.push(engine)
  return engine
}

/** The same files under another directory, for an engine that is not running. */
export async function copyOf(dataDir: string): Promise<string> {
  const copy = await temporaryDirectory()
  await cp(dataDir, copy, { recursive: true })
  return copy
}

export function createPool(engine: Engine, options: pg.PoolConfig = {}): pg.Pool {
  const pool = new pg.Pool({ ...engine.connection, ...options })
  pool.on('error', () => {})
  clients.push(pool)
  return pool
}

export async function connectClient(engine: Engine, options: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ ...engine.connection, ...options })
  client.on('error', () => {})
  await client.connect()
  clients.push(client)
  return client
}

/** Calls `check` until it returns something true; fails with `what` after `timeoutMs`. */
export async function eventually<T>(what: string, check: () => T | Promise<T>, timeoutMs = 30_000): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const value = await check()
    if (value) return value
    if (Date.now() > deadline) throw new Error(`did not happen within ${timeoutMs} ms: ${what}`)
    await wait(20)
  }
}

/** A client below the driver: sends bytes as they are and collects the types of the messages that come back. */
export class RawClient {
  readonly socket: Socket
  #chunks: Buffer[] = []
  closed = false

  constructor(engine: Engine) {
    this.socket = connect(socketPath(engine.connection.host ?? ''))
    this.socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk)
    })
    this.socket.on('close', () => {
      this.closed = true
    })
    this.socket.on('error', () => {})
  }

  /** Connects as `postgres` and waits for the first ReadyForQuery. */
  static async ready(engine: Engine, parameters: Record<string, string> = {}): Promise<RawClient> {
    const client = new RawClient(engine)
    client.socket.write(startupPacket({ user: 'postgres', database: 'postgres', ...parameters }))
    await client.until('Z')
    client.take()
    return client
  }

  send(...messages: Buffer[]): void {
    this.socket.write(Buffer.concat(messages))
  }

  /** Waits for a message of this type and returns everything received since the last `take`. */
  async until(type: string): Promise<string> {
    return eventually(`a message of type ${type}, got ${this.types()}`, () =>
      this.types().includes(type) ? this.types() : '',
    )
  }

  /** Types of the whole messages received so far, one letter each. */
  types(): string {
    return this.messages()
      .map((m) => m.type)
      .join('')
  }

  messages(): { type: string; body: Buffer }[] {
    const received = this.#all()
    const found: { type: string; body: Buffer }[] = []
    for (let at = 0; at + 5 <= received.length; ) {
      const end = at + 1 + received.readInt32BE(at + 1)
      if (end > received.length) break
      found.push({ type: String.fromCharCode(received[at] ?? 0), body: received.subarray(at + 5, end) })
      at = end
    }
    return found
  }

  /** Everything received so far as bytes, forgotten afterwards. */
  take(): Buffer {
    const bytes = this.#all()
    this.#chunks = []
    return bytes
  }

  #all(): Buffer {
    const joined = Buffer.concat(this.#chunks)
    this.#chunks = [joined]
    return joined
  }
}

export function startupPacket(parameters: Record<string, string>, version = 196608): Buffer {
  const body = Buffer.from(
    `${Object.entries(parameters)
      .map(([name, value]) => `${name}\0${value}\0`)
      .join('')}\0`,
  )
  const head = Buffer.alloc(8)
  head.writeInt32BE(body.length + 8, 0)
  head.writeInt32BE(version, 4)
  return Buffer.concat([head, body])
}

export function message(type: string, body: string | Buffer = ''): Buffer {
  const bytes = Buffer.from(body)
  const head = Buffer.alloc(5)
  head.write(type, 0, 'latin1')
  head.writeInt32BE(bytes.length + 4, 1)
  return Buffer.concat([head, bytes])
}

export const parse = (sql: string, name = '') => message('P', `${name}\0${sql}\0\0\0`)
export const bind = (statement = '', portal = '') => message('B', `${portal}\0${statement}\0\0\0\0\0\0\0`)
export const describePortal = (portal = '') => message('D', `P${portal}\0`)
export const execute = (rows: number, portal = '') => {
  const count = Buffer.alloc(4)
  count.writeInt32BE(rows)
  return message('E', Buffer.concat([Buffer.from(`${portal}\0`), count]))
}
export const flush = message('H')
export const sync = message('S')
export const simpleQuery = (sql: string) => message('Q', `${sql}\0`)
