import { Redis } from 'ioredis'
import { LeaseLost } from '../../db/sources/runners.ts'
import { readableFields } from '../../sources/redis/entries.ts'
import { isLostConnection } from '../backend.ts'
import { isDataError } from './data-error.ts'
import type { SourceRun } from './source.ts'

export interface Entry {
  readonly stream: string
  readonly id: string
  /** Fields and values alternate. */
  readonly fields: readonly string[]
}

export interface GroupOptions {
  readonly url: string
  /** Names, or patterns with `*`. */
  readonly streams: readonly string[]
  readonly group: string
  readonly batch: number
  /** Deliveries after which an entry that breaks the work is kept in the quarantine instead. */
  readonly maxDeliveries: number
  /** Removes entries that every group of a stream has settled. */
  readonly trim: boolean
}

type Run = Pick<SourceRun<unknown, unknown>, 'accept' | 'signal' | 'lag' | 'logger' | 'tenant'>

/** How entries become a batch. Must not throw for what an entry holds: reject it. */
export type Mapping = (entries: readonly Entry[]) => Pick<Parameters<Run['accept']>[0], 'events' | 'rejected'>

const CONSUMER = 'upcoach'
/** Also how long a stop may take. */
const BLOCK_MS = 1000
const HOUSEKEEPING_MS = 30_000
const RECLAIM_IDLE_MS = 60_000

type RawEntries = [id: string, fields: string[] | null][]

/**
 * Reads streams through a consumer group until the signal is aborted. An entry is acknowledged after its events are
 * durable; what a former consumer left pending comes first. Only one worker reads a group (the runner's lease), so what
 * is pending at the start belongs to nobody alive.
 */
export async function consumeGroup(options: GroupOptions, run: Run, map: Mapping): Promise<void> {
  const redis = await connect(options.url)
  try {
    const known = new Set<string>()
    let keptAt = 0
    while (!run.signal.aborted) {
      if (Date.now() - keptAt > HOUSEKEEPING_MS) {
        const minIdle = keptAt === 0 ? 0 : RECLAIM_IDLE_MS
        for (const stream of await streamsOf(redis, options.streams)) {
          if (!known.has(stream)) await joinGroup(redis, stream, options.group)
          known.add(stream)
          await recoverPending(redis, stream, minIdle, options, run, map)
          if (options.trim) await trimSettled(redis, stream)
        }
        keptAt = Date.now()
      }
      const entries = await readNew(redis, [...known], options)
      if (entries.length === 0) run.lag(0)
      else await settle(redis, entries, options, run, map)
    }
  } finally {
    redis.disconnect()
  }
}

/** One connection whose loss ends the run: the runner tries again, later and later, and counts it. */
async function connect(url: string): Promise<Redis> {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectionName: 'upcoach-sources',
  })
  let cause: Error | undefined
  redis.on('error', (error: Error) => {
    cause = error
  })
  try {
    await redis.connect()
  } catch (error) {
    redis.disconnect()
    throw cause ?? error
  }
  return redis
}

async function streamsOf(redis: Redis, names: readonly string[]): Promise<string[]> {
  const found = new Set(names.filter((name) => !name.includes('*')))
  for (const pattern of names.filter((name) => name.includes('*'))) {
    let cursor = '0'
    do {
      const [next, keys] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', 1000, 'TYPE', 'stream')
      for (const key of keys) found.add(key)
      cursor = next
    } while (cursor !== '0')
  }
  return [...found]
}

/** From the beginning of the stream: what was written before the source was switched on counts, too. */
async function joinGroup(redis: Redis, stream: string, group: string): Promise<void> {
  try {
    await redis.xgroup('CREATE', stream, group, '0', 'MKSTREAM')
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('BUSYGROUP'))) throw error
  }
}

async function readNew(redis: Redis, streams: readonly string[], { group, batch }: GroupOptions): Promise<Entry[]> {
  if (streams.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, BLOCK_MS))
    return []
  }
  const ids = streams.map(() => '>')
  const found = (await redis.xreadgroup(
    'GROUP',
    group,
    CONSUMER,
    'COUNT',
    batch,
    'BLOCK',
    BLOCK_MS,
    'STREAMS',
    ...streams,
    ...ids,
  )) as [string, RawEntries][] | null
  return (found ?? []).flatMap(([stream, entries]) => entriesOf(stream, entries))
}

const entriesOf = (stream: string, entries: RawEntries): Entry[] =>
  entries.map(([id, fields]) => ({ stream, id, fields: fields ?? [] }))

/** Milliseconds at which Redis gave the id. */
const madeAt = ({ id }: Entry): number => Number(id.split('-')[0])

