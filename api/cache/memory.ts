import { LRUCache } from 'lru-cache'
import { type Cache, type CachedBody, DEFAULT_TTL_SECONDS } from '../cache.ts'

type Entry = { readonly body: CachedBody; readonly versions: string }

/**
 * The in-process cache: least recently used answers go first once `maxBytes` are held.
 * Tags are counters; an entry lives while its tags stand where they stood when it was computed.
 */
export function memoryCache(options: { maxBytes?: number } = {}): Cache {
  const entries = new LRUCache<string, Entry>({
    maxSize: options.maxBytes ?? 64 * 1024 * 1024,
    sizeCalculation: (entry, key) => entry.body.body.length + key.length + 512,
    ttl: DEFAULT_TTL_SECONDS * 1000,
  })
  // Bounded too: a forgotten counter makes its entries misses, because a new one starts at a number never used before.
  const counters = new LRUCache<string, number>({ max: 50_000 })
  let clock = 0
  const counter = (tag: string) => {
    const known = counters.get(tag)
    if (known !== undefined) return known
    clock += 1
    counters.set(tag, clock)
    return clock
  }
  const versionsOf = (tags: readonly string[]) => tags.map(counter).join('.')

  return {
    async get(key, tags) {
      const entry = entries.get(key)
      if (!entry) return undefined
      if (entry.versions === versionsOf(tags)) return entry.body
      entries.delete(key)
      return undefined
    },
    async set(key, body, tags, { ttlSeconds = DEFAULT_TTL_SECONDS, seen } = {}) {
      const versions = versionsOf(tags)
      if (seen !== undefined && seen !== versions) return
      entries.set(key, { body, versions }, { ttl: ttlSeconds * 1000 })
    },
    async invalidate(tags) {
      for (const tag of tags) {
        clock += 1
        counters.set(tag, clock)
      }
    },
    async versions(tags) {
      return versionsOf(tags)
    },
  }
}
