import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Counter } from 'prom-client'
import { replaceEmails } from '../sources/emails.ts'
import './route-config.ts'
import { CLIENT_CLOSED, onAnswered } from './plugins/answered.ts'
import './plugins/http-metrics.ts'
import { principalOf } from './plugins/authentication.ts'

/** Who did what, as the audit log keeps it. */
export type AuditEntry = {
  readonly tenant_id: string
  /** `sub` of the token. */
  readonly actor: string
  readonly role: string
  readonly action: string
  /** The route's pattern, without values. */
  readonly route: string
  /** Validated path and query parameters, without secrets. */
  readonly parameters: Readonly<Record<string, unknown>>
  readonly status: number
  readonly request_id: string
  /** ISO instant of the answer. */
  readonly at: string
}

const BAD_REQUEST = 400
const SECRET = /token|secret|passw|authori[sz]ation|signature|credential|api_?key|cookie/i

/** What is asked for is no place for a person's address, yet people paste them. */
const withoutEmails = (given: unknown): unknown =>
  typeof given === 'string'
    ? replaceEmails(given, () => '[email]')
    : Array.isArray(given)
      ? given.map(withoutEmails)
      : given

/** Adds to `entry` what `given` holds, without secrets. */
function addWithoutSecrets(entry: Record<string, unknown>, given: unknown): void {
  if (given === null || typeof given !== 'object') return
  for (const [key, value] of Object.entries(given)) if (!SECRET.test(key)) entry[key] = withoutEmails(value)
}

/** Filled once a request has passed validation: what a refused request held is whatever was sent, and stays out. */
const validated = new WeakMap<FastifyRequest, Record<string, unknown>>()

/** Adds what a route found out to the request's entry: an id that it made, a keyed hash instead of a name. */
export function auditAlso(request: FastifyRequest, parameters: Readonly<Record<string, unknown>>): void {
  validated.set(request, { ...validated.get(request), ...parameters })
}

function entryOf(request: FastifyRequest, status: number): AuditEntry | undefined {
  const principal = principalOf(request)
  const { config, method, url } = request.routeOptions
  if (!principal || config.audit === false) return undefined
  const route = `${String(method)} ${url ?? ''}`
  return {
    tenant_id: principal.tenantId,
    actor: principal.sub,
    role: principal.role,
    action: config.audit ?? route,
    route,
    // What a route itself finds wrong is as unknown as what validation refuses.
    parameters: status === BAD_REQUEST ? {} : (validated.get(request) ?? {}),
    status,
    request_id: request.id,
    at: new Date().toISOString(),
  }
}

/** Hands every answered, authenticated request to `write`, refused ones (403, 404, 429) included. */
export const audit = fp(
  async (app: FastifyInstance, options: { write: (entry: AuditEntry) => void | Promise<void> }) => {
    const failures = new Counter({
      name: 'upcoach_audit_failures_total',
      help: 'Audit entries that could not be handed on.',
      registers: [app.metrics],
    })
    const write = (request: FastifyRequest, status: number) => {
      const entry = entryOf(request, status)
      if (!entry) return
      // The answer is out; what is left is to make the gap visible.
      Promise.resolve(entry)
        .then(options.write)
        .catch((err: unknown) => {
          failures.inc()
          request.log.error({ err, action: entry.action }, 'the audit entry could not be written')
        })
    }
    const goneUnknown = new WeakSet<FastifyRequest>()
    onAnswered(app, (request, _reply, status) => {
      // A client may hang up while its token is still being checked, and what it asked for is done all the same.
      if (principalOf(request)) write(request, status)
      else goneUnknown.add(request)
    })
    app.addHook('preHandler', async (request) => {
      // without a prototype, since names are whatever was sent
      const given: Record<string, unknown> = Object.create(null)
      addWithoutSecrets(given, request.params)
      addWithoutSecrets(given, request.query)
      for (const name of request.routeOptions.config.personal ?? [])
        if (given[name] !== undefined) given[name] = '[member]'
      validated.set(request, given)
      if (goneUnknown.has(request)) write(request, CLIENT_CLOSED)
    })
  },
)