async function settle(
  redis: Redis,
  entries: readonly Entry[],
  options: GroupOptions,
  run: Run,
  map: Mapping,
): Promise<void> {
  const last = Math.max(...entries.map(madeAt))
  const lagSeconds = Math.max(0, (Date.now() - last) / 1000)
  try {
    await run.accept({ ...map(entries), messages: entries.length, lagSeconds })
  } catch (error) {
    // A database that is away is not the entries' fault.
    if (!isTheirFault(error)) await forgiveDelivery(redis, entries, options.group).catch(() => undefined)
    throw error
  }
  await acknowledge(redis, entries, options.group)
}

async function acknowledge(redis: Redis, entries: readonly Entry[], group: string): Promise<void> {
  for (const [stream, ids] of byStream(entries)) await redis.xack(stream, group, ...ids)
}

function byStream(entries: readonly Entry[]): Map<string, string[]> {
  const ids = new Map<string, string[]>()
  for (const { stream, id } of entries) ids.set(stream, [...(ids.get(stream) ?? []), id])
  return ids
}

/** Errors that what an entry holds can cause: of our own code, or the database's about data. */
function isTheirFault(error: unknown): boolean {
  if (error instanceof LeaseLost || isLostConnection(error) || !(error instanceof Error)) return false
  if (error.name === 'AbortError') return false
  return (error as NodeJS.ErrnoException).code === undefined || isDataError(error)
}

async function forgiveDelivery(redis: Redis, entries: readonly Entry[], group: string): Promise<void> {
  for (const [stream, ids] of byStream(entries))
    await redis.call('XCLAIM', stream, group, CONSUMER, 0, ...ids, 'RETRYCOUNT', 1, 'JUSTID')
}

/**
 * Entries that were delivered and never acknowledged: their consumer died, or the work failed. The second try is made
 * together, later ones one by one, so that one poisonous entry cannot take others with it; after `maxDeliveries` it is
 * kept in the quarantine and acknowledged.
 */
async function recoverPending(
  redis: Redis,
  stream: string,
  minIdleMs: number,
  options: GroupOptions,
  run: Run,
  map: Mapping,
): Promise<void> {
  const { group, batch, maxDeliveries } = options
  let recovered = 0
  while (!run.signal.aborted) {
    const [oldest] = (await redis.xpending(stream, group, 'IDLE', minIdleMs, '-', '+', 1)) as [
      string,
      string,
      number,
      number,
    ][]
    if (!oldest) break
    const [id, , , deliveries] = oldest
    const count = deliveries < 2 ? batch : 1
    // The third element (Redis 7) names entries that were trimmed while they were pending: nothing is left to read.
    const [, claimed] = (await redis.xautoclaim(stream, group, CONSUMER, minIdleMs, id, 'COUNT', count)) as [
      string,
      RawEntries,
    ]
    const entries = entriesOf(
      stream,
      claimed.filter(([, fields]) => fields !== null),
    )
    const poison = count === 1 && deliveries >= maxDeliveries ? entries[0] : undefined
    if (poison) await quarantineEntry(redis, poison, deliveries > maxDeliveries, options, run, map)
    else if (entries.length > 0) await settle(redis, entries, options, run, map)
    recovered += entries.length
  }
  if (recovered > 0)
    run.logger.info({ tenant: run.tenant.slug, stream, recovered }, 'pending entries were taken up again')
}

/** Tries it for the last time, unless that has ended the process before; then keeps what it holds. */
async function quarantineEntry(
  redis: Redis,
  entry: Entry,
  hasHadLastTry: boolean,
  options: GroupOptions,
  run: Run,
  map: Mapping,
): Promise<void> {
  try {
    if (!hasHadLastTry) return await settle(redis, [entry], options, run, map)
  } catch (error) {
    if (!isTheirFault(error)) throw error
  }
  const message = `Handling it failed ${options.maxDeliveries} times. See the worker's log for the error.`
  await run.accept({ events: [], rejected: [{ body: readableFields(entry.fields), code: 'poison_message', message }] })
  await acknowledge(redis, [entry], options.group)
}

/** Removes entries before the oldest one that any group of the stream still has to settle or to read. */
async function trimSettled(redis: Redis, stream: string): Promise<void> {
  const groups = (await redis.xinfo('GROUPS', stream)) as unknown[][]
  const floors: string[] = []
  for (const info of groups) {
    const group = new Map(info.flatMap((_, i) => (i % 2 === 0 ? [[info[i], info[i + 1]] as const] : [])))
    const [pending, oldest] = (await redis.xpending(stream, String(group.get('name')))) as [number, string | null]
    floors.push(pending > 0 && oldest ? oldest : String(group.get('last-delivered-id')))
  }
  const [floor] = floors.sort(byId)
  if (floor !== undefined) await redis.xtrim(stream, 'MINID', floor)
}

function byId(a: string, b: string): number {
  const [aMs = '0', aSeq = '0'] = a.split('-')
  const [bMs = '0', bSeq = '0'] = b.split('-')
  return Number(aMs) - Number(bMs) || Number(aSeq) - Number(bSeq)
}
