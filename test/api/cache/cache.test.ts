import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { memoryCache } from '../../../api/cache/memory.ts'
import { redisCache } from '../../../api/cache/redis.ts'
import type { Cache, CachedBody } from '../../../api/cache.ts'
import { poll } from '../support/poll.ts'
import { hasRedis, startRedis, type TestRedis } from '../support/redis.ts'

const bytes = Buffer.from([0, 255, 10, 13, 0xc3, 0x28])
const body = (etag = '"1"', content = bytes): CachedBody => ({
  body: content,
  contentType: 'text/csv; charset=utf-8',
  etag,
})
let serial = 0
const unique = (name: string) => {
  serial += 1
  return `${name}-${process.pid}-${serial}`
}

function contract(makeCache: () => Cache) {
  test('gives back exactly what was stored', async () => {
    const cache = makeCache()
    const [key, tag] = [unique('k'), unique('t')]
    expect(await cache.get(key, [tag])).toBeUndefined()
    await cache.set(key, body(), [tag])
    const found = await cache.get(key, [tag])
    expect(found && { ...found, body: Buffer.from(found.body) }).toEqual(body())
  })

  test('an entry without tags lives as well', async () => {
    const cache = makeCache()
    const key = unique('k')
    await cache.set(key, body(), [], { seen: await cache.versions([]) })
    expect(await cache.get(key, [])).toMatchObject({ etag: '"1"' })
  })

  test('invalidating any one of its tags kills an entry, and no other', async () => {
    const cache = makeCache()
    const [k1, k2, t1, t2, t3] = ['k', 'k', 't', 't', 't'].map(unique) as [string, string, string, string, string]
    await cache.set(k1, body(), [t1, t2])
    await cache.set(k2, body(), [t3])
    await cache.invalidate([t2])
    expect(await cache.get(k1, [t1, t2])).toBeUndefined()
    expect(await cache.get(k2, [t3])).toBeDefined()
    await cache.set(k1, body('"2"'), [t1, t2])
    expect(await cache.get(k1, [t1, t2])).toMatchObject({ etag: '"2"' })
    await cache.invalidate([])
  })

  test('an answer computed before an invalidation is not stored after it', async () => {
    const cache = makeCache()
    const [key, tag] = [unique('k'), unique('t')]
    const seen = await cache.versions([tag])
    await cache.invalidate([tag])
    await cache.set(key, body('"old"'), [tag], { seen })
    expect(await cache.get(key, [tag])).toBeUndefined()
    await cache.set(key, body('"new"'), [tag], { seen: await cache.versions([tag]) })
    expect(await cache.get(key, [tag])).toMatchObject({ etag: '"new"' })
  })

  test('versions change with every invalidation and only then', async () => {
    const cache = makeCache()
    const [t1, t2] = [unique('t'), unique('t')]
    const first = await cache.versions([t1, t2])
    expect(await cache.versions([t1, t2])).toBe(first)
    await cache.invalidate([t2])
    const second = await cache.versions([t1, t2])
    await cache.invalidate([t2])
    expect(new Set([first, second, await cache.versions([t1, t2])]).size).toBe(3)
  })

  test('an entry dies after its time', async () => {
    const cache = makeCache()
    const [key, tag] = [unique('k'), unique('t')]
    await cache.set(key, body(), [tag], { ttlSeconds: 1 })
    expect(await cache.get(key, [tag])).toBeDefined()
    await poll(() => cache.get(key, [tag])).toBeUndefined()
  })
}

describe('the in-process cache', () => {
  contract(() => memoryCache())

  test('forgets the least recently used answers when it is full', async () => {
    const cache = memoryCache({ maxBytes: 10_000 })
    for (const key of ['a', 'b', 'c']) {
      await cache.set(key, body('"1"', Buffer.alloc(4000)), ['t'])
      await cache.get('a', ['t'])
    }
    expect(await Promise.all(['a', 'b', 'c'].map(async (k) => (await cache.get(k, ['t'])) !== undefined))).toEqual([
      true,
      false,
      true,
    ])
  })

  test('does not keep an answer larger than itself', async () => {
    const cache = memoryCache({ maxBytes: 1000 })
    await cache.set('a', body('"1"', Buffer.alloc(4000)), ['t'])
    expect(await cache.get('a', ['t'])).toBeUndefined()
  })
})

describe.skipIf(!hasRedis)('the Redis cache (skipped: no Redis here unless REDIS_URL or redis-server)', () => {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.stop())

  contract(() => redisCache(redis.client()))

  test('is one cache for all instances', async () => {
    const [one, two] = [redisCache(redis.client()), redisCache(redis.client())]
    const [key, tag] = [unique('k'), unique('t')]
    await one.set(key, body(), [tag])
    expect(await two.get(key, [tag])).toMatchObject({ etag: '"1"' })
    await two.invalidate([tag])
    expect(await one.get(key, [tag])).toBeUndefined()
  })

  test('keeps entries as hashes under analytics:* and everything it writes expires', async () => {
    const client = redis.client()
    const [key, tag] = [unique('k'), unique('t')]
    await redisCache(client).set(key, body(), [tag])
    await redisCache(client).invalidate([tag])
    expect(await client.type(`analytics:cache:${key}`)).toBe('hash')
    expect(await client.ttl(`analytics:cache:${key}`)).toBeGreaterThan(0)
    expect(await client.ttl(`analytics:tag:${tag}`)).toBeGreaterThan(0)
  })
})
