import { resolve } from 'node:path'
import { z } from 'zod'

const flag = z.enum(['true', 'false', '1', '0']).transform((v) => v === 'true' || v === '1')
const list = z.string().transform((v) =>
  v
    .split(',')
    .map((s) => s.trim())
    .filter(Boolean),
)

/** Every environment variable the platform reads, with its default. This file is the only reader of `process.env`. */
export const environment = z.object({
  NODE_ENV: z.enum(['development', 'production', 'test']).default('development'),
  PORT: z.coerce.number().int().min(0).max(65535).default(3000),
  HOST: z.string().default('127.0.0.1'),
  /** Origin that links in answers and signed URLs start with; by default http://HOST:PORT. */
  PUBLIC_URL: z.url().optional(),
  /** Directory of the embedded engine, generated secrets and local objects. */
  DATA_DIR: z.string().default('.data'),
  /** PostgreSQL 17 + TimescaleDB (TSL). Unset: the embedded engine under DATA_DIR. */
  DATABASE_URL: z.string().optional(),
  DATABASE_POOL_SIZE: z.coerce.number().int().min(2).max(200).default(10),
  /** Loopback TCP port on which psql can reach the embedded engine; unset: Unix socket only. */
  EMBEDDED_TCP_PORT: z.coerce.number().int().optional(),
  REDIS_URL: z.string().optional(),
  /** Bucket of exports and the landing zone. Unset: files under DATA_DIR/objects. */
  S3_BUCKET: z.string().optional(),
  S3_REGION: z.string().default('us-east-1'),
  /** A store that is not Amazon's. */
  S3_ENDPOINT: z.url().optional(),
  /** Address in download links, when clients reach the store under another one. */
  S3_PUBLIC_ENDPOINT: z.url().optional(),
  /** Default: true with S3_ENDPOINT, else false. */
  S3_FORCE_PATH_STYLE: flag.optional(),
  S3_ACCESS_KEY_ID: z.string().optional(),
  S3_SECRET_ACCESS_KEY: z.string().optional(),
  /** Encryption at rest that each object asks for. */
  S3_ENCRYPTION: z.enum(['AES256', 'aws:kms']).optional(),
  S3_KMS_KEY_ID: z.string().optional(),
  /** HS256 key for tokens; generated into DATA_DIR on first local start. */
  JWT_SECRET: z.string().min(32, 'JWT_SECRET must have at least 32 characters').optional(),
  /** Signature algorithm of the identity provider's tokens; fixed here, never taken from a token. */
  JWT_ALGORITHM: z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA']).default('RS256'),
  /** JWKS URL of an identity provider; replaces JWT_SECRET. */
  JWKS_URL: z.url().optional(),
  JWT_ISSUER: z.string().optional(),
  JWT_AUDIENCE: z.string().optional(),
  /** 32 bytes, base64: encrypts tenant secrets and PII keys at rest; generated into DATA_DIR on first local start. */
  MASTER_KEY: z.string().optional(),
  /** While MASTER_KEY is being replaced: the other key, which only decrypts. */
  MASTER_KEY_PREVIOUS: z.string().optional(),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  /** Heavy reads per tenant and minute. */
  RATE_LIMIT_PER_MINUTE: z.coerce.number().int().min(1).default(60),
  /** Ingestion that would wait for longer than this is refused with 429 or 503; a tenant may fill half of it. */
  INGEST_MAX_WAIT_SECONDS: z.coerce.number().min(0.1).max(60).default(2),
  /** Bodies of ingestion in flight per process, MiB. */
  INGEST_MAX_IN_FLIGHT_MB: z.coerce.number().int().min(20).max(4096).default(64),
  /** Hosts (`name` or `name:port`) that alert webhooks may reach by plain http and at private addresses. */
  ALERT_WEBHOOK_HOSTS: list.default([]),
  /** Exports of a tenant that may wait or run at once. */
  EXPORTS_PER_TENANT: z.coerce.number().int().min(1).default(10),
  TRUST_PROXY: flag.default(false),
  CORS_ORIGINS: list.default([]),
  /** Identity provider people sign in with on the dashboards (authorization code with PKCE); needs OIDC_CLIENT_ID. */
  OIDC_ISSUER: z.url().optional(),
  OIDC_CLIENT_ID: z.string().optional(),
  OIDC_SCOPE: z.string().default('openid profile'),
  /** Origins whose pages may frame an embedded dashboard. */
  EMBED_FRAME_ANCESTORS: list.default([]),
  /** Password of the login `grafana_operator`, made or changed by `npm run migrate`; unset: no such login. */
  GRAFANA_DATABASE_PASSWORD: z.string().optional(),
  /** Name of what is deployed, such as a commit: marked on the dashboards' time axis; unset: the version in package.json. */
  RELEASE: z.string().max(100).optional(),
})

export type Config = z.infer<typeof environment> & { readonly dataDir: string }

/** Reads and checks the environment; throws one readable error naming every bad variable (never its value). */
export function loadConfig(env: Record<string, string | undefined> = process.env): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, v]) => v !== ''))
  const parsed = environment.safeParse(given)
  if (!parsed.success) {
    const lines = parsed.error.issues.map((i) => `  ${i.path.join('.')}: ${i.message}`)
    throw new Error(`The environment is not usable:\n${lines.join('\n')}`)
  }
  return { ...parsed.data, dataDir: resolve(parsed.data.DATA_DIR) }
}
