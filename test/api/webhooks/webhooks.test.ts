import { execFileSync } from 'node:child_process'
import { createHmac, createSign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { replayWebhooks } from '../../../db/revenue/webhooks.ts'
import { piiKey, writeSecret } from '../../../db/secrets.ts'
import type { Tenant } from '../../../db/tenant.ts'
import { updateTenant } from '../../../db/tenant-settings.ts'
import { stripeEventsOf } from '../../../sources/revenue/periods.ts'
import { billingTenant, deliverRevenuecat, deliverStripe, REVENUECAT_AUTHORIZATION } from '../../support/billing.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'

let platform: Platform
let certificate = ''
let key = ''
const fetched: string[] = []
beforeAll(async () => {
  platform = await openPlatform({
    webhooks: {
      fetchText: async (url) => {
        fetched.push(url)
        if (url.includes('/gone')) throw new Error('SNS answered 403')
        if (url.includes('/junk')) return '<html>not a certificate</html>'
        return url.endsWith('.pem') ? certificate : '<ConfirmSubscriptionResponse/>'
      },
    },
  })
  const keyFile = join(platform.db.dataDir, 'sns.key')
  const subject = ['-subj', '/CN=sns.amazonaws.com', '-days', '2', '-nodes', '-newkey', 'rsa:2048']
  certificate = execFileSync('openssl', ['req', '-x509', ...subject, '-keyout', keyFile], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  key = readFileSync(keyFile, 'utf8')
})
afterAll(() => platform.close())

const [created] = stripeEventsOf([
  { customer: 'm-1', start: '2026-01-05', end: null, amount: '10.00', currency: 'usd' },
])
const stored = async (tenant: Tenant): Promise<{ event_id: string; outcome: string; body: unknown }[]> =>
  (
    await platform.db.pool.query(
      'select event_id, outcome, body from analytics.revenue_webhooks where tenant_id = $1 order by id',
      [tenant.id],
    )
  ).rows

describe('the Stripe webhook', () => {
  test('stores an event once, under the old secret and the new one', async () => {
    const tenant = await billingTenant(platform, 'stripe-once')
    expect(await deliverStripe(platform, tenant, created)).toEqual({
      status: 200,
      body: { received: true, stored: 'new' },
    })
    expect(await deliverStripe(platform, tenant, created, { secret: 'whsec_test_old' })).toMatchObject({
      body: { stored: 'duplicate' },
    })
    expect((await stored(tenant)).map(({ outcome }) => outcome)).toEqual(['facts'])
  })

  test('refuses a wrong, missing, old or tampered signature with 400 and stores nothing', async () => {
    const tenant = await billingTenant(platform, 'stripe-refused')
    const anHourAgo = Math.floor(Date.now() / 1000) - 3600
    for (const options of [{ secret: 'whsec_other' }, { timestamp: anHourAgo }, { tamper: ' ' }])
      expect(await deliverStripe(platform, tenant, created, options)).toMatchObject({
        status: 400,
        body: { code: 'webhook_signature_invalid' },
      })
    const url = `/webhooks/stripe/${tenant.slug}`
    expect((await platform.app.inject({ method: 'POST', url, payload: { id: 'evt' } })).statusCode).toBe(400)
    const bare = await platform.createTenant({ slug: 'no-secret' })
    expect((await deliverStripe(platform, bare, created)).status).toBe(400)
    expect(await stored(tenant)).toEqual([])
    expect((await deliverStripe(platform, { ...tenant, slug: 'nobody' }, created)).status).toBe(404)
  })

  test('refuses a header that proves nothing, however it is written', async () => {
    const tenant = await billingTenant(platform, 'stripe-forged')
    const now = Math.floor(Date.now() / 1000)
    const payload = JSON.stringify(created)
    const right = createHmac('sha256', 'whsec_test_current').update(`${now}.${payload}`).digest('hex')
    const headers = [
      't=,v1=',
      `t=${now},v1=`,
      `t=${now}`,
      `t=${now},v1=${'é'.repeat(64)}`,
      `t=${now},v1=${right.slice(0, 63)}`,
      `t=${now},v0=${right}`,
      `t=${now + 1},v1=${right}`,
      `t=${now - 301},v1=${createHmac('sha256', 'whsec_test_current')
        .update(`${now - 301}.${payload}`)
        .digest('hex')}`,
      `t=9e99,v1=${right}`,
      'v1',
    ]
    for (const signature of headers) {
      const answer = await platform.app.inject({
        method: 'POST',
        url: `/webhooks/stripe/${tenant.slug}`,
        payload,
        headers: { 'content-type': 'application/json', 'stripe-signature': signature },
      })
      expect.soft(answer.json(), signature).toMatchObject({ status: 400, code: 'webhook_signature_invalid' })
    }
    expect(await stored(tenant)).toEqual([])
  })

  test('a signature of one tenant’s secret is none for another', async () => {
    const mine = await billingTenant(platform, 'stripe-mine')
    const theirs = await platform.createTenant({ slug: 'stripe-theirs' })
    await writeSecret(platform.db.pool, platform.masterKey, theirs.id, 'stripe_webhook_secret', 'whsec_theirs')
    expect((await deliverStripe(platform, theirs, created)).status).toBe(400)
    expect((await deliverStripe(platform, mine, created)).status).toBe(200)
  })

  test('a delivery played back within the tolerance counts once', async () => {
    const tenant = await billingTenant(platform, 'stripe-replay')
    const timestamp = Math.floor(Date.now() / 1000) - 200
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => deliverStripe(platform, tenant, created, { timestamp })),
    )
    expect(answers.filter(({ body }) => body.stored === 'new')).toHaveLength(1)
    expect(await stored(tenant)).toHaveLength(1)
  })

  test('keeps unknown types, and quarantines malformed objects until a fix', async () => {
    const tenant = await billingTenant(platform, 'stripe-odd')
    const unknown = { ...created, id: 'evt_unknown', type: 'radar.early_fraud_warning.created' }
    const malformed = { ...created, id: 'evt_bad', data: { object: { object: 'subscription', id: 7 } } }
    for (const event of [unknown, malformed, 'text', { nothing: true }])
      expect((await deliverStripe(platform, tenant, event)).status).toBe(200)
    expect((await stored(tenant)).map(({ event_id, outcome }) => [event_id.slice(0, 11), outcome])).toEqual([
      ['evt_unknown', 'ignored'],
      ['evt_bad', 'rejected'],
      [expect.stringMatching(/^sha256:/), 'rejected'],
      [expect.stringMatching(/^sha256:/), 'rejected'],
    ])
    // the same event id, readable this time
    expect((await deliverStripe(platform, tenant, { ...created, id: 'evt_bad' })).body.stored).toBe('new')
    const intake = { tenant, piiKey: await piiKey(platform.db.pool, platform.masterKey, tenant.id) }
    expect(await replayWebhooks(platform.db.pool, intake)).toMatchObject({ ignored: 1, rejected: 2, facts: 0 })
  })

  test('keeps no personal data', async () => {
    const tenant = await billingTenant(platform, 'stripe-pii')
    const object = {
      id: 'cus_1',
      object: 'customer',
      email: 'ada@example.com',
      name: 'Ada',
      phone: '+491',
      metadata: {},
    }
    const event = { ...created, id: 'evt_pii', type: 'customer.created', data: { object } }
    await deliverStripe(platform, tenant, event)
    const text = JSON.stringify(await stored(tenant))
    expect(text).not.toMatch(/ada@|Ada|\+491/)
    expect(text).toContain('hmac:')
  })
})

