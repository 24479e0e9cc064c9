import { LRUCache } from 'lru-cache'
import type { Database } from '../../../db/database.ts'
import { type MasterKey, piiKey } from '../../../db/secrets.ts'
import { findTenant, type Tenant } from '../../../db/tenant.ts'
import { ApiError, errors } from '../../errors.ts'

/** What requests of a tenant need again and again; kept a few seconds, so that changed settings apply soon. */
export interface TenantContext {
  readonly tenant: Tenant
  readonly piiKey: Buffer
}

const LIFETIME_MS = 5_000
const MAX_TENANTS = 10_000

/** Looks tenants up by the id in the token. 401 when there is no such tenant: the token names nobody. */
export function tenantContexts(database: Database, masterKey: MasterKey): (tenantId: string) => Promise<TenantContext> {
  const cache = new LRUCache<string, TenantContext>({
    max: MAX_TENANTS,
    ttl: LIFETIME_MS,
    fetchMethod: async (tenantId) => {
      const tenant = await findTenant(database.pool, { id: tenantId })
      return tenant && { tenant, piiKey: await piiKey(database.pool, masterKey, tenantId) }
    },
  })
  return async (tenantId) => {
    const context = await cache.fetch(tenantId)
    if (!context) throw new ApiError(errors.TOKEN_INVALID, { detail: 'The tenant of the token does not exist.' })
    return context
  }
}
