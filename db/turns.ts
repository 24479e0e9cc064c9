import type pg from 'pg'

/** Connections of the pool that ingest leaves to everybody else. */
const KEPT_FREE = 2

interface Turns {
  running: number
  /** By tenant, the one whose turn is next first; each in the order of arrival. */
  readonly waiting: Map<string, (() => void)[]>
}

const ofPools = new WeakMap<pg.Pool, Turns>()

/**
 * Runs work that takes a connection. When there are more takers than connections, tenants take turns: whoever sends
 * little waits for one statement of another's flood, not for all of them.
 */
export async function inTurn<T>(pool: pg.Pool, tenantId: string, work: () => Promise<T>): Promise<T> {
  const turns = ofPools.get(pool) ?? { running: 0, waiting: new Map() }
  ofPools.set(pool, turns)
  if (turns.running < Math.max(1, pool.options.max - KEPT_FREE)) turns.running += 1
  else
    await new Promise<void>((resolve) => {
      const own = turns.waiting.get(tenantId)
      if (own) own.push(resolve)
      else turns.waiting.set(tenantId, [resolve])
    })
  try {
    return await work()
  } finally {
    passOn(turns)
  }
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
  const resolve = own.shift()
  if (own.length > 0) turns.waiting.set(tenantId, own)
  resolve?.()
}
