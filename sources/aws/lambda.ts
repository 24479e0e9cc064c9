import { setTimeout as wait } from 'node:timers/promises'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { z } from 'zod'
import { forwardSns } from './forward-sns.ts'

/**
 * The function AWS Lambda runs for SNS messages (docs/sources/aws.md says how to package and configure it). It runs on
 * its own, outside the platform: the only file of this room that reads an environment and talks to anything.
 */
const environment = z.object({
  /** Origin of the platform's API. */
  API_URL: z.url(),
  /** JSON: topic ARN → tenant. */
  TENANTS: z.string().transform((text) => z.record(z.string(), z.string()).parse(JSON.parse(text))),
  LANDING_BUCKET: z.string().min(3),
  LANDING_PREFIX: z.string().default('landing/'),
  /** 32 bytes, base64: replaces personal data in the landing copy. */
  PII_KEY: z.string().transform((text, context) => {
    const key = Buffer.from(text, 'base64')
    if (key.length !== 32) context.addIssue('must be 32 bytes in base64')
    return key
  }),
  /** For S3 stores that are not Amazon's. */
  S3_ENDPOINT: z.url().optional(),
})

interface Context {
  getRemainingTimeInMillis(): number
}

let configured: { settings: z.infer<typeof environment>; s3: S3Client } | undefined

/** Read at the first message, so that what is missing is in the log by name; the client is kept between messages. */
function configuration() {
  if (configured) return configured
  const parsed = environment.safeParse(process.env)
  if (!parsed.success) {
    const names = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    throw new Error(`the function is not configured: ${names.join('; ')}`)
  }
  const { S3_ENDPOINT: endpoint } = parsed.data
  const s3 = new S3Client(endpoint === undefined ? {} : { endpoint, forcePathStyle: true })
  configured = { settings: parsed.data, s3 }
  return configured
}

export async function handler(event: unknown, context: Context): Promise<{ forwarded: number }> {
  const { settings, s3 } = configuration()
  return forwardSns(event, {
    tenants: settings.TENANTS,
    apiUrl: settings.API_URL,
    piiKey: settings.PII_KEY,
    put: async (key, body) => {
      const Key = `${settings.LANDING_PREFIX}${key}`
      const object = { Bucket: settings.LANDING_BUCKET, Key, Body: body, ContentType: 'application/json' }
      await s3.send(new PutObjectCommand(object))
    },
    fetch,
    wait,
    remainingMs: () => context.getRemainingTimeInMillis(),
  })
}
