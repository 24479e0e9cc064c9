import { createVerify, X509Certificate } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import type { Provider } from '../../../sources/revenue/to-facts.ts'
import { ApiError, errors } from '../../errors.ts'

const envelopeSchema = z.object({
  Type: z.enum(['Notification', 'SubscriptionConfirmation', 'UnsubscribeConfirmation']),
  MessageId: z.string(),
  TopicArn: z.string(),
  Subject: z.string().nullish(),
  Message: z.string(),
  Timestamp: z.iso.datetime(),
  SignatureVersion: z.enum(['1', '2']),
  Signature: z.string(),
  SigningCertURL: z.string(),
  SubscribeURL: z.string().nullish(),
  Token: z.string().nullish(),
})
export type SnsEnvelope = z.infer<typeof envelopeSchema>

/** The SNS envelope of a body, undefined when it is none. */
export const readEnvelope = (body: unknown): SnsEnvelope | undefined => envelopeSchema.safeParse(body).data

/** What AWS signs: these fields, those that are there, each as name, line end, value, line end. */
const SIGNED = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
  UnsubscribeConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
} as const satisfies Record<SnsEnvelope['Type'], readonly (keyof SnsEnvelope)[]>

/** A region as AWS names them, no more: `sns.s3-us-west-2.amazonaws.com` would be somebody's bucket called "sns". */
const HOST = /^sns\.[a-z]{2}(-[a-z]+)+-\d{1,2}\.amazonaws\.com(\.cn)?$/

/** Only Amazon's own SNS hosts, over TLS, are ever asked for anything. */
export function isAmazon(address: string): boolean {
  if (!URL.canParse(address)) return false
  const url = new URL(address)
  return url.protocol === 'https:' && url.port === '' && url.username === '' && HOST.test(url.hostname)
}

const FETCH_TIMEOUT_MS = 5_000
async function fetchAmazon(url: string): Promise<string> {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) })
  if (!response.ok) throw new Error(`SNS answered ${response.status}`)
  return response.text()
}

function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

/** Verifies envelopes as the SNS guide describes it ("Verifying the signatures of Amazon SNS messages"), and confirms. */
export function snsVerifier(fetchText: (url: string) => Promise<string> = fetchAmazon) {
  const certificates = new LRUCache<string, string>({
    max: 100,
    ttl: 24 * 3_600_000,
    fetchMethod: (url) => fetchText(url),
  })
  return {
    async verify(envelope: SnsEnvelope): Promise<boolean> {
      if (!isAmazon(envelope.SigningCertURL) || !new URL(envelope.SigningCertURL).pathname.endsWith('.pem'))
        return false
      const pem = await certificates.fetch(envelope.SigningCertURL).catch((cause: unknown) => {
        throw new ApiError(errors.SIGNER_UNAVAILABLE, { headers: { 'retry-after': '30' }, cause })
      })
      const certificate = pem === undefined ? undefined : readCertificate(pem)
      if (certificate === undefined) return false
      const verify = createVerify(envelope.SignatureVersion === '1' ? 'sha1WithRSAEncryption' : 'RSA-SHA256')
      for (const name of SIGNED[envelope.Type]) {
        const value = envelope[name]
        if (value != null) verify.update(`${name}\n${value}\n`)
      }
      return verify.verify(certificate.publicKey, envelope.Signature, 'base64')
    },
    /** Visits the address that makes SNS begin to deliver. */
    async confirm({ SubscribeURL }: SnsEnvelope): Promise<void> {
      if (SubscribeURL == null || !isAmazon(SubscribeURL)) throw new ApiError(errors.WEBHOOK_SIGNATURE_INVALID)
      await fetchText(SubscribeURL)
    },
  }
}

/** The provider's event in a message: as it is, or in EventBridge's `detail` (how Stripe reaches SNS). */
export function openEnvelope(message: unknown): { provider: Provider; event: unknown } {
  const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
  if (isObject(message) && isObject(message.detail)) return openEnvelope(message.detail)
  return { provider: isObject(message) && isObject(message.event) ? 'revenuecat' : 'stripe', event: message }
}
