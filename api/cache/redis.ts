import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { type Cache, DEFAULT_TTL_SECONDS } from '../cache.ts'

const entryKey = (key: string) => `analytics:cache:${key}`
const tagKey = (tag: string) => `analytics:tag:${tag}`

/** A tag outlives every entry that carries it, or a forgotten invalidation would bring an old answer back. */
const TAG_TTL_SECONDS = 24 * 3600
const MAX_TTL_SECONDS = TAG_TTL_SECONDS / 2

/** The entry if its tags stand where they stood. One round trip: asked one after the other, it and its tags cost a hit half as much again. */
const GET_IF_UNCHANGED = `
local entry = redis.call('HMGET', KEYS[1], 'body', 'type', 'etag', 'versions')
if not entry[1] then return nil end
local current = {}
for i = 2, #KEYS do current[i - 1] = redis.call('GET', KEYS[i]) or '0' end
if table.concat(current, '.') ~= entry[4] then return nil end
return { entry[1], entry[2], entry[3] }`

/** Stores the entry unless a tag moved since the answer was computed. One step, so no invalidation falls in between. */
const SET_IF_UNCHANGED = `
local current = {}
for i = 2, #KEYS do current[i - 1] = redis.call('GET', KEYS[i]) or '0' end
local versions = table.concat(current, '.')
if ARGV[5] == '1' and ARGV[6] ~= versions then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'body', ARGV[1], 'type', ARGV[2], 'etag', ARGV[3], 'versions', versions)
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1`

type Scripted = Redis & {
  cachedGetBuffer(keys: number, ...names: string[]): Promise<[body: Buffer, type: Buffer, etag: Buffer] | null>
}

/**
 * The cache shared between instances. An entry is a hash \`analytics:cache:<key>\`; a tag is a random word that an
 * invalidation replaces, so killing any number of entries costs one SET per tag.
 */
export function redisCache(redis: Redis): Cache {
  redis.defineCommand('cachedGet', { lua: GET_IF_UNCHANGED, readOnly: true })
  const scripted = redis as Scripted
  const versionsOf = async (tags: readonly string[]) => {
    if (tags.length === 0) return ''
    const words = await redis.mget(tags.map(tagKey))
    return words.map((word) => word ?? '0').join('.')
  }
  return {
    async get(key, tags) {
      const found = await scripted.cachedGetBuffer(1 + tags.length, entryKey(key), ...tags.map(tagKey))
      if (!found) return undefined
      const [body, type, etag] = found
      return { body, contentType: type.toString(), etag: etag.toString() }
    },
    async set(key, { body, contentType, etag }, tags, { ttlSeconds = DEFAULT_TTL_SECONDS, seen } = {}) {
      const keys = [entryKey(key), ...tags.map(tagKey)]
      const ttl = Math.max(1, Math.min(Math.ceil(ttlSeconds), MAX_TTL_SECONDS))
      const guard = seen === undefined ? ['0', ''] : ['1', seen]
      await redis.eval(SET_IF_UNCHANGED, keys.length, ...keys, body, contentType, etag, ttl, ...guard)
    },
    async invalidate(tags) {
      if (tags.length === 0) return
      const batch = redis.multi()
      for (const tag of tags) batch.set(tagKey(tag), randomUUID(), 'EX', TAG_TTL_SECONDS)
      // exec() reports failures of single commands beside the results instead of rejecting.
      for (const [error] of (await batch.exec()) ?? []) if (error) throw error
    },
    versions: versionsOf,
  }
}

/** A client for cache and rate limit: fails within half a second, because both go on without Redis rather than wait. */
export function cacheRedis(url: string): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    commandTimeout: 500,
    enableAutoPipelining: true,
  })
  // Said once per attempt to reconnect; the commands that fail meanwhile are logged where they were made.
  redis.on('error', () => {})
  return redis
}
