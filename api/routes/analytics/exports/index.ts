import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { cancelExport, type ExportJob, findExport, listExports, requestExport } from '../../../../db/exports/jobs.ts'
import type { ExportFormat, ExportType } from '../../../../db/exports/payload.ts'
import { sortedJson } from '../../../../db/sorted-json.ts'
import type { ObjectStore } from '../../../../objects/store.ts'
import { userIdPattern } from '../../../../sources/envelope.ts'
import { auditAlso } from '../../../audit.ts'
import { ApiError, errors } from '../../../errors.ts'
import { acceptedSchema, exportListSchema, exportSchema } from '../../../schemas/exports.ts'
import { type Principal, requireRole } from '../../../security/principal.ts'
import type { AnalyticsOptions } from '../options.ts'
import { exportBodySchema, idempotencyHeaderSchema, listQuerySchema } from './schemas.ts'
import { availableTypes, exportDefinitions, formatsOf } from './types.ts'

const roles = ['admin', 'finance'] as const
const LINK_SECONDS = 15 * 60
const RETRY_AFTER_SECONDS = '30'
const requestErrors = [
  errors.UNKNOWN_METRIC,
  errors.UNKNOWN_DIMENSION,
  errors.IDEMPOTENCY_KEY_REUSED,
  errors.TOO_MANY_EXPORTS,
  errors.MEMBER_ERASED,
]

