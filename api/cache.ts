/** A finished answer: the bytes as they go out, their type and strong validator. */
export type CachedBody = {
  readonly body: Buffer
  readonly contentType: string
  /** Quoted, as in the ETag header. */
  readonly etag: string
}

type CacheSetOptions = {
  /** Lifetime in seconds; the cache's own when absent. */
  readonly ttlSeconds?: number | undefined
  /**
   * `versions(tags)` as it was before the answer was computed. When a tag was invalidated since, the answer may be made
   * of old rows and is not stored. Leaving it out accepts that race.
   */
  readonly seen?: string | undefined
}

/**
 * Answers by key. Every entry has tags (`tenant:<uuid>:<what it was read from>`); invalidating a tag kills all of its
 * entries at once, in every instance that shares the cache.
 */
export interface Cache {
  /** The entry, if it was set with these tags and none of them was invalidated since. */
  get(key: string, tags: readonly string[]): Promise<CachedBody | undefined>
  set(key: string, body: CachedBody, tags: readonly string[], options?: CacheSetOptions): Promise<void>
  invalidate(tags: readonly string[]): Promise<void>
  /** An opaque word that changes whenever one of the tags is invalidated. */
  versions(tags: readonly string[]): Promise<string>
}

/** The tag of everything a tenant's answers read from one place (a metric, a relation, or `all`). */
export const cacheTag = (tenantId: string, source: string): string => `tenant:${tenantId.toLowerCase()}:${source}`

/** Entries that nothing invalidates die after this long. */
export const DEFAULT_TTL_SECONDS = 300
