import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { type Cache, DEFAULT_TTL_SECONDS } from '../cache.ts'

const entryKey = (key: string) => `analytics:cache:${key}`
const tagKey = (tag: string) => `analytics:tag:${tag}`

/** A tag outlives every entry that carries it, or a forgotten invalidation would bring an old answer back. */
const TAG_TTL_SECONDS = 24 * 3600
const MAX_TTL_SECONDS = TAG_TTL_SECONDS / 2

/** Stores the entry unless a tag moved since the answer was computed. One step, so no invalidation falls in between. */
const SET_IF_UNCHANGED = `
local current = {}
for i = 2, #KEYS do current[i - 1] = redis.call('GET', KEYS[i]) or '0' end
local versions = table.concat(current, '.')
if ARGV[6] == '1' and ARGV[7] ~= versions then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'body', ARGV[1], 'type', ARGV[2], 'etag', ARGV[3], 'tags', ARGV[4], 'versions', versions)
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1`

/**
 * The cache shared between instances. An entry is a hash \`analytics:cache:<key>\`; a tag is a random word that an
 * invalidation replaces, so killing any number of entries costs one SET per tag.
 */
export function redisCache(redis: Redis): Cache {
  const versionsOf = async (tags: readonly string[]) => {
    if (tags.length === 0) return ''
    const words = await redis.mget(tags.map(tagKey))
    return words.map((word) => word ?? '0').join('.')
  }
  return {
    async get(key) {
      const [body, type, etag, tags, versions] = await redis.hmgetBuffer(
        entryKey(key),
        'body',
        'type',
        'etag',
        'tags',
        'versions',
      )
      if (!body || !type || !etag || !tags || !versions) return undefined
      const names: unknown = JSON.parse(tags.toString())
      if (!Array.isArray(names) || (await versionsOf(names.map(String))) !== versions.toString()) return undefined
      return { body, contentType: type.toString(), etag: etag.toString() }
    },
    async set(key, { body, contentType, etag }, tags, { ttlSeconds = DEFAULT_TTL_SECONDS, seen } = {}) {
      const keys = [entryKey(key), ...tags.map(tagKey)]
      const ttl = Math.max(1, Math.min(Math.ceil(ttlSeconds), MAX_TTL_SECONDS))
      const guard = seen === undefined ? ['0', ''] : ['1', seen]
      await redis.eval(
        SET_IF_UNCHANGED,
        keys.length,
        ...keys,
        body,
        contentType,
        etag,
        JSON.stringify(tags),
        ttl,
        ...guard,
      )
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
  const redis = new Redis(url, { maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: 500 })
  // Said once per attempt to reconnect; the commands that fail meanwhile are logged where they were made.
  redis.on('error', () => {})
  return redis
}