/** Files of what the other routes show, made by a worker and fetched by signed link. */
export const exportRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf, exportRequested }) => {
  const { config, objects } = app.deps
  const { pool } = app.deps.database

  async function ask(
    request: FastifyRequest,
    asked: { type: ExportType; format: ExportFormat; params: Record<string, unknown> },
    idempotencyKey: string | undefined,
  ) {
    const { principal } = request
    const definition = exportDefinitions[asked.type]
    if (!definition) throw new ApiError(errors.VALIDATION_FAILED)
    requireRole(principal, definition.roles)
    const params = definition.params.safeParse(asked.params)
    if (!params.success)
      throw new ApiError(errors.VALIDATION_FAILED, {
        errors: params.error.issues.map(({ path, message }) => ({ path: ['params', ...path].join('.'), message })),
      })
    const formats = formatsOf(definition)
    if (!formats.includes(asked.format))
      throw new ApiError(errors.VALIDATION_FAILED, {
        errors: [{ path: 'format', message: `${asked.type} is made as ${formats.join(', ')}` }],
      })
    const context = await contextOf(principal.tenantId)
    const { tenant } = context
    const payload = definition.toPayload(params.data, context, principal)
    const member = payload.type === 'member' ? payload.member_hash : undefined
    const requested = await requestExport(pool, {
      tenantId: tenant.id,
      payload,
      member,
      format: asked.format,
      params: asked.params,
      requestedBy: principal.sub,
      // What finance may ask for depends on the metric; the role that asked may read its answer.
      readableBy: [...new Set(['admin', principal.role])],
      containsMembers: definition.containsMembers,
      idempotencyKey,
      requestHash: hash('sha256', sortedJson(asked), 'hex'),
      most: config.EXPORTS_PER_TENANT,
    })
    if (requested.outcome === 'full')
      throw new ApiError(errors.TOO_MANY_EXPORTS, { headers: { 'retry-after': RETRY_AFTER_SECONDS } })
    if (requested.outcome === 'erased') throw new ApiError(errors.MEMBER_ERASED)
    if (requested.outcome === 'reused') throw new ApiError(errors.IDEMPOTENCY_KEY_REUSED)
    if (requested.outcome === 'new') exportRequested()
    const status =
      requested.outcome === 'new' ? 'queued' : ((await findExport(pool, tenant.id, requested.id))?.status ?? 'queued')
    auditAlso(request, {
      type: asked.type,
      format: asked.format,
      export: requested.id,
      ...(member && { member_hash: member }),
    })
    return { id: requested.id, status, status_url: statusUrl(requested.id) }
  }

  app.post(
    '/exports',
    {
      config: { roles, audit: 'export.request', errors: requestErrors },
      schema: {
        tags: ['exports'],
        summary: 'Ask for a file',
        description: `Finance: \`revenue\`, and \`metric\` for the metrics it may read. Types: ${availableTypes.map((type) => `\`${type}\` (${exportDefinitions[type]?.title})`).join(', ')}.`,
        headers: idempotencyHeaderSchema,
        body: exportBodySchema,
        response: { 202: acceptedSchema },
      },
    },
    async (request, reply) => {
      const accepted = await ask(request, request.body, request.headers['idempotency-key'])
      return reply.code(202).header('location', accepted.status_url).send(accepted)
    },
  )

  app.get(
    '/export',
    {
      config: { roles, audit: 'export.request', errors: requestErrors, personal: ['user_id'] },
      schema: {
        tags: ['exports'],
        summary: 'Ask for a file, by GET',
        description: 'As POST /exports, with the params beside `type` and `format` in the query.',
        headers: idempotencyHeaderSchema,
        querystring: z.looseObject({
          type: exportBodySchema.shape.type.default('metric'),
          format: exportBodySchema.shape.format.default('csv'),
        }),
        response: { 202: acceptedSchema },
      },
    },
    async (request, reply) => {
      const { type, format, ...params } = request.query
      const accepted = await ask(request, { type, format, params }, request.headers['idempotency-key'])
      return reply.code(202).header('location', accepted.status_url).send(accepted)
    },
  )

  app.post(
    '/members/:user_id/export',
    {
      config: { roles: ['admin'], audit: 'member.export', errors: requestErrors, personal: ['user_id'] },
      schema: {
        tags: ['compliance'],
        summary: 'Everything about one member, as JSON',
        description:
          'An export of type `member`: rows of every table with the member, what providers sent about them, rejected events, where others’ events name them, and what only the landing zone still holds. For somebody never heard of the file says that there is nothing.',
        params: z.object({ user_id: z.string().regex(userIdPattern) }),
        headers: idempotencyHeaderSchema,
        response: { 202: acceptedSchema },
      },
    },
    async (request, reply) => {
      const { user_id } = request.params
      const asked = { type: 'member', format: 'json', params: { user_id } } as const
      const accepted = await ask(request, asked, request.headers['idempotency-key'])
      return reply.code(202).header('location', accepted.status_url).send(accepted)
    },
  )

  app.get(
    '/exports',
    {
      config: { roles, audit: 'export.list' },
      schema: {
        tags: ['exports'],
        summary: 'Exports of the tenant, newest first',
        description: 'Finance sees what finance asked for.',
        querystring: listQuerySchema,
        response: { 200: exportListSchema },
      },
    },
    async ({ principal, query }) => {
      const found = await listExports(pool, principal.tenantId, {
        role: principal.role,
        status: query.status,
        limit: query.limit + 1,
        after: readCursor(query.cursor),
      })
      const page = found.slice(0, query.limit)
      const last = page.at(-1)
      return {
        exports: await Promise.all(page.map((job) => describe(job, objects))),
        next_cursor: found.length > page.length && last ? writeCursor(last) : null,
      }
    },
  )

  const one = { params: z.object({ id: z.uuid() }), response: { 200: exportSchema } }

  async function readable(principal: Principal, id: string): Promise<ExportJob> {
    const job = await findExport(pool, principal.tenantId, id)
    if (!job) throw new ApiError(errors.NOT_FOUND)
    if (!job.readable_by.includes(principal.role)) throw new ApiError(errors.ROLE_NOT_ALLOWED)
    return job
  }

  app.get(
    '/exports/:id',
    {
      config: { roles, audit: 'export.read' },
      schema: { tags: ['exports'], summary: 'How far an export is, and its file', ...one },
    },
    async ({ principal, params }, reply) => {
      reply.header('cache-control', 'private, no-store')
      return describe(await readable(principal, params.id), objects)
    },
  )

  app.delete(
    '/exports/:id',
    {
      config: { roles, audit: 'export.cancel' },
      schema: {
        tags: ['exports'],
        summary: 'Cancel an export, or withdraw its file',
        description:
          'One that waits or runs is cancelled. A completed one expires: its links end, its file is deleted.',
        ...one,
      },
    },
    async ({ principal, params }) => {
      const before = await readable(principal, params.id)
      await cancelExport(pool, principal.tenantId, params.id)
      // The worker would delete it within the hour; a link that is out already must end now.
      if (before.s3_url !== null) await objects.delete(before.s3_url)
      return describe(await readable(principal, params.id), objects)
    },
  )
}

const statusUrl = (id: string) => `/api/analytics/exports/${id}`

async function describe(job: ExportJob, objects: ObjectStore): Promise<z.infer<typeof exportSchema>> {
  const { id, type, format, params, status, progress, rows, bytes, sha256, expires_at, created_at, finished_at } = job
  const isThere = status === 'completed' && job.s3_url !== null && Date.parse(expires_at ?? '') > Date.now()
  return {
    id,
    type,
    format,
    params,
    status: status === 'completed' && !isThere ? 'expired' : status,
    progress,
    rows,
    bytes,
    sha256,
    download_url:
      isThere && job.s3_url !== null
        ? await objects.signedUrl(job.s3_url, { expiresInSeconds: LINK_SECONDS, filename: filenameOf(job) })
        : null,
    expires_at,
    error: job.error === 'failed' || job.error === 'interrupted' ? (status === 'failed' ? job.error : null) : null,
    created_at,
    finished_at,
    status_url: statusUrl(id),
  }
}

/** `metric-wau-2026-04-01.csv`: what it is and when it was made. */
function filenameOf({ type, format, params, created_at }: ExportJob): string {
  const metric = typeof params.metric === 'string' ? `-${params.metric.replace(/[^a-z0-9_]/gi, '')}` : ''
  return `${type}${metric}-${created_at.slice(0, 10)}.${format}`
}

const cursorSchema = z.tuple([z.iso.datetime(), z.uuid()])

const writeCursor = ({ created_at, id }: ExportJob): string =>
  Buffer.from(JSON.stringify([created_at, id])).toString('base64url')

function readCursor(text: string | undefined): { created_at: string; id: string } | undefined {
  if (text === undefined) return undefined
  try {
    const [created_at, id] = cursorSchema.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')))
    return { created_at, id }
  } catch (cause) {
    throw new ApiError(errors.VALIDATION_FAILED, {
      errors: [{ path: 'cursor', message: 'is not one this route gave' }],
      cause,
    })
  }
}
