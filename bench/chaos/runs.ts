import { setTimeout as wait } from 'node:timers/promises'
import { DateTime } from 'luxon'
import { mintToken } from '../../cli/mint-token.ts'
import { loadConfig } from '../../config.ts'
import { createTenant, type Tenant } from '../../db/tenant.ts'
import type { ObjectStore } from '../../objects/store.ts'
import type { RawEvent } from '../../sources/envelope.ts'
import { Random } from '../../sources/simulator/random.ts'
import { createTwin } from '../../sources/simulator/twin.ts'
import type { Queues } from '../../workers/queues.ts'
import { noneStuck, reconciled, settled, storedOnce } from './check.ts'
import { type AskedExport, askForExports, exportsAreWhole } from './exports.ts'
import type { Fault } from './faults.ts'
import { type Days, type Picture, takePicture } from './picture.ts'
import type { System } from './system.ts'
import { type Sent, sendAll } from './traffic.ts'

const ZONES = ['UTC', 'Asia/Kathmandu', 'America/St_Johns', 'Pacific/Apia'] as const
const DAYS = 8
/** How long after the last events folds, refreshes and exports may still be at work. */
const AFTERMATH_MS = 2_500

export interface Parts {
  readonly system: System
  readonly queues: Queues
  readonly objects: ObjectStore
}

export interface Outcome {
  readonly seed: number
  readonly fault: string
  readonly events: number
  /** Requests without an answer, or with one that asked to come back. */
  readonly failures: number
  /** From the strike until everything acknowledged was counted, in milliseconds. */
  readonly recoveredMs: number
  readonly violations: readonly string[]
}

/** What a twin to whom nothing happened is compared with. */
export interface Survivor {
  readonly tenant: Tenant
  readonly days: Days
  readonly stored: readonly RawEvent[]
  /** As it was when the run was over. */
  readonly picture: Picture
}

