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
import { askForExports, exportsAreWhole } from './exports.ts'
import type { Fault } from './faults.ts'
import { type Days, type Picture, takePicture } from './picture.ts'
import type { System } from './system.ts'
import { sendAll } from './traffic.ts'

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

/** Traffic, a fault in the middle of it or of the work it leaves, recovery, and all checks but the comparison with a twin. */
async function strikeAndCheck(
  { system, queues, objects }: Parts,
  seed: number,
  fault: Fault,
  random: Random,
): Promise<{ violations: string[]; failures: number; recoveredMs: number; survivor: Survivor }> {
  const timezone = random.pick(ZONES)
  const endDate = DateTime.utc().minus({ days: 2 }).toISODate()
  const from = DateTime.fromISO(endDate, { zone: 'utc' }).minus({ days: DAYS }).toISODate() ?? ''
  const to = DateTime.fromISO(endDate, { zone: 'utc' }).plus({ days: 1 }).toISODate() ?? ''
  const days = { from, to }
  const { events } = createTwin({ seed, members: 8, days: DAYS, endDate, timezone })

  const slug = `run-${seed}-${Date.now().toString(36)}`
  const tenant = await createTenant(system.pool, { slug, timezone, currency: 'USD' })
  const config = loadConfig({ DATA_DIR: system.dataDir })
  const token = await mintToken(config, { tenantId: tenant.id, role: 'service', subject: 'chaos', ttlSeconds: 86_400 })
  const admin = await mintToken(config, { tenantId: tenant.id, role: 'admin', subject: 'chaos', ttlSeconds: 86_400 })

  const batches = cut(events, random)
  let struck = performance.now()
  const midway = {
    after: random.int(0, batches.length - 1),
    async begin() {
      if (random.chance(0.3)) await wait(random.int(0, AFTERMATH_MS))
      struck = performance.now()
      await fault.strike(system, random)
    },
  }
  const [sent, asked] = await Promise.all([
    sendAll({ url: system.url, token, batches, random, midway }),
    // Its own dice: how often it has to ask must not change what the rest of the run does.
    askForExports({ url: system.url, token: admin, random: new Random(seed + 1) }, days),
  ])
  await system.recover()
  await settled(system.pool)
  const recoveredMs = Math.round(performance.now() - struck)

  const violations = await storedOnce(system.pool, tenant, sent)
  const picture = await takePicture(system.pool, tenant, days)
  violations.push(
    ...(await reconciled(system.pool, days)),
    ...(await noneStuck(queues)),
    ...(await exportsAreWhole(system.pool, objects, tenant, asked)),
  )
  const { rows } = await system.pool.query<{ event_id: string }>(
    'select event_id from analytics.events where tenant_id = $1',
    [tenant.id],
  )
  const ids = new Set(rows.map(({ event_id }) => event_id))
  const stored = events.filter(({ event_id }) => ids.has(event_id))
  return { violations, failures: sent.failures, recoveredMs, survivor: { tenant, days, stored, picture } }
}

/** One run. What never recovers is a broken promise, too. */
export async function oneRun(parts: Parts, seed: number, possible: readonly [Fault, ...Fault[]]): Promise<Run> {
  const random = new Random(seed)
  const fault = random.pick(possible)
  const began = performance.now()
  try {
    const { survivor, ...rest } = await strikeAndCheck(parts, seed, fault, random)
    return { outcome: { seed, fault: fault.name, events: survivor.stored.length, ...rest }, survivor }
  } catch (error) {
    for (const { name, output } of parts.system.processes.values())
      process.stderr.write(`seed ${seed} --- ${name}\n${output}\n`)
    const why = `the run came to no end: ${error instanceof Error ? error.message : String(error)}`
    const recoveredMs = Math.round(performance.now() - began)
    const outcome = { seed, fault: fault.name, events: 0, failures: 0, recoveredMs, violations: [why] }
    return { outcome, survivor: undefined }
  }
}
