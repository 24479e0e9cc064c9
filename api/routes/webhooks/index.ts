import type { FastifyPluginAsync } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { countWebhooks, storeWebhooks } from '../../../db/revenue/webhooks.ts'
import type { MasterKey } from '../../../db/secrets.ts'
import type { Provider } from '../../../sources/revenue/to-facts.ts'
import { ApiError, errors } from '../../errors.ts'
import { rawBody } from '../../plugins/body-types.ts'
import { isSame, isSignedByRevenuecat, verifiedStripeEvent } from './signatures.ts'
import { openEnvelope, readEnvelope, snsVerifier } from './sns.ts'
import { type WebhookTenant, webhookTenants } from './tenant.ts'

export interface WebhookOptions {
  readonly masterKey: MasterKey
  /** Called after a new event was stored, so that the ledger is folded soon. */
  readonly ingested?: () => void
  /** GET of an https address on amazonaws.com → its text; tests bring their own. */
  readonly fetchText?: (url: string) => Promise<string>
}

const paramsSchema = z.object({ tenant: z.string().max(64).describe('Slug or id.') })
const answerSchema = z
  .object({ received: z.literal(true), stored: z.enum(['new', 'duplicate']) })
  .meta({ id: 'WebhookAnswer', examples: [{ received: true, stored: 'new' }] })
const config = {
  public: true,
  audit: false,
  errors: [errors.WEBHOOK_SIGNATURE_INVALID, errors.SIGNER_UNAVAILABLE],
} as const
const body = z.unknown().describe('As the provider sends it; the signature is over these bytes.')
const BODY_LIMIT = 2 * 1024 * 1024

const refused = (): ApiError => new ApiError(errors.WEBHOOK_SIGNATURE_INVALID)
const bytesOf = (received: unknown): Buffer => (Buffer.isBuffer(received) ? received : Buffer.alloc(0))

/** One header value; several of a name are not what a provider sends. */
const headerOf = (value: string | string[] | undefined): string => (typeof value === 'string' ? value : '')

function parseJson(bytes: Buffer | string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new ApiError(errors.MALFORMED_BODY, { cause })
  }
}

/** POST /webhooks/{provider}/{tenant}: verified over the bytes as sent, durable before the answer, folded afterwards. */
export const webhooks: FastifyPluginAsync<WebhookOptions> = async (app, options) => {
  await app.register(
    async (scope) => {
      await scope.register(rawBody)
      await scope.register(webhookRoutes, options)
    },
    { prefix: '/webhooks' },
  )
}

const webhookRoutes: FastifyPluginAsyncZod<WebhookOptions> = async (app, options) => {
  const { masterKey, ingested = () => undefined } = options
  const tenantOf = webhookTenants(app.deps.database, masterKey)
  const isFromSns = snsVerifier(options.fetchText)

  const store = async (owner: WebhookTenant, provider: Provider, event: unknown, source: string = provider) => {
    const { pool } = app.deps.database
    const stored = await storeWebhooks(pool, owner, provider, [event])
    const { duplicates, facts } = stored
    if (facts > 0) ingested()
    await countWebhooks(pool, owner.tenant.id, source, provider, [event], stored)
    return { received: true as const, stored: duplicates > 0 ? ('duplicate' as const) : ('new' as const) }
  }
  const route = (summary: string, description: string) => ({
    bodyLimit: BODY_LIMIT,
    config,
    schema: { tags: ['webhooks'], summary, description, params: paramsSchema, body, response: { 200: answerSchema } },
  })

  app.post(
    '/stripe/:tenant',
    route('Stripe events', 'Header `Stripe-Signature`, at most 5 minutes old; setting `stripe_webhook_secret`.'),
    async (request) => {
      const owner = await tenantOf(request.params.tenant)
      const header = headerOf(request.headers['stripe-signature'])
      const bytes = bytesOf(request.body)
      if (verifiedStripe(bytes, header, owner) === undefined) throw refused()
      return store(owner, 'stripe', parseJson(bytes))
    },
  )

  app.post(
    '/revenuecat/:tenant',
    route(
      'RevenueCat events',
      'Header `Authorization` as set in RevenueCat (`revenuecat_authorization`); with `revenuecat_webhook_secret` set, also `X-RevenueCat-Webhook-Signature`.',
    ),
    async (request) => {
      const owner = await tenantOf(request.params.tenant)
      const bytes = bytesOf(request.body)
      const authorizations = owner.secrets('revenuecat_authorization')
      const given = headerOf(request.headers.authorization)
      const isAuthorized = authorizations.filter((expected) => isSame(given, expected)).length > 0
      if (authorizations.length > 0 && !isAuthorized) throw refused()
      const keys = owner.secrets('revenuecat_webhook_secret')
      const signature = headerOf(request.headers['x-revenuecat-webhook-signature'])
      if (keys.length > 0 && !isSignedByRevenuecat(bytes, signature, keys)) throw refused()
      if (authorizations.length + keys.length === 0) throw refused()
      return store(owner, 'revenuecat', parseJson(bytes))
    },
  )

  app.post(
    '/sns/:tenant',
    route(
      'Either provider through Amazon SNS',
      'The SNS signature is verified, and the topic must be one of setting `revenue.sns_topics`: anybody may make a topic.',
    ),
    async (request) => {
      const owner = await tenantOf(request.params.tenant)
      const envelope = readEnvelope(parseJson(bytesOf(request.body)))
      const topics = owner.tenant.settings['revenue.sns_topics']
      if (!envelope || ![topics].flat().includes(envelope.TopicArn)) throw refused()
      if (!(await isFromSns.verify(envelope))) throw refused()
      if (envelope.Type !== 'Notification') {
        if (envelope.Type === 'SubscriptionConfirmation') await isFromSns.confirm(envelope)
        return { received: true as const, stored: 'new' as const }
      }
      const { provider, event } = openEnvelope(parseJson(envelope.Message))
      return store(owner, provider, event, `${provider}_sns`)
    },
  )
}

/** Undefined when nobody who knows a secret sent these bytes; JSON that cannot be read is the sender's fault. */
function verifiedStripe(bytes: Buffer, header: string, owner: WebhookTenant): unknown {
  try {
    return verifiedStripeEvent(bytes, header, owner.secrets('stripe_webhook_secret'))
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new ApiError(errors.MALFORMED_BODY, { cause })
    throw cause
  }
}
