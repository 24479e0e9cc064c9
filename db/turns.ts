import type pg from 'pg'

/** Connections of the pool that ingest leaves to everybody else. */
const KEPT_FREE = 2
/** So many of a tenant may wait for as long as it takes: whoever sends little is not refused because of others. */
const ALWAYS_PER_TENANT = 4

/** Thrown instead of doing the work, of which nothing has begun. */
export class WaitedTooLong extends Error {
  constructor() {
    super('waited too long for a turn at the database')
    this.name = 'WaitedTooLong'
  }
}

interface Waiting {
  readonly begin: () => void
  timer?: NodeJS.Timeout
}

interface Turns {
  running: number
  /** By tenant, the one whose turn is next first; each in the order of arrival. */
  readonly waiting: Map<string, Waiting[]>
}

const ofPools = new WeakMap<pg.Pool, Turns>()

/**
 * Runs work that takes a connection. When there are more takers than connections, tenants take turns: whoever sends
 * little waits for one statement of another's flood, not for all of them. What has not begun at `giveUpAt` (of
 * `performance.now`) is refused with WaitedTooLong, except the first few of each tenant.
 */
export async function inTurn<T>(
  pool: pg.Pool,
  tenantId: string,
  work: () => Promise<T>,
  giveUpAt?: number,
): Promise<T> {
  const turns = ofPools.get(pool) ?? { running: 0, waiting: new Map() }
  ofPools.set(pool, turns)
  if (turns.running < Math.max(1, pool.options.max - KEPT_FREE)) turns.running += 1
  else await turn(turns, tenantId, giveUpAt)
  try {
    return await work()
  } finally {
    passOn(turns)
  }
}

function turn({ waiting }: Turns, tenantId: string, giveUpAt: number | undefined): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const own = waiting.get(tenantId) ?? []
    waiting.set(tenantId, own)
    const entry: Waiting = { begin: resolve }
    own.push(entry)
    if (giveUpAt === undefined) return
    const giveUp = (): void => {
      const at = own.indexOf(entry)
      if (at < ALWAYS_PER_TENANT) return
      own.splice(at, 1)
      reject(new WaitedTooLong())
    }
    entry.timer = setTimeout(giveUp, Math.max(0, giveUpAt - performance.now()))
  })
}

/** Gives the place that has become free to the next tenant, whose others then wait behind all tenants. */
function passOn(turns: Turns): void {
  const [next] = turns.waiting
  if (!next) {
    turns.running -= 1
    return
  }
  const [tenantId, own] = next
  turns.waiting.delete(tenantId)
  const first = own.shift()
  if (own.length > 0) turns.waiting.set(tenantId, own)
  clearTimeout(first?.timer)
  first?.begin()
}
