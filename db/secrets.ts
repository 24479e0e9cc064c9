import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type pg from 'pg'
import { erasureKeyOf } from '../sources/member-ids.ts'

const ALGORITHM = 'aes-256-gcm'
const VERSION = 1
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const PII_KEY = 'pii_key'

/** A tenant's secret as it may be listed: its name and age, never its value. */
export interface SecretInfo {
  readonly name: string
  /** ISO instant. */
  readonly updated_at: string
}

/** Bound to its tenant and name: a ciphertext moved to another row does not decrypt. */
const boundTo = (tenantId: string, name: string): Buffer => Buffer.from(`${tenantId.toLowerCase()}/${name}`)

/** AES-256-GCM under a 32-byte key → version (1 byte), nonce (12), tag (16), ciphertext. */
export function encryptSecret(masterKey: Buffer, tenantId: string, name: string, value: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, masterKey, nonce).setAAD(boundTo(tenantId, name))
  const ciphertext = Buffer.concat([cipher.update(value), cipher.final()])
  return Buffer.concat([Buffer.from([VERSION]), nonce, cipher.getAuthTag(), ciphertext])
}

/** The inverse of `encryptSecret`; throws when the key is another one or the bytes were changed. */
export function decryptSecret(masterKey: Buffer, tenantId: string, name: string, stored: Buffer): Buffer {
  const body = 1 + NONCE_BYTES + TAG_BYTES
  if (stored[0] !== VERSION || stored.length < body) throw new Error(`the secret ${name} has an unknown format`)
  const decipher = createDecipheriv(ALGORITHM, masterKey, stored.subarray(1, 1 + NONCE_BYTES))
    .setAAD(boundTo(tenantId, name))
    .setAuthTag(stored.subarray(1 + NONCE_BYTES, body))
  try {
    return Buffer.concat([decipher.update(stored.subarray(body)), decipher.final()])
  } catch (cause) {
    throw new Error(`the secret ${name} cannot be decrypted: it was stored under another MASTER_KEY`, { cause })
  }
}

/** Stores or replaces a tenant's secret. */
export async function writeSecret(
  pool: pg.Pool,
  masterKey: Buffer,
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
  masterKey: Buffer,
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
  masterKey: Buffer,
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
export const piiKey = (pool: pg.Pool, masterKey: Buffer, tenantId: string): Promise<Buffer> =>
  madeSecret(pool, masterKey, tenantId, PII_KEY, () => randomBytes(KEY_BYTES))

/**
 * A new key for PII from now on: values stored before keep their old pseudonyms, so a person counts as another one where
 * only pseudonyms tell. Its second half stays what erased members are recognised by, however often it is rotated.
 */
export async function rotatePiiKey(pool: pg.Pool, masterKey: Buffer, tenantId: string): Promise<void> {
  const known = await piiKey(pool, masterKey, tenantId)
  await writeSecret(pool, masterKey, tenantId, PII_KEY, Buffer.concat([randomBytes(KEY_BYTES), erasureKeyOf(known)]))
}
