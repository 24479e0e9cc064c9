import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { run, usageError, wholeNumber } from '../../cli/run.ts'
import { LocalObjectStore } from '../../objects/local-store.ts'
import { openQueues, type Queues } from '../../workers/queues.ts'
import { faults } from './faults.ts'
import { type Outcome, type Run, runAtOnce } from './runs.ts'
import { type System, startSystem } from './system.ts'
import { withTwins } from './twins.ts'

/** Runs whose twins are folded together. */
const TOGETHER = 16

await run({
  help: `
npm run chaos -- [--seed 1] [--runs 20] [--at-once 1] [--fault <name>] [--redis <path>] [--data-dir <dir>] [--json]

Sends events to the real platform and lets something fail in the middle: processes are killed, connections cut, the
clock jumps, the disk is full. After each run: what was acknowledged is stored exactly once; ledgers and aggregates
equal those of a tenant to whom nothing happened (every sixteenth run: all metrics, too); no job is stuck; exports are
completed once, with their files and no others. Run n of seed s is run 1 of seed s + n - 1. Results come sixteen at a time.
Runs on the embedded engine, or against DATABASE_URL (a scratch database; API and worker are processes of their own).

  --seed      first seed
  --runs      how many seeds
  --at-once   so many runs at the same time: each has a tenant and a fault of its own, and feels the others'
  --fault     only faults whose name contains this
  --redis     redis-server to put the queue on (it is killed, too)
  --data-dir  where the embedded engine keeps its data; on a small tmpfs under /dev/shm it is filled up, too`,
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '20' },
    'at-once': { type: 'string', default: '1' },
    fault: { type: 'string' },
    redis: { type: 'string' },
    'data-dir': { type: 'string' },
    json: { type: 'boolean', default: false },
  },
  async main(values) {
    const seed = wholeNumber(values.seed, 'seed', 0)
    const runs = wholeNumber(values.runs, 'runs', 1)
    const atOnce = wholeNumber(values['at-once'], 'at-once', 1, TOGETHER)
    if (values.redis !== undefined && !existsSync(values.redis)) usageError(`there is no ${values.redis}`)
    const system = await startSystem({ redis: values.redis, dataDir: values['data-dir'] })
    for (const fault of faults) {
      const why = fault.unavailable(system)
      if (why !== undefined) process.stderr.write(`left out: ${fault.name} (${why})\n`)
    }
    const [first, ...others] = faults.filter(
      (fault) => fault.unavailable(system) === undefined && fault.name.includes(values.fault ?? ''),
    )
    let done = 0
    let failed = 0
    let queues: Queues | undefined
    // The platform's own files: a link secret of our own, because nobody asks us for links.
    const objects = new LocalObjectStore({
      directory: join(system.dataDir, 'objects'),
      linkSecret: Buffer.alloc(32),
      origin: system.url,
    })
    try {
      queues = await openQueues({ REDIS_URL: system.redisUrl }, { connection: system.connection }, () => undefined)
      if (!first) usageError(`no fault called ${values.fault} can happen here`)
      while (done < runs) {
        const batch: Run[] = []
        while (batch.length < Math.min(TOGETHER, runs - done)) {
          const next = seed + done + batch.length
          const wave = Math.min(atOnce, TOGETHER - batch.length, runs - done - batch.length)
          const seeds = Array.from({ length: wave }, (_, n) => next + n)
          batch.push(...(await runAtOnce({ system, queues, objects }, seeds, [first, ...others])))
        }
        for (const outcome of await compared(system.pool, batch)) {
          done += 1
          if (outcome.violations.length > 0) failed += 1
          process.stdout.write(values.json ? `${JSON.stringify(outcome)}\n` : line(done, runs, outcome))
        }
      }
    } finally {
      await queues?.close()
      await system.close()
    }
    if (failed > 0) throw new Error(`${failed} of ${runs} runs broke a promise`)
  },
})

/** With the verdict of the twins; what cannot be compared any more is a broken promise of each of these runs. */
function compared(pool: System['pool'], runs: readonly Run[]): Promise<readonly Outcome[]> {
  return withTwins(pool, runs).catch((error) =>
    runs.map(({ outcome }) => ({
      ...outcome,
      violations: [...outcome.violations, `the comparison came to no end: ${String(error)}`],
    })),
  )
}

function line(run: number, runs: number, { seed, fault, events, failures, recoveredMs, violations }: Outcome): string {
  const verdict = violations.length === 0 ? 'ok' : `BROKEN: ${violations.join('; ')}`
  return `${run}/${runs} seed ${seed}: ${fault}; ${events} events, ${failures} failed requests, settled after ${(recoveredMs / 1000).toFixed(1)} s: ${verdict}\n`
}
