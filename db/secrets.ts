import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type pg from 'pg'
import { erasureKeyOf } from '../sources/member-ids.ts'
import { inTransaction } from './tenant.ts'

const ALGORITHM = 'aes-256-gcm'
const VERSION = 1
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const PII_KEY = 'pii_key'

/** Encrypts secrets at rest, 32 bytes. While it is being replaced, `previous` is the other one, which only decrypts. */
export type MasterKey = Buffer | { readonly current: Buffer; readonly previous: Buffer }

/** The key that is used from now on; links and embed tokens are derived from it. */
export const currentKey = (masterKey: MasterKey): Buffer => ('current' in masterKey ? masterKey.current : masterKey)

/** A tenant's secret as it may be listed: its name and age, never its value. */
export interface SecretInfo {
  readonly name: string
  /** ISO instant. */
  readonly updated_at: string
}

/** Bound to its tenant and name: a ciphertext moved to another row does not decrypt. */
const boundTo = (tenantId: string, name: string): Buffer => Buffer.from(`${tenantId.toLowerCase()}/${name}`)

/** AES-256-GCM under a 32-byte key → version (1 byte), nonce (12), tag (16), ciphertext. */
export function encryptSecret(masterKey: MasterKey, tenantId: string, name: string, value: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, currentKey(masterKey), nonce).setAAD(boundTo(tenantId, name))
  const ciphertext = Buffer.concat([cipher.update(value), cipher.final()])
  return Buffer.concat([Buffer.from([VERSION]), nonce, cipher.getAuthTag(), ciphertext])
}

/** The inverse of `encryptSecret`, under either key; throws when it is another one or the bytes were changed. */
export function decryptSecret(masterKey: MasterKey, tenantId: string, name: string, stored: Buffer): Buffer {
  if (!('current' in masterKey)) return decryptUnder(masterKey, tenantId, name, stored)
  try {
    return decryptUnder(masterKey.current, tenantId, name, stored)
  } catch {
    return decryptUnder(masterKey.previous, tenantId, name, stored)
  }
}

function decryptUnder(key: Buffer, tenantId: string, name: string, stored: Buffer): Buffer {
  const body = 1 + NONCE_BYTES + TAG_BYTES
  if (stored[0] !== VERSION || stored.length < body) throw new Error(`the secret ${name} has an unknown format`)
  const decipher = createDecipheriv(ALGORITHM, key, stored.subarray(1, 1 + NONCE_BYTES))
    .setAAD(boundTo(tenantId, name))
    .setAuthTag(stored.subarray(1 + NONCE_BYTES, body))
  try {
    return Buffer.concat([decipher.update(stored.subarray(body)), decipher.final()])
  } catch (cause) {
    throw new Error(`the secret ${name} cannot be decrypted: it was stored under another MASTER_KEY`, { cause })
  }
}

/** What `reencryptSecrets` found. `unreadable`: tenant and name of secrets that neither key decrypts; they stay as they are. */
export interface Reencrypted {
  readonly secrets: number
  readonly moved: number
  readonly unreadable: readonly string[]
}

/**
 * Encrypts every secret that is under the previous master key under the current one, in one transaction, so that the
 * previous key can be forgotten. Values and their age stay; running it again moves nothing.
 */
export function reencryptSecrets(pool: pg.Pool, masterKey: Exclude<MasterKey, Buffer>): Promise<Reencrypted> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ tenant_id: string; slug: string; name: string; ciphertext: Buffer }>(
      `select s.tenant_id, t.slug, s.name, s.ciphertext
       from analytics.tenant_secrets s join analytics.tenants t on t.id = s.tenant_id
       order by t.slug, s.name for update of s`,
    )
    const unreadable: string[] = []
    let moved = 0
    for (const { tenant_id, slug, name, ciphertext } of rows) {
      if (isUnder(masterKey.current, tenant_id, name, ciphertext)) continue
      if (!isUnder(masterKey.previous, tenant_id, name, ciphertext)) {
        unreadable.push(`${slug}: ${name}`)
        continue
      }
      const value = decryptUnder(masterKey.previous, tenant_id, name, ciphertext)
      await client.query('update analytics.tenant_secrets set ciphertext = $3 where tenant_id = $1 and name = $2', [
        tenant_id,
        name,
        encryptSecret(masterKey.current, tenant_id, name, value),
      ])
      moved += 1
    }
    return { secrets: rows.length, moved, unreadable }
  })
}

