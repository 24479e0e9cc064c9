import { Worker } from 'node:worker_threads'

/** Ends the process at the hard limit, so that the parent can tell why it ended; its default action is just that. */
export const HARD_LIMIT_SIGNAL = 'SIGALRM'

/** Time an engine whose parent is gone has to close its cluster by itself, in milliseconds. */
const GRACE_MS = 3000

/** What watchdog-thread.mjs is given. */
export interface WatchdogData {
  readonly hardLimitMs: number
  readonly hardLimitSignal: string
  readonly graceMs: number
  /** Process id of the parent. */
  readonly parent: number
  /** When the running query started, in milliseconds since `origin` by a clock that nobody sets; 0 while there is none. One element, shared. */
  readonly startedAt: Int32Array
  readonly origin: number
}

/** The same in every thread, unlike `performance.now()`. */
const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000_000n)

/** Ends this process when a query runs for too long or the parent is gone; see watchdog-thread.mjs. */
export class Watchdog {
  readonly #startedAt = new Int32Array(new SharedArrayBuffer(4))
  readonly #origin = monotonicMs()

  constructor(hardLimitMs: number) {
    const workerData: WatchdogData = {
      hardLimitMs,
      hardLimitSignal: HARD_LIMIT_SIGNAL,
      graceMs: GRACE_MS,
      parent: process.ppid,
      startedAt: this.#startedAt,
      origin: this.#origin,
    }
    new Worker(new URL('./watchdog-thread.mjs', import.meta.url), { workerData, execArgv: [] }).unref()
  }

  /** Runs one query under the limit. */
  async watch<T>(run: () => Promise<T>): Promise<T> {
    // Never 0, which means that nothing runs. The counter wraps after 24 days, so only its difference is used.
    Atomics.store(this.#startedAt, 0, (monotonicMs() - this.#origin) | 1)
    try {
      return await run()
    } finally {
      Atomics.store(this.#startedAt, 0, 0)
    }
  }
}
