import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DateTime } from 'luxon'
import { mintToken } from '../../cli/mint-token.ts'
import { run, usageError, wholeNumber } from '../../cli/run.ts'
import { loadConfig } from '../../config.ts'
import { acceptEvents } from '../../db/accept-events.ts'
import { refreshTouched } from '../../db/aggregates.ts'
import { foldDirty } from '../../db/ledgers.ts'
import { createTenant } from '../../db/tenant.ts'
import { LocalObjectStore } from '../../objects/local-store.ts'
import type { ObjectStore } from '../../objects/store.ts'
import type { RawEvent } from '../../sources/envelope.ts'
import { Random } from '../../sources/simulator/random.ts'
import { createTwin } from '../../sources/simulator/twin.ts'
import { openQueues, type Queues } from '../../workers/queues.ts'
import { noneStuck, reconciled, sameAs, settled, storedOnce } from './check.ts'
import { askForExports, exportsAreWhole } from './exports.ts'
import { type Fault, faults } from './faults.ts'
import { type System, startSystem } from './system.ts'
import { sendAll } from './traffic.ts'

const ZONES = ['UTC', 'Asia/Kathmandu', 'America/St_Johns', 'Pacific/Apia'] as const
const DAYS = 8

interface Parts {
  readonly system: System
  readonly queues: Queues
  readonly objects: ObjectStore
}

interface Outcome {
  readonly seed: number
  readonly fault: string
  readonly events: number
  /** Requests without an answer, or with one that asked to come back. */
  readonly failures: number
  /** From the strike until everything acknowledged was counted, in milliseconds. */
  readonly recoveredMs: number
  readonly violations: readonly string[]
}

/** Small requests, so that many are under way when it happens; some are sent twice. */
function cut(events: readonly RawEvent[], random: Random): RawEvent[][] {
  const batches: RawEvent[][] = []
  for (let from = 0; from < events.length; ) {
    const batch = events.slice(from, from + random.int(1, 30))
    batches.push(batch)
    if (random.chance(0.1)) batches.push(batch)
    from += batch.length
  }
  return batches
}

/** One run: traffic, a fault in the middle of it, recovery, and all checks. What never recovers is a broken promise, too. */
async function oneRun(parts: Parts, seed: number, only: string | undefined): Promise<Outcome> {
  const { system } = parts
  const random = new Random(seed)
  const possible = faults.filter((f) => f.unavailable(system) === undefined && (!only || f.name.includes(only)))
  const [first, ...others] = possible
  if (!first) usageError(`no fault called ${only} can happen here`)
  const fault = random.pick([first, ...others])
  const began = performance.now()
  try {
    return { seed, fault: fault.name, ...(await strikeAndCheck(parts, seed, fault, random)) }
  } catch (error) {
    for (const { name, output } of system.processes.values()) process.stderr.write(`--- ${name}\n${output}\n`)
    const why = `the run came to no end: ${error instanceof Error ? error.message : String(error)}`
    const recoveredMs = Math.round(performance.now() - began)
    return { seed, fault: fault.name, events: 0, failures: 0, recoveredMs, violations: [why] }
  }
}

