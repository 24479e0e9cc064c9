import type pg from 'pg'
import { isSkewed, type StorableEvent, type StoredBatch, storeEvents } from './ingest.ts'
import type { Tenant } from './tenant.ts'
import { inTurn } from './turns.ts'

/** Batches of up to this many events wait for each other; larger ones are worth a statement of their own. */
const SMALL = 50
const MOST_EVENTS = 1_000
/** Statements of one tenant's group at a time: while one is made durable, the next is planned and run. */
const MOST_RUNNING = 2

interface Waiting {
  readonly batch: readonly StorableEvent[]
  readonly giveUpAt: number | undefined
  readonly resolve: (stored: StoredBatch) => void
  readonly reject: (error: unknown) => void
}

interface Group {
  waiting: Waiting[]
  running: number
}

const groups = new WeakMap<pg.Pool, Map<string, Group>>()

/**
 * Stores a batch like `storeEvents`. Small ones that arrive while others of the tenant are being stored share the next
 * statement and its commit: a single event costs a round trip and an fsync only when nothing else is going on. Each is
 * answered after that commit, with what became of its own events. `giveUpAt`: see `inTurn`.
 */
export function storeTogether(
  pool: pg.Pool,
  tenant: Tenant,
  batch: readonly StorableEvent[],
  erasureKey: Buffer,
  giveUpAt?: number,
): Promise<StoredBatch> {
  const store = (events: readonly StorableEvent[], until: number | undefined) =>
    inTurn(pool, tenant.id, () => storeEvents(pool, tenant, events, erasureKey), until)
  if (batch.length === 0) return storeEvents(pool, tenant, batch, erasureKey)
  if (batch.length > SMALL || isSkewed(batch[0])) return store(batch, giveUpAt)
  const ofPool = groups.get(pool) ?? new Map<string, Group>()
  groups.set(pool, ofPool)
  const key = `${tenant.id} ${tenant.timezone} ${erasureKey.toString('latin1')}`
  const group = ofPool.get(key) ?? { waiting: [], running: 0 }
  ofPool.set(key, group)
  return new Promise((resolve, reject) => {
    group.waiting.push({ batch, giveUpAt, resolve, reject })
    if (group.running === MOST_RUNNING) return
    group.running += 1
    // What arrives in the same turn of the event loop comes along.
    setImmediate(async () => {
      while (group.waiting.length > 0) await storeNext(group, store)
      group.running -= 1
      if (group.running === 0) ofPool.delete(key)
    })
  })
}

async function storeNext(
  group: Group,
  store: (events: readonly StorableEvent[], giveUpAt: number | undefined) => Promise<StoredBatch>,
): Promise<void> {
  let events = 0
  const count = group.waiting.findIndex(({ batch }) => {
    events += batch.length
    return events > MOST_EVENTS
  })
  const taken = group.waiting.splice(0, count < 0 ? group.waiting.length : count)
  try {
    // The newest of them: the group goes as one.
    dealOut(
      taken,
      await store(
        taken.flatMap(({ batch }) => batch),
        taken.at(-1)?.giveUpAt,
      ),
    )
  } catch (error) {
    if (!isOfTheData(error)) for (const { reject } of taken) reject(error)
    // One batch's data must not fail its neighbours.
    else for (const { batch, giveUpAt, resolve, reject } of taken) await store(batch, giveUpAt).then(resolve, reject)
  }
}

/** Each batch's share: positions count within the batch. */
function dealOut(taken: readonly Waiting[], { duplicates, erased }: StoredBatch): void {
  let first = 0
  for (const { batch, resolve } of taken) {
    const end = first + batch.length
    const isOwn = (index: number): boolean => index >= first && index < end
    const ownDuplicates = duplicates
      .filter(({ index }) => isOwn(index))
      .map(({ index, conflict }) => ({ index: index - first, conflict }))
    const ownErased = erased.filter(isOwn).map((index) => index - first)
    resolve({
      accepted: batch.length - ownDuplicates.length - ownErased.length,
      duplicates: ownDuplicates,
      erased: ownErased,
    })
    first = end
  }
}

/** SQLSTATE classes 21 to 23 and 54: what was sent cannot be stored, and would fail again. */
const isOfTheData = (error: unknown): boolean => /^(2[123]|54)/.test(String((error as { code?: unknown }).code))
