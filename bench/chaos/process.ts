import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

const READY_TIMEOUT_MS = 120_000
const POLL_MS = 50
/** How long the process manager waits before it starts a process again that ended by itself. */
const RESTART_MS = 250
/** Output kept per process, to be shown when something goes wrong. */
const OUTPUT_KEPT = 20_000
const FAILURE_TOLD = 500

export interface ProcessOptions {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Throws or answers false until the process does its work; `output` is what it wrote first, since it was started. */
  readonly ready: (output: string) => Promise<boolean>
}

/** A process of the platform that may be killed; one that ends by itself is started again, as a process manager does it. */
export class ManagedProcess {
  readonly name: string
  readonly #options: ProcessOptions
  #child: ChildProcess | undefined
  #output = ''
  #first = ''
  #isReady = false
  #failures: string[] = []

  constructor(options: ProcessOptions) {
    this.name = options.name
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#child?.exitCode === null && this.#child.signalCode === null ? this.#child.pid : undefined
  }

  /** The last lines it wrote. */
  get output(): string {
    return this.#output
  }

  /** How it ended after it had been ready and without being told to, since this was asked last; the end of what it wrote. */
  takeFailures(): string[] {
    const failures = this.#failures
    this.#failures = []
    return failures
  }

  /** Starts it unless it runs, and resolves when it is ready. A process that ends while starting is started again. */
  async ensureReady(): Promise<void> {
    const deadline = Date.now() + READY_TIMEOUT_MS
    for (;;) {
      if (this.pid === undefined) this.#spawn()
      if (await this.#options.ready(this.#first).catch(() => false)) {
        this.#isReady = true
        return
      }
      if (Date.now() > deadline) throw new Error(`${this.name} was not ready in time:\n${this.#output}`)
      await wait(POLL_MS)
    }
  }

  /** kill -9; resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** SIGTERM; resolves when the process is gone. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    const isRunning = this.pid !== undefined
    this.#child = undefined
    if (!child || !isRunning) return
    const gone = once(child, 'close')
    child.kill(signal)
    await gone
  }

  #spawn(): void {
    const { command, args, env } = this.#options
    const child = spawn(command, args, { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#isReady = false
    this.#first = ''
    const keep = (data: Buffer): void => {
      this.#output = (this.#output + data.toString()).slice(-OUTPUT_KEPT)
      if (this.#child === child && this.#first.length < OUTPUT_KEPT) this.#first += data.toString()
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    this.#child = child
    child.on('close', () => {
      if (this.#child !== child) return
      if (this.#isReady) this.#failures.push(this.#output.slice(-FAILURE_TOLD))
      setTimeout(() => {
        if (this.#child === child) this.#spawn()
      }, RESTART_MS)
    })
  }
}
