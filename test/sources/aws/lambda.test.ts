import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createSign } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Tenant } from '../../../db/tenant.ts'
import { updateTenant } from '../../../db/tenant-settings.ts'
import { stripeEventsOf } from '../../../sources/revenue/periods.ts'
import { billingTenant } from '../../support/billing.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'
import { startS3, type TestS3 } from '../../support/s3.ts'

const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:billing'
const require = createRequire(import.meta.url)
/** A bundler that is installed in any case, with the program that runs our TypeScript. */
const esbuild = createRequire(require.resolve('tsx/package.json'))('esbuild') as { buildSync(options: object): unknown }

let platform: Platform
let tenant: Tenant
let s3: TestS3
let front: Server
let folder: string
let bundle: string
let certificate = ''
let key = ''
/** What the front answers instead of the API, first to last; `cut` ends the connection. */
let trouble: (number | 'cut')[] = []
let seen: { path: string; headers: Record<string, unknown> }[] = []

beforeAll(async () => {
  platform = await openPlatform({ webhooks: { fetchText: async () => certificate } })
  tenant = await billingTenant(platform, 'acme')
  await updateTenant(platform.db.pool, 'acme', { settings: { 'revenue.sns_topics': [TOPIC] } })
  const api = await platform.app.listen({ host: '127.0.0.1', port: 0 })
  folder = await mkdtemp(join(tmpdir(), 'upcoach-lambda-'))
  const keyFile = join(folder, 'sns.key')
  const subject = ['-subj', '/CN=sns.amazonaws.com', '-days', '2', '-nodes', '-newkey', 'rsa:2048']
  certificate = execFileSync('openssl', ['req', '-x509', ...subject, '-keyout', keyFile], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  key = readFileSync(keyFile, 'utf8')
  s3 = await startS3()
  front = createServer((request, response) => {
    seen.push({ path: request.url ?? '', headers: request.headers })
    const next = trouble.shift()
    if (next === 'cut') return void request.socket.destroy()
    if (next !== undefined) return void response.writeHead(next, { 'retry-after': '0' }).end()
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', async () => {
      const { host: _, connection: __, 'transfer-encoding': ___, ...headers } = request.headers
      const url = `${api}${request.url}`
      const body = Buffer.concat(chunks)
      const answer = await fetch(url, { method: 'POST', headers: headers as Record<string, string>, body })
      response.writeHead(answer.status).end(await answer.text())
    })
  })
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  // As docs/sources/aws.md packages it; AWS's runtime brings the AWS SDK along.
  bundle = join(folder, 'index.mjs')
  await symlink(fileURLToPath(new URL('../../../node_modules', import.meta.url)), join(folder, 'node_modules'))
  const entry = fileURLToPath(new URL('../../../sources/aws/lambda.ts', import.meta.url))
  const options = { bundle: true, platform: 'node', target: 'node20', format: 'esm', external: ['@aws-sdk/*'] }
  esbuild.buildSync({ entryPoints: [entry], outfile: bundle, logLevel: 'error', ...options })
  const run = `import { handler } from './index.mjs'
let text = ''
for await (const chunk of process.stdin) text += chunk
const until = Date.now() + Number(process.env.TIMEOUT_MS)
try {
  console.log(JSON.stringify(await handler(JSON.parse(text), { getRemainingTimeInMillis: () => until - Date.now() })))
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}`
  await writeFile(join(folder, 'run.mjs'), run)
})
afterAll(async () => {
  front.closeAllConnections()
  front.close()
  await s3.stop()
  await platform.close()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(() => {
  trouble = []
  seen = []
})

const environment = () => ({
  PATH: process.env.PATH ?? '',
  API_URL: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
  TENANTS: JSON.stringify({ [TOPIC]: 'acme' }),
  LANDING_BUCKET: s3.env.S3_BUCKET ?? '',
  PII_KEY: Buffer.alloc(32, 9).toString('base64'),
  S3_ENDPOINT: s3.env.S3_ENDPOINT ?? '',
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'S3RVER',
  AWS_SECRET_ACCESS_KEY: 'S3RVER',
  TIMEOUT_MS: '20000',
})

/** Runs the packaged function once, as Lambda does, in a process of its own. */
async function invoke(event: unknown, over: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(folder, 'run.mjs')], { env: { ...environment(), ...over } })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (data: Buffer) => {
    output.stdout += data.toString()
  })
  child.stderr.on('data', (data: Buffer) => {
    output.stderr += data.toString()
  })
  child.stdin.end(JSON.stringify(event))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, ...output }
}

