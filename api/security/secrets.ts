import { randomBytes, randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Config } from '../../config.ts'
import type { MasterKey } from '../../db/secrets.ts'

/** Keys that exist outside the code only. */
export type Secrets = {
  /** HS256 key; null when JWKS_URL names an identity provider that signs instead. */
  readonly jwtSecret: Uint8Array | null
  /** Encrypts tenant secrets and PII keys at rest. */
  readonly masterKey: MasterKey
}

type SecretsConfig = Pick<
  Config,
  'NODE_ENV' | 'JWT_SECRET' | 'JWKS_URL' | 'MASTER_KEY' | 'MASTER_KEY_PREVIOUS' | 'dataDir'
>

const MASTER_KEY_BYTES = 32
const fileSchema = z.object({ jwt_secret: z.string().min(32), master_key: z.string() })

/** Throws when the text is not base64 of exactly 32 bytes; the message never holds it. */
function masterKeyOf(text: string, where: string): Buffer {
  const key = Buffer.from(text, 'base64')
  const isExact = key.toString('base64').replace(/=+$/, '') === text.trim().replace(/=+$/, '')
  if (isExact && key.length === MASTER_KEY_BYTES) return key
  throw new Error(`${where} must be 32 bytes in base64; make one with: openssl rand -base64 32`)
}

/** Writes the file whole or not at all: linking fails if another process was first, and its secrets then count. */
async function generate(path: string): Promise<void> {
  const draft = `${path}.${randomUUID()}`
  const secrets = { jwt_secret: randomBytes(48).toString('base64url'), master_key: randomBytes(32).toString('base64') }
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(`${JSON.stringify(secrets, null, 2)}\n`)
    await file.sync()
    await link(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await file.close()
    await unlink(draft)
  }
}

async function readSecrets(path: string): Promise<z.infer<typeof fileSchema>> {
  if (process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0) {
    throw new Error(`${path} can be read by others than its owner; run: chmod 600 ${path}`)
  }
  const parsed = fileSchema.safeParse(parseJson(await readFile(path, 'utf8')))
  if (parsed.success) return parsed.data
  // Made anew it would lock every stored tenant secret for good, so that is left to a person.
  throw new Error(`${path} is damaged; restore it from a backup, or set JWT_SECRET and MASTER_KEY`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function localSecrets(dataDir: string): Promise<z.infer<typeof fileSchema>> {
  const path = join(dataDir, 'secrets.json')
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  try {
    return await readSecrets(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await generate(path)
  return readSecrets(path)
}

/**
 * The secrets from the environment; what is missing there is generated once into DATA_DIR/secrets.json (mode 0600).
 * In production nothing is generated: the error says what to set.
 */
export async function loadSecrets(config: SecretsConfig): Promise<Secrets> {
  const needsJwt = !config.JWKS_URL && !config.JWT_SECRET
  const needsMaster = !config.MASTER_KEY
  if (config.NODE_ENV === 'production' && (needsJwt || needsMaster)) {
    const missing = [
      ...(needsJwt ? ['JWT_SECRET (at least 32 characters) or JWKS_URL'] : []),
      ...(needsMaster ? ['MASTER_KEY (openssl rand -base64 32)'] : []),
    ]
    throw new Error(`in production set ${missing.join(' and ')}; secrets are only generated for local use`)
  }
  const local = needsJwt || needsMaster ? await localSecrets(config.dataDir) : undefined
  const jwt = config.JWT_SECRET ?? local?.jwt_secret
  const current = masterKeyOf(
    config.MASTER_KEY ?? local?.master_key ?? '',
    config.MASTER_KEY ? 'MASTER_KEY' : 'master_key',
  )
  return {
    jwtSecret: config.JWKS_URL || jwt === undefined ? null : new TextEncoder().encode(jwt),
    masterKey: config.MASTER_KEY_PREVIOUS
      ? { current, previous: masterKeyOf(config.MASTER_KEY_PREVIOUS, 'MASTER_KEY_PREVIOUS') }
      : current,
  }
}
