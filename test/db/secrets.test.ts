import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  decryptSecret,
  deleteSecret,
  encryptSecret,
  listSecrets,
  piiKey,
  readSecret,
  reencryptSecrets,
  writeSecret,
} from '../../db/secrets.ts'
import { createTenant } from '../../db/tenant.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

const key = randomBytes(32)
const tenantId = '7d9f2c1e-0000-4000-8000-000000000001'

describe('secrets at rest', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await openTestDatabase()
  })
  afterAll(() => database.close())

  it('any bytes come back as they were, and never look the same twice', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), (bytes, name) => {
        const value = Buffer.from(bytes)
        const stored = encryptSecret(key, tenantId, name, value)
        expect(decryptSecret(key, tenantId, name, stored).equals(value)).toBe(true)
        expect(encryptSecret(key, tenantId, name, value).equals(stored)).toBe(false)
      }),
    )
  })

  it('another key, another tenant, another name or one flipped bit is refused', () => {
    const stored = encryptSecret(key, tenantId, 'a_secret', Buffer.from('value'))
    expect(() => decryptSecret(randomBytes(32), tenantId, 'a_secret', stored)).toThrow(/another MASTER_KEY/)
    expect(() => decryptSecret(key, tenantId.replace('1', '2'), 'a_secret', stored)).toThrow()
    expect(() => decryptSecret(key, tenantId, 'b_secret', stored)).toThrow()
    for (let at = 0; at < stored.length; at += 1) {
      const changed = Buffer.from(stored)
      changed.writeUInt8((changed[at] ?? 0) ^ 1, at)
      expect(() => decryptSecret(key, tenantId, 'a_secret', changed)).toThrow()
    }
  })

  it('a stored secret is replaced, listed without its value and removed; the database never sees it in clear', async () => {
    const { pool } = database
    const { id } = await createTenant(pool, { slug: 'acme', timezone: 'UTC', currency: 'USD' })
    await writeSecret(pool, key, id, 'stripe_webhook_secret', 'whsec_1')
    await writeSecret(pool, key, id, 'stripe_webhook_secret', 'whsec_2')
    expect((await readSecret(pool, key, id, 'stripe_webhook_secret'))?.toString()).toBe('whsec_2')
    expect(JSON.stringify(await listSecrets(pool, id))).not.toContain('whsec')
    const { rows } = await pool.query<{ ciphertext: Buffer }>('select ciphertext from analytics.tenant_secrets')
    expect(rows[0]?.ciphertext.includes('whsec')).toBe(false)
    expect(await deleteSecret(pool, id, 'stripe_webhook_secret')).toBe(true)
    expect(await readSecret(pool, key, id, 'stripe_webhook_secret')).toBeUndefined()
  })

  it('another master key: both are read, everything is written under the new one, and the old one can go', async () => {
    const { pool } = database
    const { id } = await createTenant(pool, { slug: 'rotating', timezone: 'UTC', currency: 'USD' })
    const [old, fresh] = [randomBytes(32), randomBytes(32)]
    await pool.query('delete from analytics.tenant_secrets')
    await writeSecret(pool, old, id, 'a_secret', 'a')
    const pii = await piiKey(pool, old, id)
    // First every process can read what others will write, then they write it.
    const before = { current: old, previous: fresh }
    const after = { current: fresh, previous: old }
    await writeSecret(pool, after, id, 'b_secret', 'b')
    for (const keys of [before, after]) {
      expect((await readSecret(pool, keys, id, 'a_secret'))?.toString()).toBe('a')
      expect((await readSecret(pool, keys, id, 'b_secret'))?.toString()).toBe('b')
      expect((await piiKey(pool, keys, id)).equals(pii)).toBe(true)
    }
    await expect(readSecret(pool, fresh, id, 'a_secret')).rejects.toThrow(/another MASTER_KEY/)
    await writeSecret(pool, randomBytes(32), id, 'lost_secret', 'x')

    const ages = async () => (await listSecrets(pool, id)).map(({ name, updated_at }) => [name, String(updated_at)])
    const aged = await ages()
    const unreadable = ['rotating: lost_secret']
    expect(await reencryptSecrets(pool, after)).toEqual({ secrets: 4, moved: 2, unreadable })
    expect(await reencryptSecrets(pool, after)).toEqual({ secrets: 4, moved: 0, unreadable })
    expect(await ages()).toEqual(aged)
    expect((await readSecret(pool, fresh, id, 'a_secret'))?.toString()).toBe('a')
    expect((await readSecret(pool, fresh, id, 'b_secret'))?.toString()).toBe('b')
    expect((await piiKey(pool, fresh, id)).equals(pii)).toBe(true)
    await expect(readSecret(pool, old, id, 'a_secret')).rejects.toThrow(/another MASTER_KEY/)
  })

  it('the PII key is made once, however many ask for it at the same time', async () => {
    const { pool } = database
    const { id } = await createTenant(pool, { slug: 'beta', timezone: 'UTC', currency: 'USD' })
    const keys = await Promise.all(Array.from({ length: 6 }, () => piiKey(pool, key, id)))
    expect(new Set(keys.map((found) => found.toString('hex'))).size).toBe(1)
    expect(keys[0]).toHaveLength(32)
  })
})