function isUnder(key: Buffer, tenantId: string, name: string, stored: Buffer): boolean {
  try {
    decryptUnder(key, tenantId, name, stored)
    return true
  } catch {
    return false
  }
}

/** Stores or replaces a tenant's secret. */
export async function writeSecret(
  pool: pg.Pool,
  masterKey: MasterKey,
  tenantId: string,
  name: string,
  value: string | Buffer,
): Promise<void> {
  await pool.query(
    `insert into analytics.tenant_secrets (tenant_id, name, ciphertext) values ($1, $2, $3)
     on conflict (tenant_id, name) do update set ciphertext = excluded.ciphertext, updated_at = now()`,
    [tenantId, name, encryptSecret(masterKey, tenantId, name, Buffer.from(value))],
  )
}

/** A tenant's secret in clear; undefined when it was never set. */
export async function readSecret(
  pool: pg.Pool,
  masterKey: MasterKey,
  tenantId: string,
  name: string,
): Promise<Buffer | undefined> {
  const { rows } = await pool.query<{ ciphertext: Buffer }>(
    'select ciphertext from analytics.tenant_secrets where tenant_id = $1 and name = $2',
    [tenantId, name],
  )
  return rows[0] && decryptSecret(masterKey, tenantId, name, rows[0].ciphertext)
}

/** Removes a tenant's secret; true when there was one. */
export async function deleteSecret(pool: pg.Pool, tenantId: string, name: string): Promise<boolean> {
  const { rowCount } = await pool.query('delete from analytics.tenant_secrets where tenant_id = $1 and name = $2', [
    tenantId,
    name,
  ])
  return rowCount === 1
}

/** Which secrets a tenant has, without their values. */
export async function listSecrets(pool: pg.Pool, tenantId: string): Promise<SecretInfo[]> {
  const { rows } = await pool.query<SecretInfo>(
    'select name, updated_at from analytics.tenant_secrets where tenant_id = $1 order by name',
    [tenantId],
  )
  return rows
}

/** A secret that the platform makes itself on first use. */
export async function madeSecret(
  pool: pg.Pool,
  masterKey: MasterKey,
  tenantId: string,
  name: string,
  make: () => Buffer,
): Promise<Buffer> {
  const known = await readSecret(pool, masterKey, tenantId, name)
  if (known) return known
  await pool.query(
    `insert into analytics.tenant_secrets (tenant_id, name, ciphertext) values ($1, $2, $3)
     on conflict (tenant_id, name) do nothing`,
    [tenantId, name, encryptSecret(masterKey, tenantId, name, make())],
  )
  // Read back: of two processes that made one at the same time, the first row counts.
  const stored = await readSecret(pool, masterKey, tenantId, name)
  if (!stored) throw new Error('the tenant of this key does not exist')
  return stored
}

/**
 * The key under which a tenant's PII is replaced (HMAC-SHA256); made on first use, 32 bytes. The same address gives the
 * same pseudonym until the key is rotated; then it is 64 bytes, see `rotatePiiKey`.
 */
export const piiKey = (pool: pg.Pool, masterKey: MasterKey, tenantId: string): Promise<Buffer> =>
  madeSecret(pool, masterKey, tenantId, PII_KEY, () => randomBytes(KEY_BYTES))

/**
 * A new key for PII from now on: values stored before keep their old pseudonyms, so a person counts as another one where
 * only pseudonyms tell. Its second half stays what erased members are recognised by, however often it is rotated.
 */
export async function rotatePiiKey(pool: pg.Pool, masterKey: MasterKey, tenantId: string): Promise<void> {
  const known = await piiKey(pool, masterKey, tenantId)
  await writeSecret(pool, masterKey, tenantId, PII_KEY, Buffer.concat([randomBytes(KEY_BYTES), erasureKeyOf(known)]))
}