/** The event Lambda gets of SNS, signed as Amazon signs: the fields' names are those of Lambda, not of HTTP. */
function lambdaEvent(message: unknown, { id = 'm-1', topic = TOPIC, attributes = {} } = {}) {
  const signed: Record<string, string> = {
    Message: typeof message === 'string' ? message : JSON.stringify(message),
    MessageId: id,
    Timestamp: '2026-01-05T10:00:00.000Z',
    TopicArn: topic,
    Type: 'Notification',
  }
  const text = Object.entries(signed)
    .map(([name, value]) => `${name}\n${value}\n`)
    .join('')
  const Sns: Record<string, unknown> = {
    ...signed,
    Subject: null,
    SignatureVersion: '2',
    Signature: createSign('RSA-SHA256').update(text).sign(key, 'base64'),
    SigningCertUrl: 'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem',
    UnsubscribeUrl: 'https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe',
    MessageAttributes: attributes,
  }
  const EventSubscriptionArn = `${topic}:5a6b`
  return { Records: [{ EventSource: 'aws:sns', EventVersion: '1.0', EventSubscriptionArn, Sns }] }
}

const storedIds = async () =>
  (
    await platform.db.pool.query<{ event_id: string }>(
      'select event_id from analytics.revenue_webhooks where tenant_id = $1 order by id',
      [tenant.id],
    )
  ).rows.map(({ event_id }) => event_id)

async function landed(): Promise<Map<string, string>> {
  const { S3_ENDPOINT: endpoint = '', S3_BUCKET: Bucket = '' } = s3.env
  const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }
  const client = new S3Client({ endpoint, forcePathStyle: true, region: 'eu-central-1', credentials })
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }))
  const found = new Map<string, string>()
  for (const { Key = '' } of Contents) {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }))
    found.set(Key, (await Body?.transformToString()) ?? '')
  }
  return found
}

const stripeEvent = (id: string) => {
  const [created] = stripeEventsOf([{ customer: id, start: '2026-01-05', end: null, amount: '10.00', currency: 'usd' }])
  return { ...created, id: `evt_${id}` }
}

