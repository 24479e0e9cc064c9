import fc from 'fast-check'
import type { InjectOptions } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { problemSchema } from '../../../api/schemas/problem.ts'
import { roles } from '../../../api/security/principal.ts'
import { writeSecret } from '../../../db/secrets.ts'
import type { Tenant } from '../../../db/tenant.ts'
import { metrics } from '../../../metrics/catalog.ts'
import { STRIPE_SECRET } from '../../support/billing.ts'
import { busyTenant } from '../../support/busy-tenant.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'
import { type Attack, attacksOn, type Document, type Known, type Operation } from './support/attacks.ts'
import { leaksIn } from './support/leaks.ts'

/** For all routes together; longer finds more: FUZZ_SECONDS=3600 npx vitest run test/api/security/fuzz.test.ts */
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 60)
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
/** What an instance may say when it cannot, for now. */
const BUSY = ['database_busy', 'overloaded', 'signer_unavailable']

/** Refusals of the platform that any route may be met by. */
const ANYWHERE = [
  'unknown_route',
  'malformed_url',
  'uri_too_long',
  'not_acceptable',
  'malformed_body',
  'payload_too_large',
  'unsupported_media_type',
  'unsupported_encoding',
]

let platform: Platform
let tenant: Tenant
let other: Tenant
let document: Document
let known: Known
let operations: { name: string; method: string; path: string; operation: Operation }[]
const tokens = new Map<string, string>()
const statuses = new Map<string, Map<number, number>>()
const secrets = ['a secret for tests only', Buffer.alloc(32, 7).toString('base64'), STRIPE_SECRET, 'betacorp']

beforeAll(async () => {
  platform = await openPlatform({ env: { EXPORTS_PER_TENANT: '40' } })
  tenant = await platform.createTenant({ slug: 'fuzz', timezone: 'America/St_Johns' })
  other = await platform.createTenant({ slug: 'betacorp' })
  await writeSecret(platform.db.pool, platform.masterKey, tenant.id, 'stripe_webhook_secret', STRIPE_SECRET)
  await platform.send(tenant, busyTenant({ end: Date.now(), mark: 'x', members: 3 }))
  await platform.send(other, busyTenant({ end: Date.now(), mark: 'betacorp', members: 1 }))
  await platform.settle()
  await platform.score(tenant)
  for (const role of roles) tokens.set(role, await platform.token(tenant, role))
  const recent = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10)
  const asked = await platform.post(tenant, '/api/analytics/exports', { type: 'overview', format: 'csv' }, 'admin')
  const erased = await platform.delete<{ id: string }>(tenant, '/api/analytics/members/nobody-here')
  const cohorts = await platform.get<{ cohorts: { cohort: string }[] }>(tenant, '/api/analytics/cohorts')
  known = {
    name: metrics.map(({ name }) => name),
    from: [recent(60), recent(30), `${recent(20)}T10:00:00Z`],
    to: [recent(10), recent(1)],
    date: [recent(5)],
    group_by: ['plan', 'coach', 'week'],
    user_id: ['member-0', 'member-1'],
    id: [(asked.body as { id: string }).id, erased.body.id],
    cohortId: cohorts.body.cohorts.map(({ cohort }) => cohort),
    code: ['validation_failed', 'not_found'],
    tenant: ['fuzz', tenant.id],
    'filter[plan]': ['pro-x', 'plus-x'],
  }
  document = (await platform.app.inject('/documentation/json')).json<Document>()
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
      operation,
    })),
  )
})
afterAll(() => platform.close())

async function answerTo(method: string, { url, payload, headers, as }: Attack) {
  const token = as === 'forger' ? `${tokens.get('admin')}x` : tokens.get(as)
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const options: InjectOptions = { method: method as 'GET', url, headers: { ...authorization, ...headers } }
  return platform.app.inject(payload === undefined ? options : { ...options, payload })
}

/** What is wrong with an answer, in words. */
function wrongs(operation: Operation, attack: Attack, answer: Awaited<ReturnType<typeof answerTo>>): string[] {
  const { statusCode: status, body } = answer
  const found = leaksIn(body, [...secrets, other.id], `${decodeURIComponentOr(attack.url)} ${attack.payload ?? ''}`)
  if (answer.headers['x-request-id'] === undefined) found.push('no x-request-id')
  if (answer.headers['set-cookie'] !== undefined) found.push('a cookie')
  if (status < 400) return found
  if (!String(answer.headers['content-type']).startsWith('application/problem+json')) found.push(`no problem: ${body}`)
  const problem = problemSchema.safeParse(parsed(body))
  if (!problem.success || problem.data.status !== status)
    found.push(`not a problem of ${status}: ${body.slice(0, 300)}`)
  const code = problem.data?.code ?? ''
  if (status >= 500 && !BUSY.includes(code)) found.push(`${status} ${body.slice(0, 300)}`)
  if (status >= 500 && answer.headers['retry-after'] === undefined) found.push('no retry-after')
  // The URL may have become another route's; a body and its encoding may come where none is asked for.
  const isRouted = !ANYWHERE.includes(code)
  if (isRouted && !(String(status) in operation.responses) && status < 500)
    found.push(`${status} ${code} is not documented`)
  return found
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
const decodeURIComponentOr = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

test(
  `no request makes any route fail, or say what it must not (FUZZ_SEED=${SEED})`,
  async () => {
    const perRoute = (SECONDS * 1000) / operations.length
    expect(operations.length).toBeGreaterThan(40)
    const failures: string[] = []
    for (const one of operations) {
      const seen = new Map<number, number>()
      statuses.set(one.name, seen)
      const property = fc.asyncProperty(attacksOn(one.path, one.operation, document, known), async (attack) => {
        const answer = await answerTo(one.method, attack)
        seen.set(answer.statusCode, (seen.get(answer.statusCode) ?? 0) + 1)
        const found = wrongs(one.operation, attack, answer)
        if (found.length > 0) throw new Error(found.join('; '))
      })
      const details = await fc.check(property, {
        seed: SEED,
        numRuns: 1_000_000,
        interruptAfterTimeLimit: perRoute,
        markInterruptAsFailure: false,
      })
      if (!details.failed || details.counterexample === null) continue
      const [attack] = details.counterexample
      failures.push(`${one.name}\n  ${JSON.stringify(attack).slice(0, 600)}\n  ${String(details.errorInstance)}`)
    }
    const requests = [...statuses.values()].flatMap((seen) => [...seen.values()]).reduce((sum, n) => sum + n, 0)
    console.log(`${requests} requests to ${operations.length} routes`)
    if (process.env.FUZZ_VERBOSE)
      for (const [name, seen] of statuses) console.log(name, JSON.stringify(Object.fromEntries(seen)))
    expect(failures.join('\n\n')).toBe('')
    // Not only refusals: most routes have also been answered, that is, their SQL has run.
    const answered = [...statuses].filter(([, seen]) => [...seen.keys()].some((status) => status < 300))
    expect(answered.length / statuses.size).toBeGreaterThan(0.75)
  },
  (SECONDS + 240) * 1000,
)