const purchase = (id: string, user: string) => ({
  api_version: '1.0',
  event: {
    id,
    type: 'INITIAL_PURCHASE',
    app_user_id: user,
    original_app_user_id: user,
    aliases: [user],
    product_id: 'pro_monthly',
    period_type: 'NORMAL',
    purchased_at_ms: Date.parse('2026-01-05T10:00:00Z'),
    expiration_at_ms: Date.parse('2026-02-05T10:00:00Z'),
    event_timestamp_ms: Date.parse('2026-01-05T10:00:01Z'),
    environment: 'PRODUCTION',
    store: 'APP_STORE',
    currency: 'USD',
    price: 9.99,
    price_in_purchased_currency: 9.99,
    transaction_id: `t-${id}`,
    original_transaction_id: `o-${id}`,
  },
})

describe('the RevenueCat webhook', () => {
  test('wants the Authorization header, and the signature once a secret for it is set', async () => {
    const tenant = await billingTenant(platform, 'revenuecat')
    expect((await deliverRevenuecat(platform, tenant, purchase('rc1', 'm-1'))).status).toBe(200)
    for (const headers of [{}, { authorization: 'Bearer other' }])
      expect((await deliverRevenuecat(platform, tenant, purchase('rc2', 'm-1'), headers)).status).toBe(400)
    const signing = await billingTenant(platform, 'revenuecat-signed')
    await writeSecret(platform.db.pool, platform.masterKey, signing.id, 'revenuecat_webhook_secret', 'hush')
    const event = purchase('rc3', 'm-1')
    const sign = (time: number) => {
      const v1 = createHmac('sha256', 'hush')
        .update(`${time}.${JSON.stringify(event)}`)
        .digest('hex')
      return { authorization: REVENUECAT_AUTHORIZATION, 'x-revenuecat-webhook-signature': `t=${time},v1=${v1}` }
    }
    const now = Math.floor(Date.now() / 1000)
    expect((await deliverRevenuecat(platform, signing, event)).status).toBe(400)
    expect((await deliverRevenuecat(platform, signing, event, sign(now - 900))).status).toBe(400)
    expect(await stored(signing)).toEqual([])
    expect((await deliverRevenuecat(platform, signing, event, sign(now))).status).toBe(200)
  })

  test('an app user id that is an address becomes a pseudonym that stays one customer', async () => {
    const tenant = await billingTenant(platform, 'revenuecat-pii')
    await deliverRevenuecat(platform, tenant, purchase('a', 'ada@example.com'))
    await deliverRevenuecat(platform, tenant, purchase('b', 'Ada@example.com'))
    await platform.settle()
    const { rows } = await platform.db.pool.query<{ customer: string; type: string }>(
      'select customer, type from analytics.mrr_movements where tenant_id = $1',
      [tenant.id],
    )
    expect(rows).toEqual([{ customer: expect.stringMatching(/^hmac:/), type: 'new' }])
    expect(JSON.stringify(await stored(tenant))).not.toContain('example.com')
  })
})

