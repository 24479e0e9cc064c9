import { setTimeout as wait } from 'node:timers/promises'
import { DateTime } from 'luxon'
import { announceRefreshed } from '../db/ledgers.ts'
import { ManagedProcess } from './chaos/process.ts'
import { dayBefore, fillTenant } from './fill.ts'
import { each, load, request } from './http-load.ts'
import { peaks } from './memory.ts'
import { freePort, type Platform, withPlatform } from './platform.ts'
import { type Bench, type BenchOptions, type Figure, hasProgram, spread } from './rounds.ts'

const CONNECTIONS = 32
const DAYS = 120
const POINTS = 90
const MISSES = 250

/** Requests per second of a cached answer, of a route that reads nothing, and of answers nobody asked for before. */
async function measure(name: string, platform: Platform, { rounds, size, log }: BenchOptions): Promise<Figure[]> {
  const count = size(5_000, 100_000)
  const to = DateTime.utc().minus({ days: 1 }).toISODate()
  await fillTenant(platform.pool, platform.tenant, { rows: 60_000, days: DAYS, members: 100, to })
  const ask = (path: string) => request(platform.url, 'GET', platform.reader, undefined, path)
  const rate = async (requests: readonly Buffer[]) => {
    const { ms } = await load({ url: platform.url, connections: CONNECTIONS, next: each(requests) })
    return (requests.length * 1000) / ms
  }
  const metric = (from: number, until: number) =>
    ask(`/api/analytics/metrics/dau?from=${dayBefore(to, from)}&to=${dayBefore(to, until)}&granularity=day`)
  const cached = Array.from({ length: count }, () => metric(POINTS, 0))
  const fixed = Array.from({ length: count }, () => ask('/health/live'))
  // about as many points, each range once
  const fresh = Array.from({ length: MISSES }, (_, i) => metric(POINTS + (i % 25), Math.floor(i / 25) + 1))
  const hits: number[] = []
  const faster: number[] = []
  for (let round = 0; round <= rounds; round += 1) {
    const fixedRate = await rate(fixed)
    const hitRate = await rate(cached)
    await announceRefreshed(platform.pool, [platform.tenant.id])
    await wait(200)
    const missRate = await rate(fresh)
    log(
      `${name}, round ${round}: static ${fixedRate.toFixed(0)}/s, cached ${hitRate.toFixed(0)}/s, uncached ${missRate.toFixed(0)}/s`,
    )
    if (round === 0) continue
    hits.push(hitRate / fixedRate)
    faster.push(hitRate / missRate)
  }
  return [
    spread(`${name}: cached : static`, hits, { goal: 7, atLeast: 0.6 }),
    spread(`${name}: cached : uncached`, faster, { goal: 7, atLeast: 10 }),
  ]
}

/** A Redis of its own for as long as `work` takes. */
async function withRedis<T>(work: (url: string) => Promise<T>): Promise<T> {
  const port = await freePort()
  const redis = new ManagedProcess({
    name: 'redis',
    command: 'redis-server',
    args: ['--port', String(port), '--save', '', '--appendonly', 'no'],
    env: {},
    ready: async () => true,
  })
  await redis.ensureReady()
  return work(`redis://127.0.0.1:${port}`).finally(() => redis.stop())
}

/** Goal 7. */
export const cache: Bench = {
  name: 'cache',
  title: `a metric of ${POINTS} points from the cache : a static route, and : computed; in the process and in Redis`,
  async run(options) {
    const figures: Figure[] = []
    let memory = {}
    await withPlatform({}, async (platform) => {
      figures.push(...(await measure('in the process', platform, options)))
      memory = peaks(await platform.memory())
    })
    const hasRedis = await hasProgram('redis-server')
    if (hasRedis)
      await withRedis((url) =>
        withPlatform({ env: { REDIS_URL: url } }, async (platform) => {
          figures.push(...(await measure('Redis', platform, options)))
        }),
      )
    return {
      ratios: figures,
      memory,
      notes: hasRedis ? [] : ['without Redis: redis-server is not installed (Debian: apt-get install redis-server)'],
    }
  },
}
