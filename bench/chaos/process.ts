import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

const READY_TIMEOUT_MS = 120_000
const POLL_MS = 50
/** Output kept per process, to be shown when something goes wrong. */
const OUTPUT_KEPT = 20_000

export interface ProcessOptions {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Throws or answers false until the process does its work. */
  readonly ready: () => Promise<boolean>
}

/** A process of the platform that may be killed and started again, as a process manager would. */
export class ManagedProcess {
  readonly name: string
  readonly #options: ProcessOptions
  #child: ChildProcess | undefined
  #output = ''

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

  /** Starts it unless it runs, and resolves when it is ready. A process that ends while starting is started again. */
  async ensureReady(): Promise<void> {
    const deadline = Date.now() + READY_TIMEOUT_MS
    for (;;) {
      if (this.pid === undefined) this.#spawn()
      if (await this.#options.ready().catch(() => false)) return
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
    if (!child || this.pid === undefined) return
    const gone = once(child, 'close')
    child.kill(signal)
    await gone
  }

  #spawn(): void {
    const { command, args, env } = this.#options
    const child = spawn(command, args, { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    const keep = (data: Buffer): void => {
      this.#output = (this.#output + data.toString()).slice(-OUTPUT_KEPT)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    this.#child = child
  }
}
