import { type ChildProcess, fork } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { mkdir, realpath } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { ClientConfig } from 'pg'
import type { ChildOptions, FromChild, LogLevel, ToChild } from './child-messages.ts'
import { DataDirInUse } from './lock.ts'
import { SOCKET_PORT, socketDirectory } from './socket-directory.ts'
import { HARD_LIMIT_SIGNAL } from './watchdog.ts'

export interface EngineOptions {
  /** Directory of the cluster, its lock and its socket; created if missing. */
  readonly dataDir: string
  /** Loopback port on which psql and other tools may look in; none by default. */
  readonly tcpPort?: number
  /** A query that keeps the engine busy for longer makes the engine restart, in milliseconds. Nothing can be cancelled. */
  readonly hardLimitMs?: number
  /** A client may sit idle inside a transaction, which blocks every other client, for this long, in milliseconds. */
  readonly idleInTransactionMs?: number
  /** Flush every commit to the disk, so that it survives a power cut; true by default. A killed process loses nothing either way. */
  readonly durable?: boolean
  /** Longest pause before the engine is started again after crashes in a row, in milliseconds. */
  readonly maxRestartDelayMs?: number
  readonly onLog?: (message: string, level: LogLevel) => void
}

export type EngineState = 'starting' | 'ready' | 'down' | 'stopped'

interface EngineEvents {
  ready: []
  down: [Error]
}

const DEFAULT_HARD_LIMIT_MS = 10 * 60_000
const DEFAULT_IDLE_IN_TRANSACTION_MS = 60_000
const FIRST_RESTART_DELAY_MS = 250
const DEFAULT_MAX_RESTART_DELAY_MS = 10_000
/** An engine that ran this long is healthy: its next crash is met with the shortest delay again. */
const HEALTHY_AFTER_MS = 60_000
/** Time a child has to close its cluster before it is killed; killing loses nothing that was acknowledged. */
const STOP_GRACE_MS = 30_000

const serverPath = fileURLToPath(new URL('./server.ts', import.meta.url))
const tsxLoader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

/** The embedded TimescaleDB: a child process that is started again whenever it ends without being asked to. */
export class Engine extends EventEmitter<EngineEvents> {
  /** For `new pg.Pool(engine.connection)`; valid across restarts. */
  readonly connection: ClientConfig
  readonly #childOptions: ChildOptions
  readonly #log: (message: string, level: LogLevel) => void
  readonly #maxRestartDelayMs: number
  #state: EngineState = 'starting'
  #child: ChildProcess | undefined
  #restartDelayMs = FIRST_RESTART_DELAY_MS
  #restartTimer: NodeJS.Timeout | undefined
  #stopped: Promise<void> | undefined

  constructor(options: EngineOptions, dataDir: string) {
    super()
    const directory = socketDirectory(dataDir)
    this.connection = { host: directory, port: SOCKET_PORT, user: 'postgres', database: 'postgres' }
    this.#childOptions = {
      dataDir,
      socketDirectory: directory,
      idleInTransactionMs: options.idleInTransactionMs ?? DEFAULT_IDLE_IN_TRANSACTION_MS,
      hardLimitMs: options.hardLimitMs ?? DEFAULT_HARD_LIMIT_MS,
      durable: options.durable ?? true,
      ...(options.tcpPort === undefined ? {} : { tcpPort: options.tcpPort }),
    }
    this.#maxRestartDelayMs = options.maxRestartDelayMs ?? DEFAULT_MAX_RESTART_DELAY_MS
    this.#log = options.onLog ?? (() => {})
  }

  get state(): EngineState {
    return this.#state
  }

  /** Process id of the engine while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Starts the child and resolves when it answers; rejects with its reason if it ends before that. */
  start(): Promise<void> {
    this.#state = 'starting'
    const child = fork(serverPath, [JSON.stringify(this.#childOptions)], {
      execArgv: ['--import', tsxLoader],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#child = child
    child.stdout?.on('data', (text: Buffer) => this.#log(text.toString().trimEnd(), 'info'))
    child.stderr?.on('data', (text: Buffer) => this.#log(text.toString().trimEnd(), 'warn'))
    return new Promise((resolve, reject) => {
      let reason: Error | undefined
      let readySince: number | undefined
      child.on('error', (error) => {
        reason = error
      })
      child.on('message', (message: FromChild) => {
        if (message.kind === 'failed') {
          reason = this.#failure(message)
        } else if (!this.#stopped) {
          readySince = Date.now()
          this.#state = 'ready'
          this.#log(`the embedded engine is ready on ${this.connection.host}`, 'info')
          resolve()
          this.emit('ready')
        }
      })
      child.on('close', (code, signal) => {
        this.#child = undefined
        if (this.#stopped) {
          reject(new Error('The embedded engine was stopped while it started.'))
          return
        }
        this.#state = 'down'
        const error = reason ?? this.#unexpectedEnd(code, signal)
        if (readySince === undefined) reject(error)
        else this.#crashed(error, readySince)
      })
    })
  }

  #crashed(error: Error, readySince: number): void {
    if (Date.now() - readySince > HEALTHY_AFTER_MS) this.#restartDelayMs = FIRST_RESTART_DELAY_MS
    this.#log(`the embedded engine is down: ${error.message}`, 'error')
    this.emit('down', error)
    this.#restartLater()
  }

  #unexpectedEnd(code: number | null, signal: NodeJS.Signals | null): Error {
    if (signal === HARD_LIMIT_SIGNAL)
      return new Error(`a query ran for longer than the hard limit of ${this.#childOptions.hardLimitMs} ms`)
    return new Error(`it ended unexpectedly (${signal ?? `code ${code}`})`)
  }

  #failure(message: Extract<FromChild, { kind: 'failed' }>): Error {
    if (message.heldBy === undefined) return new Error(message.message)
    return new DataDirInUse(this.#childOptions.dataDir, message.heldBy)
  }

  /** Ends the engine for good; clients are disconnected, the running query is finished first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#restartTimer)
    this.#state = 'stopped'
    const child = this.#child
    if (!child) return
    const closed = new Promise((resolve) => child.once('close', resolve))
    if (child.connected) child.send({ kind: 'stop' } satisfies ToChild, () => {})
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS)
    await closed
    clearTimeout(kill)
  }

  #restartLater(): void {
    if (this.#stopped) return
    const delay = this.#restartDelayMs
    this.#restartDelayMs = Math.min(delay * 2, this.#maxRestartDelayMs)
    this.#restartTimer = setTimeout(() => {
      this.start().catch((error: Error) => {
        if (this.#stopped) return
        this.#log(`the embedded engine did not start again: ${error.message}`, 'error')
        this.#restartLater()
      })
    }, delay)
  }
}

/** Starts the embedded engine on `dataDir` and resolves when it takes connections. */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 })
  const engine = new Engine(options, await realpath(options.dataDir))
  await engine.start()
  return engine
}
