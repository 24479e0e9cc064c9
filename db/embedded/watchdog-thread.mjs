/**
 * Thread beside the engine's one; plain JavaScript, since no TypeScript loader reaches a worker's entry. While a query runs,
 * the engine's thread can neither answer its parent nor notice that the parent is gone, and a query that broke the
 * WebAssembly stack may never return. So this thread ends the whole process when one query has run for longer than the hard
 * limit, or when the parent is gone and the engine has not stopped by itself within the grace time. Nothing acknowledged is lost.
 */
import { workerData } from 'node:worker_threads'

/** @type {import('./watchdog.ts').WatchdogData} */
const { hardLimitMs, hardLimitSignal, graceMs, parent, startedAt, origin } = workerData
let orphanSince = 0

setInterval(
  () => {
    // As the class that started us: a clock that is set forward must not end a query.
    const now = Number(process.hrtime.bigint() / 1_000_000n)
    const started = Atomics.load(startedAt, 0)
    if (started !== 0 && ((now - origin - started) | 0) > hardLimitMs) process.kill(process.pid, hardLimitSignal)
    if (process.ppid === parent) return
    orphanSince ||= now
    if (now - orphanSince > graceMs) process.kill(process.pid, 'SIGKILL')
  },
  Math.min(500, hardLimitMs / 10),
)