describe('the SNS webhook', () => {
  const topic = 'arn:aws:sns:eu-central-1:123456789012:billing'
  const envelope = (over: Record<string, string> = {}) => {
    const message: Record<string, string> = {
      Type: 'Notification',
      MessageId: 'm1',
      TopicArn: topic,
      Message: JSON.stringify({ 'detail-type': 'customer.subscription.created', detail: created }),
      Timestamp: '2026-01-05T10:00:00.000Z',
      SignatureVersion: '2',
      SigningCertURL: 'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem',
      ...over,
    }
    const names =
      message.Type === 'Notification'
        ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
        : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']
    const signed = names
      .flatMap((name) => (message[name] === undefined ? [] : [`${name}\n${message[name]}\n`]))
      .join('')
    return { ...message, Signature: createSign('RSA-SHA256').update(signed).sign(key, 'base64') }
  }
  const deliver = async (body: unknown) =>
    platform.app.inject({
      method: 'POST',
      url: '/webhooks/sns/sns',
      payload: JSON.stringify(body),
      headers: { 'content-type': 'text/plain; charset=UTF-8' },
    })

  test('takes signed envelopes of the tenant’s topics, from Amazon only', async () => {
    const tenant = await billingTenant(platform, 'sns')
    await updateTenant(platform.db.pool, 'sns', { settings: { 'revenue.sns_topics': [topic] } })
    expect((await deliver(envelope())).json()).toEqual({ received: true, stored: 'new' })
    const refused = [
      { ...envelope(), MessageId: 'changed' },
      envelope({ TopicArn: 'arn:aws:sns:eu-central-1:999999999999:mine' }),
      envelope({ SigningCertURL: 'https://sns.eu-central-1.amazonaws.com.evil.example/x.pem' }),
      envelope({ SigningCertURL: 'http://sns.eu-central-1.amazonaws.com/x.pem' }),
      // Anybody may have a bucket called "sns".
      envelope({ SigningCertURL: 'https://sns.s3-us-west-2.amazonaws.com/x.pem' }),
      envelope({ SigningCertURL: 'https://sns.s3-website-eu-west-1.amazonaws.com/x.pem' }),
      envelope({ SigningCertURL: 'https://sns.eu-central-1.amazonaws.com:8443/x.pem' }),
      envelope({ SigningCertURL: 'https://user@sns.eu-central-1.amazonaws.com/x.pem' }),
      envelope({ SigningCertURL: 'https://sns.eu-central-1.amazonaws.com/junk.pem' }),
      { ...envelope(), Signature: '' },
      { ...envelope(), SignatureVersion: '1' },
    ]
    for (const body of refused) expect((await deliver(body)).statusCode).toBe(400)
    expect((await stored(tenant)).map(({ event_id }) => event_id)).toEqual(['evt_period_0_created'])
  })

  test('asks to be delivered again while the certificate cannot be fetched', async () => {
    const gone = envelope({ SigningCertURL: 'https://sns.eu-central-1.amazonaws.com/gone.pem' })
    expect((await deliver(gone)).json()).toMatchObject({ status: 503, code: 'signer_unavailable' })
  })

  test('confirms a subscription at Amazon and nowhere else', async () => {
    const confirmation = (SubscribeURL: string) =>
      envelope({ Type: 'SubscriptionConfirmation', SubscribeURL, Token: 't' })
    const address = 'https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription'
    expect((await deliver(confirmation('https://evil.example/'))).statusCode).toBe(400)
    expect((await deliver(confirmation(address))).statusCode).toBe(200)
    expect(fetched.filter((url) => !url.endsWith('.pem'))).toEqual([address])
  })
})