async function strikeAndCheck(
  { system, queues, objects }: Parts,
  seed: number,
  fault: Fault,
  random: Random,
): Promise<Omit<Outcome, 'seed' | 'fault'>> {
  const timezone = random.pick(ZONES)
  const endDate = DateTime.utc().minus({ days: 2 }).toISODate()
  const from = DateTime.fromISO(endDate, { zone: 'utc' }).minus({ days: DAYS }).toISODate() ?? ''
  const to = DateTime.fromISO(endDate, { zone: 'utc' }).plus({ days: 1 }).toISODate() ?? ''
  const { events } = createTwin({ seed, members: 8, days: DAYS, endDate, timezone })

  const slug = `run-${seed}-${Date.now().toString(36)}`
  const tenant = await createTenant(system.pool, { slug, timezone, currency: 'USD' })
  const config = loadConfig({ DATA_DIR: system.dataDir })
  const token = await mintToken(config, { tenantId: tenant.id, role: 'service', subject: 'chaos', ttlSeconds: 86_400 })

  const admin = await mintToken(config, { tenantId: tenant.id, role: 'admin', subject: 'chaos', ttlSeconds: 86_400 })

  const traffic = sendAll({ url: system.url, token, batches: cut(events, random), random })
  // Its own dice: how often it has to ask must not change what the rest of the run does.
  const exports = askForExports({ url: system.url, token: admin, random: new Random(seed + 1) }, { from, to })
  await new Promise((resolve) => setTimeout(resolve, random.int(0, 500)))
  const struck = performance.now()
  const [sent, asked] = await Promise.all([traffic, exports, fault.strike(system, random)])
  await system.recover()
  await settled(system.pool)
  const recoveredMs = Math.round(performance.now() - struck)

  const violations = await storedOnce(system.pool, tenant, sent)
  // A twin to whom nothing happened gets the same events, in order and in one piece.
  const control = await createTenant(system.pool, { slug: `${slug}-control`, timezone, currency: 'USD' })
  const { rows } = await system.pool.query<{ event_id: string }>(
    'select event_id from analytics.events where tenant_id = $1',
    [tenant.id],
  )
  const stored = new Set(rows.map(({ event_id }) => event_id))
  const kept = events.filter(({ event_id }) => stored.has(event_id))
  await acceptEvents(system.pool, { tenant: control, piiKey: Buffer.alloc(32, 1) }, { events: kept })
  await fold(system.pool)
  violations.push(
    ...(await sameAs(system.pool, tenant, control, { from, to })),
    ...(await reconciled(system.pool, { from, to })),
    ...(await noneStuck(queues)),
    ...(await exportsAreWhole(system.pool, objects, tenant, asked)),
  )
  return { events: kept.length, failures: sent.failures, recoveredMs, violations }
}

/** What the workers would do with the twin's events, without their pauses; they may do some of it, too. */
async function fold(pool: System['pool']): Promise<void> {
  while ((await foldDirty(pool)).members > 0);
  await refreshTouched(pool)
  await settled(pool)
}

await run({
  help: `
npm run chaos -- [--seed 1] [--runs 20] [--fault <name>] [--redis <path>] [--data-dir <dir>] [--json]

Sends events to the real platform and lets something fail in the middle: processes are killed, connections cut, the
clock jumps, the disk is full. After each run: what was acknowledged is stored exactly once; ledgers, aggregates and all
metrics equal those of a tenant to whom nothing happened; no job is stuck;
exports are completed once, with their files and no others. Run n of seed s is run 1 of seed s + n - 1.
Runs on the embedded engine, or against DATABASE_URL (a scratch database; API and worker are processes of their own).

  --seed      first seed
  --runs      how many seeds, one after the other
  --fault     only faults whose name contains this
  --redis     redis-server to put the queue on (it is killed, too)
  --data-dir  where the embedded engine keeps its data; on a small tmpfs under /dev/shm it is filled up, too`,
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '20' },
    fault: { type: 'string' },
    redis: { type: 'string' },
    'data-dir': { type: 'string' },
    json: { type: 'boolean', default: false },
  },
  async main(values) {
    const seed = wholeNumber(values.seed, 'seed', 0)
    const runs = wholeNumber(values.runs, 'runs', 1)
    if (values.redis !== undefined && !existsSync(values.redis)) usageError(`there is no ${values.redis}`)
    const system = await startSystem({ redis: values.redis, dataDir: values['data-dir'] })
    for (const fault of faults) {
      const why = fault.unavailable(system)
      if (why !== undefined) process.stderr.write(`left out: ${fault.name} (${why})\n`)
    }
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
      for (let run = 0; run < runs; run++) {
        const outcome = await oneRun({ system, queues, objects }, seed + run, values.fault)
        if (outcome.violations.length > 0) failed += 1
        process.stdout.write(values.json ? `${JSON.stringify(outcome)}\n` : line(run + 1, runs, outcome))
      }
    } finally {
      await queues?.close()
      await system.close()
    }
    if (failed > 0) throw new Error(`${failed} of ${runs} runs broke a promise`)
  },
})

function line(run: number, runs: number, { seed, fault, events, failures, recoveredMs, violations }: Outcome): string {
  const verdict = violations.length === 0 ? 'ok' : `BROKEN: ${violations.join('; ')}`
  return `${run}/${runs} seed ${seed}: ${fault}; ${events} events, ${failures} failed requests, settled after ${(recoveredMs / 1000).toFixed(1)} s: ${verdict}\n`
}
