import { LRUCache } from 'lru-cache'
import type { Database } from '../../../db/database.ts'
import { type MasterKey, piiKey, readSecret } from '../../../db/secrets.ts'
import { findTenant, type Tenant } from '../../../db/tenant.ts'
import { ApiError, errors } from '../../errors.ts'

/** What a webhook needs of the tenant in its path; kept a few seconds, so that a rolled secret applies soon. */
export interface WebhookTenant {
  readonly tenant: Tenant
  readonly piiKey: Buffer
  /** The values of a secret setting: several, separated by commas or blanks, while one replaces the other. */
  secrets(name: SecretName): readonly string[]
}

const secretNames = ['stripe_webhook_secret', 'revenuecat_authorization', 'revenuecat_webhook_secret'] as const
type SecretName = (typeof secretNames)[number]

const LIFETIME_MS = 5_000
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Finds tenants by slug or id; 404 when there is none. */
export function webhookTenants(database: Database, masterKey: MasterKey): (name: string) => Promise<WebhookTenant> {
  const cache = new LRUCache<string, WebhookTenant>({
    max: 10_000,
    ttl: LIFETIME_MS,
    fetchMethod: async (name) => {
      const { pool } = database
      const tenant = await findTenant(pool, UUID.test(name) ? { id: name } : { slug: name })
      if (tenant === undefined) return undefined
      const values = new Map<string, string[]>()
      for (const secret of secretNames) {
        const value = await readSecret(pool, masterKey, tenant.id, secret)
        // An Authorization header may hold a blank; only its commas separate.
        const separator = secret === 'revenuecat_authorization' ? /,\s*/ : /[\s,]+/
        values.set(secret, (value?.toString('utf8') ?? '').split(separator).filter(Boolean))
      }
      const key = await piiKey(pool, masterKey, tenant.id)
      return { tenant, piiKey: key, secrets: (secret) => values.get(secret) ?? [] }
    },
  })
  return async (name) => {
    const found = await cache.fetch(name)
    if (found === undefined) throw new ApiError(errors.NOT_FOUND)
    return found
  }
}
