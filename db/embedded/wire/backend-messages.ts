/**
 * Messages the server side sends, and a reader for those that PGlite produced.
 * Format: https://www.postgresql.org/docs/17/protocol-message-formats.html
 */

/** Transaction status in ReadyForQuery: idle, in a transaction, in a failed transaction. */
export type TransactionStatus = 'I' | 'T' | 'E'

function message(type: string, body: Buffer): Buffer {
  const header = Buffer.alloc(5)
  header.write(type, 0, 'latin1')
  header.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([header, body])
}

export const authenticationOk = message('R', Buffer.from([0, 0, 0, 0]))
export const askCleartextPassword = message('R', Buffer.from([0, 0, 0, 3]))

export function parameterStatus(name: string, value: string): Buffer {
  return message('S', Buffer.from(`${name}\0${value}\0`))
}

/** Process id and secret for CancelRequest. Nothing can be cancelled here, so the secret is zero. */
export function backendKeyData(id: number): Buffer {
  const body = Buffer.alloc(8)
  body.writeInt32BE(id, 0)
  return message('K', body)
}

export function readyForQuery(status: TransactionStatus): Buffer {
  return message('Z', Buffer.from(status))
}

export function errorResponse(
  severity: 'ERROR' | 'FATAL',
  error: { code: string; message: string; hint?: string },
): Buffer {
  const fields = [`S${severity}`, `V${severity}`, `C${error.code}`, `M${error.message}`]
  if (error.hint) fields.push(`H${error.hint}`)
  return message('E', Buffer.from(`${fields.join('\0')}\0\0`))
}

/** Tells a client that asked for a newer protocol minor version that 3.0 is spoken. */
export function negotiateProtocolVersion(unknownOptions: readonly string[]): Buffer {
  const head = Buffer.alloc(8)
  head.writeInt32BE(unknownOptions.length, 4)
  return message('v', Buffer.concat([head, ...unknownOptions.map((o) => Buffer.from(`${o}\0`))]))
}

export interface Notification {
  readonly channel: string
  readonly bytes: Buffer
}

export interface BackendOutput {
  /** Everything but NotificationResponse, in order, in memory of its own. */
  readonly reply: Buffer
  readonly notifications: readonly Notification[]
  /** Status of the last ReadyForQuery; null when the unit ended without Sync. */
  readonly status: TransactionStatus | null
  /** Tags of CommandComplete in order, for example `INSERT 0 3`. */
  readonly tags: readonly string[]
  /** The text of the first ErrorResponse, if there was one. */
  readonly error: string | null
}

const LETTER = { A: 0x41, C: 0x43, E: 0x45, Z: 0x5a } as const

/** Splits the raw answer of the engine to one unit. Copies what it keeps: the engine reuses its output buffer. */
export function readBackendOutput(raw: Uint8Array): BackendOutput {
  const all = Buffer.from(raw)
  const notifications: Notification[] = []
  const kept: Buffer[] = []
  const tags: string[] = []
  let status: TransactionStatus | null = null
  let error: string | null = null
  let keptFrom = 0
  for (let at = 0; at < all.length; ) {
    const end = at + 1 + all.readInt32BE(at + 1)
    switch (all[at]) {
      case LETTER.A:
        kept.push(all.subarray(keptFrom, at))
        keptFrom = end
        notifications.push({ channel: cString(all, at + 9), bytes: all.subarray(at, end) })
        break
      case LETTER.C:
        tags.push(cString(all, at + 5))
        break
      case LETTER.E:
        error ??= errorText(all, at + 5)
        break
      case LETTER.Z:
        status = String.fromCharCode(all[at + 5] ?? 0x49) as TransactionStatus
        break
      default:
    }
    at = end
  }
  kept.push(all.subarray(keptFrom))
  const reply = kept.length === 1 ? all : Buffer.concat(kept)
  return { reply, notifications, status, tags, error }
}

/** Zero-terminated text that starts at `from`. */
export function cString(bytes: Buffer, from: number): string {
  return bytes.toString('utf8', from, bytes.indexOf(0, from))
}

/** The human-readable message (field M) of an ErrorResponse body. */
function errorText(bytes: Buffer, from: number): string {
  for (let at = from; bytes[at]; ) {
    const text = cString(bytes, at)
    if (text.startsWith('M')) return text.slice(1)
    at = bytes.indexOf(0, at) + 1
  }
  return 'unknown error'
}
