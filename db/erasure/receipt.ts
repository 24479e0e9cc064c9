import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import type pg from 'pg'
import { type MasterKey, madeSecret } from '../secrets.ts'

/** Secret under which a tenant's receipts are signed (Ed25519, PKCS #8), encrypted like all others. */
const RECEIPT_KEY = 'receipt_key'

/** Proof of an erasure. `signature` (base64) is over the JSON text of `content`, its keys in order, made with `public_key`. */
export interface Receipt {
  readonly content: {
    readonly erasure_id: string
    readonly tenant_id: string
    /** Keyed hash: whoever has the tenant's key and the id can tell whose receipt it is, nobody else. */
    readonly member_hash: string
    readonly requested_by: string
    readonly requested_at: string
    readonly completed_at: string
    /** Rows deleted or rewritten, by table; files by kind. */
    readonly counts: Readonly<Record<string, number>>
  }
  readonly algorithm: 'Ed25519'
  /** SPKI, base64. */
  readonly public_key: string
  readonly signature: string
}

const keysInOrder = (_key: string, value: unknown): unknown =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value

const bytesOf = (content: Receipt['content']): Buffer => Buffer.from(JSON.stringify(content, keysInOrder))

/** Signs with the tenant's own key, made on first use. */
export async function signReceipt(pool: pg.Pool, masterKey: MasterKey, content: Receipt['content']): Promise<Receipt> {
  const pkcs8 = await madeSecret(pool, masterKey, content.tenant_id, RECEIPT_KEY, () =>
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'der' }),
  )
  const key = createPrivateKey({ key: pkcs8, type: 'pkcs8', format: 'der' })
  return {
    content,
    algorithm: 'Ed25519',
    public_key: createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64'),
    signature: sign(null, bytesOf(content), key).toString('base64'),
  }
}

/** Whether a receipt is as it was signed. That the key is the tenant's, the reader checks against a receipt known before. */
export function isGenuine(receipt: Receipt): boolean {
  const key = createPublicKey({ key: Buffer.from(receipt.public_key, 'base64'), type: 'spki', format: 'der' })
  return verify(null, bytesOf(receipt.content), key, Buffer.from(receipt.signature, 'base64'))
}
