import { z } from 'zod'
import { scrubBody } from '../revenue/scrub.ts'

const attribute = z.looseObject({ Type: z.string(), Value: z.string().nullish() })

/** A record of the event that SNS gives to a Lambda function: the envelope, with two names spelt otherwise than over HTTP. */
const recordSchema = z.looseObject({
  EventSubscriptionArn: z.string().optional(),
  Sns: z.looseObject({
    Type: z.literal('Notification'),
    MessageId: z.string().regex(/^[A-Za-z0-9-]{1,100}$/),
    TopicArn: z.string(),
    Subject: z.string().nullish(),
    Message: z.string(),
    Timestamp: z.iso.datetime(),
    SignatureVersion: z.string(),
    Signature: z.string(),
    SigningCertUrl: z.string(),
    UnsubscribeUrl: z.string().nullish(),
    MessageAttributes: z.record(z.string(), attribute).nullish(),
  }),
})
type SnsRecord = z.infer<typeof recordSchema>
const eventSchema = z.looseObject({ Records: z.array(recordSchema).min(1) })

export interface Forwarding {
  /** Topic ARN → tenant (slug or id). A topic that is not in it is refused. */
  readonly tenants: Readonly<Record<string, string>>
  /** Origin of the API. */
  readonly apiUrl: string
  /** Personal data of the landing copy is replaced under this key. */
  readonly piiKey: Buffer
  /** Resolves when the object is durable. The same key again replaces it. */
  readonly put: (key: string, body: string) => Promise<void>
  readonly fetch: typeof fetch
  readonly wait: (ms: number) => Promise<void>
  /** How long this invocation may still take. */
  readonly remainingMs: () => number
}

const PAUSES_MS = [200, 500, 1000, 2000, 4000, 8000, 15_000]
const REQUEST_TIMEOUT_MS = 10_000
/** What must be left for another try. */
const RESERVE_MS = 2_000

/**
 * Writes each message to the landing zone, then hands it to the API, both at least once: the object's key is the
 * message's id and the API stores a provider's event once, so that a retry of the whole invocation changes nothing.
 * Throws when one of them does not take a message; Lambda then tries again, and keeps it in the dead-letter queue.
 */
export async function forwardSns(event: unknown, forwarding: Forwarding): Promise<{ forwarded: number }> {
  const { Records } = eventSchema.parse(event)
  for (const record of Records) {
    const tenant = forwarding.tenants[record.Sns.TopicArn]
    if (tenant === undefined) throw new Error(`no tenant is configured for topic ${record.Sns.TopicArn}`)
    await forwarding.put(landingKey(tenant, record), landingBody(record, forwarding.piiKey))
    await deliver(tenant, record, forwarding)
  }
  return { forwarded: Records.length }
}

/** One object per message, by tenant and the day of publication. */
const landingKey = (tenant: string, { Sns }: SnsRecord): string =>
  `webhooks/tenant=${encodeURIComponent(tenant)}/day=${Sns.Timestamp.slice(0, 10)}/${Sns.MessageId}.json`

/** The message without its signature, personal data replaced; text that is no JSON could be anything and is left out. */
function landingBody({ Sns }: SnsRecord, piiKey: Buffer): string {
  const { MessageId, TopicArn, Timestamp, Message } = Sns
  let message: unknown
  try {
    message = scrubBody(JSON.parse(Message), piiKey)
  } catch {
    message = { unreadable_text: true, length: Message.length }
  }
  return `${JSON.stringify({ message_id: MessageId, topic_arn: TopicArn, published_at: Timestamp, message })}\n`
}

/** The HTTP form of the envelope: nothing that Amazon signed is touched, so that the API verifies the signature itself. */
function httpEnvelope({ Sns }: SnsRecord): Record<string, unknown> {
  const { SigningCertUrl, UnsubscribeUrl, Subject, MessageAttributes, ...signed } = Sns
  return {
    ...signed,
    ...(Subject == null ? {} : { Subject }),
    SigningCertURL: SigningCertUrl,
    ...(UnsubscribeUrl == null ? {} : { UnsubscribeURL: UnsubscribeUrl }),
    ...(MessageAttributes == null ? {} : { MessageAttributes }),
  }
}

/** Providers' own signature headers, kept by whoever published to the topic as message attributes. */
const SIGNATURE_HEADERS = ['stripe-signature', 'x-revenuecat-webhook-signature']

function headersOf(record: SnsRecord): Record<string, string> {
  const kept = Object.entries(record.Sns.MessageAttributes ?? {}).flatMap(([name, { Value }]) =>
    SIGNATURE_HEADERS.includes(name.toLowerCase()) && Value != null ? [[name.toLowerCase(), Value] as const] : [],
  )
  return {
    ...Object.fromEntries(kept),
    'content-type': 'text/plain; charset=UTF-8',
    'x-amz-sns-message-type': record.Sns.Type,
    'x-amz-sns-message-id': record.Sns.MessageId,
    'x-amz-sns-topic-arn': record.Sns.TopicArn,
    ...(record.EventSubscriptionArn === undefined ? {} : { 'x-amz-sns-subscription-arn': record.EventSubscriptionArn }),
  }
}

async function deliver(tenant: string, record: SnsRecord, forwarding: Forwarding): Promise<void> {
  const url = `${forwarding.apiUrl.replace(/\/$/, '')}/webhooks/sns/${encodeURIComponent(tenant)}`
  const body = JSON.stringify(httpEnvelope(record))
  for (let attempt = 0; ; attempt += 1) {
    const { status, retryAfterMs = 0, problem } = await post(url, headersOf(record), body, forwarding)
    if (status !== undefined && status >= 200 && status < 300) return
    const isPassing = status === undefined || status === 408 || status === 429 || status >= 500
    const pause = Math.max(PAUSES_MS[attempt] ?? Number.POSITIVE_INFINITY, retryAfterMs)
    if (!isPassing || pause + RESERVE_MS > forwarding.remainingMs())
      throw new Error(`the API does not take message ${record.Sns.MessageId}: ${problem}`)
    await forwarding.wait(pause)
  }
}

async function post(url: string, headers: Record<string, string>, body: string, { fetch }: Forwarding) {
  try {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
    const response = await fetch(url, { method: 'POST', headers, body, redirect: 'error', signal })
    // Read, so that the connection can be used again; an answer may repeat what was sent and is not logged.
    await response.arrayBuffer().catch(() => undefined)
    const retryAfter = Number(response.headers.get('retry-after'))
    return {
      status: response.status,
      retryAfterMs: Number.isFinite(retryAfter) ? retryAfter * 1000 : 0,
      problem: `status ${response.status}`,
    }
  } catch (error) {
    const { cause, message } = error as Error
    return { problem: cause instanceof Error ? cause.message : message }
  }
}