export interface Run {
  readonly outcome: Outcome
  /** Undefined when the run came to no end. */
  readonly survivor: Survivor | undefined
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

interface Plan {
  readonly seed: number
  readonly fault: Fault
  readonly random: Random
  readonly tenant: Tenant
  readonly days: Days
  readonly events: readonly RawEvent[]
}

async function plan({ system }: Parts, seed: number, possible: readonly [Fault, ...Fault[]]): Promise<Plan> {
  const random = new Random(seed)
  const fault = random.pick(possible)
  const timezone = random.pick(ZONES)
  const endDate = DateTime.utc().minus({ days: 2 }).toISODate()
  const from = DateTime.fromISO(endDate, { zone: 'utc' }).minus({ days: DAYS }).toISODate() ?? ''
  const to = DateTime.fromISO(endDate, { zone: 'utc' }).plus({ days: 1 }).toISODate() ?? ''
  const { events } = createTwin({ seed, members: 8, days: DAYS, endDate, timezone })
  const slug = `run-${seed}-${Date.now().toString(36)}`
  const tenant = await createTenant(system.pool, { slug, timezone, currency: 'USD' })
  return { seed, fault, random, tenant, days: { from, to }, events }
}

/** The last strike of each fault. */
const strikes = new Map<Fault, Promise<void>>()

interface Struck {
  readonly sent: Sent
  readonly asked: readonly AskedExport[]
  /** When the fault struck, on the monotonic clock. */
  readonly at: number
}

/** Traffic, and a fault in the middle of it or of the work it leaves. */
async function strike({ system }: Parts, { seed, fault, random, tenant, days, events }: Plan): Promise<Struck> {
  const config = loadConfig({ DATA_DIR: system.dataDir })
  const tokenOf = (role: 'service' | 'admin') =>
    mintToken(config, { tenantId: tenant.id, role, subject: 'chaos', ttlSeconds: 86_400 })
  const batches = cut(events, random)
  let at = performance.now()
  const midway = {
    after: random.int(0, batches.length - 1),
    async begin() {
      if (random.chance(0.3)) await wait(random.int(0, AFTERMATH_MS))
      // two of one kind would undo each other: one after the other
      const before = strikes.get(fault)
      const strike = async () => {
        await before
        at = performance.now()
        await fault.strike(system, random)
      }
      const struck = strike()
      strikes.set(
        fault,
        struck.catch(() => undefined),
      )
      await struck
    },
  }
  const [sent, asked] = await Promise.all([
    sendAll({ url: system.url, token: await tokenOf('service'), batches, random, midway }),
    // Its own dice: how often it has to ask must not change what the rest of the run does.
    askForExports({ url: system.url, token: await tokenOf('admin'), random: new Random(seed + 1) }, days),
  ])
  return { sent, asked, at }
}

/** All checks but the comparison with a twin. */
async function check({ system, objects }: Parts, { tenant, days, events }: Plan, { sent, asked }: Struck) {
  const violations = await storedOnce(system.pool, tenant, sent)
  const picture = await takePicture(system.pool, tenant, days)
  violations.push(
    ...(await reconciled(system.pool, days)),
    ...(await exportsAreWhole(system.pool, objects, tenant, asked)),
  )
  const { rows } = await system.pool.query<{ event_id: string }>(
    'select event_id from analytics.events where tenant_id = $1',
    [tenant.id],
  )
  const ids = new Set(rows.map(({ event_id }) => event_id))
  const stored = events.filter(({ event_id }) => ids.has(event_id))
  return { violations, survivor: { tenant, days, stored, picture } }
}

/** A run that came to no end, with what the processes said. */
function broken({ system }: Parts, seed: number, fault: string, tookMs: number, error: unknown): Run {
  for (const { name, output } of system.processes.values())
    process.stderr.write(`seed ${seed} --- ${name}\n${output}\n`)
  const why = `the run came to no end: ${error instanceof Error ? error.message : String(error)}`
  const recoveredMs = Math.round(tookMs)
  return { outcome: { seed, fault, events: 0, failures: 0, recoveredMs, violations: [why] }, survivor: undefined }
}

/**
 * Runs of these seeds on the platform at the same time, each with its own tenant and fault, and with the others' faults; then recovery
 * and the checks of each. What never recovers is a broken promise, too.
 */
export async function runAtOnce(
  parts: Parts,
  seeds: readonly number[],
  possible: readonly [Fault, ...Fault[]],
): Promise<Run[]> {
  const { system } = parts
  const plans: Plan[] = []
  try {
    for (const seed of seeds) plans.push(await plan(parts, seed, possible))
  } catch (error) {
    return seeds.map((seed) => broken(parts, seed, 'none: the platform was not there', 0, error))
  }
  const began = performance.now()
  const struck = await Promise.allSettled(plans.map((one) => strike(parts, one)))
  const recovery = await system
    .recover()
    .then(() => settled(system.pool))
    .then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
  const over = performance.now()
  const ended = [...system.processes.values()].flatMap((process) =>
    process.takeFailures().map((said) => `${process.name} ended by itself: ${said}`),
  )
  const runs: Run[] = []
  for (const [n, one] of plans.entries()) {
    const { seed, fault } = one
    try {
      const result = struck[n]
      if (result?.status !== 'fulfilled') throw result?.reason
      if (recovery) throw recovery.error
      const { violations, survivor } = await check(parts, one, result.value)
      const recoveredMs = Math.round(over - result.value.at)
      const { failures } = result.value.sent
      const events = survivor.stored.length
      runs.push({
        outcome: { seed, fault: fault.name, events, failures, recoveredMs, violations: [...violations, ...ended] },
        survivor,
      })
    } catch (error) {
      runs.push(broken(parts, seed, fault.name, performance.now() - began, error))
    }
  }
  const stuck = await noneStuck(parts.queues).catch((error: unknown) => [`the queues do not answer: ${String(error)}`])
  return runs.map(({ outcome, survivor }) => ({
    outcome: { ...outcome, violations: [...outcome.violations, ...stuck] },
    survivor,
  }))
}