describe('the packaged Lambda function', () => {
  test('lands a message without personal data and forwards it with Amazon’s signature, which the API verifies', async () => {
    const event = { ...stripeEvent('first'), customer_email: 'ada@example.com' }
    const attributes = {
      'Stripe-Signature': { Type: 'String', Value: 't=1,v1=ab' },
      other: { Type: 'String', Value: 'x' },
    }
    const message = { 'detail-type': 'customer.subscription.created', detail: event }
    const ended = await invoke(lambdaEvent(message, { id: 'first', attributes }))
    expect(ended, ended.stderr).toMatchObject({ code: 0, stdout: '{"forwarded":1}\n' })
    expect(await storedIds()).toContain('evt_first')
    expect(seen).toMatchObject([
      {
        path: '/webhooks/sns/acme',
        headers: {
          'x-amz-sns-message-type': 'Notification',
          'x-amz-sns-message-id': 'first',
          'x-amz-sns-topic-arn': TOPIC,
          'x-amz-sns-subscription-arn': `${TOPIC}:5a6b`,
          'stripe-signature': 't=1,v1=ab',
        },
      },
    ])
    const copy = (await landed()).get('landing/webhooks/tenant=acme/day=2026-01-05/first.json') ?? ''
    expect(JSON.parse(copy)).toMatchObject({
      message_id: 'first',
      topic_arn: TOPIC,
      message: { detail: { id: 'evt_first' } },
    })
    expect(copy).not.toMatch(/ada@|Signature/)
    expect(copy).toContain('hmac:')
  })

  test('goes on through failures of the API, and a repeated invocation changes nothing', async () => {
    trouble = [503, 'cut', 429]
    const event = lambdaEvent(stripeEvent('retried'), { id: 'retried' })
    expect(await invoke(event)).toMatchObject({ code: 0 })
    expect(seen).toHaveLength(4)
    expect(await invoke(event)).toMatchObject({ code: 0 })
    expect((await storedIds()).filter((id) => id === 'evt_retried')).toHaveLength(1)
    expect([...(await landed()).keys()].filter((name) => name.includes('retried'))).toHaveLength(1)
  })

  test('fails when the API stays away, so that Lambda keeps the message, which is in the landing zone by then', async () => {
    trouble = Array.from({ length: 50 }, () => 503)
    const event = lambdaEvent(stripeEvent('late'), { id: 'late' })
    const ended = await invoke(event, { TIMEOUT_MS: '3000' })
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/does not take message late: status 503/) })
    expect([...(await landed()).keys()].join()).toContain('late.json')
    trouble = []
    expect(await invoke(event)).toMatchObject({ code: 0 })
    expect(await storedIds()).toContain('evt_late')
  })

  test('fails, before the API knows anything, when the landing zone is away', async () => {
    const event = lambdaEvent(stripeEvent('unlanded'), { id: 'unlanded' })
    expect((await invoke(event, { S3_ENDPOINT: 'http://127.0.0.1:1', AWS_MAX_ATTEMPTS: '1' })).code).toBe(1)
    expect(seen).toEqual([])
  })

  test('refuses what the API refuses, unknown topics and missing settings, each with a line that says so', async () => {
    const forged = lambdaEvent(stripeEvent('forged'), { id: 'forged' })
    if (forged.Records[0]) forged.Records[0].Sns.Message = '{"changed":true}'
    expect(await invoke(forged)).toMatchObject({ code: 1, stderr: expect.stringContaining('status 400') })
    expect(seen).toHaveLength(1)
    const elsewhere = lambdaEvent(stripeEvent('x'), { topic: 'arn:aws:sns:eu-central-1:123456789012:other' })
    expect((await invoke(elsewhere)).stderr).toMatch(/no tenant is configured for topic .*other/)
    const ended = await invoke(forged, { PII_KEY: 'c2hvcnQ=' })
    expect(ended.stderr).toMatch(/not configured: PII_KEY: must be 32 bytes/)
    expect(await storedIds()).not.toContain('evt_forged')
  })

  test('is one file that needs nothing but Node and the AWS SDK of the runtime', () => {
    const imports = [...readFileSync(bundle, 'utf8').matchAll(/^import .* from "([^"]+)"/gm)].map(([, from]) => from)
    expect(new Set(imports.map((from) => from?.replace(/^node:.*/, 'node')))).toEqual(
      new Set(['node', '@aws-sdk/client-s3']),
    )
    expect(spawnSync(process.execPath, ['--check', bundle]).status).toBe(0)
  })
})

const fixtures = join(process.env.UPCOACH_REAL_DATA ?? '../shared/data', 'revenuecat_events')

test.skipIf(!existsSync(fixtures))(
  'RevenueCat’s documented events arrive (skipped when the real data is not present)',
  async () => {
    const files = readdirSync(fixtures).filter((name) => /^sample-events_\d+\.json$/.test(name))
    const before = (await storedIds()).length
    const records = files.flatMap((file) => {
      const body = JSON.parse(readFileSync(join(fixtures, file), 'utf8')) as { event?: object }
      return body.event ? lambdaEvent(body, { id: `rc-${file.replace(/\D/g, '')}` }).Records : []
    })
    expect(records.length).toBeGreaterThan(5)
    expect(await invoke({ Records: records }, { TIMEOUT_MS: '60000' })).toMatchObject({ code: 0 })
    expect((await storedIds()).length).toBeGreaterThan(before)
    expect((await landed()).size).toBeGreaterThan(records.length)
  },
)
