import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyContextConfig, FastifyInstance, FastifySchema } from 'fastify'
import fp from 'fastify-plugin'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { ApiError, type ErrorDefinition, errors } from './errors.ts'
import { publicRoutes } from './plugins/public-routes.ts'
import { PROBLEM_TYPE, problemOf } from './problems.ts'
import './route-config.ts'
// Registers the component that every error response refers to.
import './schemas/problem.ts'

type Json = Record<string, unknown>

/** What any route of this shape can answer with, besides what it says itself. */
function platformErrors(config: FastifyContextConfig, schema: FastifySchema): readonly ErrorDefinition[] {
  const found: ErrorDefinition[] = [...(config.errors ?? []), errors.INTERNAL]
  if (schema.querystring || schema.params || schema.body) found.push(errors.VALIDATION_FAILED)
  if (schema.params) found.push(errors.NOT_FOUND)
  if (schema.body)
    found.push(
      errors.MALFORMED_BODY,
      errors.PAYLOAD_TOO_LARGE,
      errors.UNSUPPORTED_MEDIA_TYPE,
      errors.UNSUPPORTED_ENCODING,
    )
  if (config.roles)
    found.push(errors.TOKEN_MISSING, errors.TOKEN_INVALID, errors.TOKEN_EXPIRED, errors.ROLE_NOT_ALLOWED)
  if (config.heavyRead) found.push(errors.RATE_LIMITED)
  if (config.admission) found.push(errors.TOO_MUCH_IN_FLIGHT, errors.OVERLOADED)
  if (config.database !== false) found.push(errors.DATABASE_UNAVAILABLE)
  return found
}

/** One documented response per status, with an example per code. */
function problemResponses(definitions: readonly ErrorDefinition[]): Json {
  const byStatus = new Map<number, ErrorDefinition[]>()
  for (const d of new Set(definitions)) byStatus.set(d.status, [...(byStatus.get(d.status) ?? []), d])
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      {
        description: group.map((d) => d.title).join(' · '),
        content: {
          [PROBLEM_TYPE]: {
            schema: { $ref: '#/components/schemas/Problem' },
            examples: Object.fromEntries(group.map((d) => [d.code, { value: problemOf(new ApiError(d)) }])),
          },
        },
      },
    ]),
  )
}

/** Heavy reads answer through sendCached. */
const notModified = { 304: { description: 'Not modified: the `If-None-Match` validator still holds.' } }

const access = (config: FastifyContextConfig) =>
  config.roles ? `Roles: ${config.roles.map((role) => `\`${role}\``).join(', ')}.` : 'Public.'

/** Name of an operation for links and generated clients: GET /api/analytics/churn-risk/members/:user_id is getChurnRiskMembersByUserId. */
function operationIdOf(method: string, url: string): string {
  const words = url
    .replace(/^\/api\/analytics/, '')
    .replaceAll(':', 'by-')
    .split(/[^a-zA-Z0-9]+/)
    .filter(Boolean)
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
}

/** Adds an id, roles, security and the platform's errors to what a route's zod schemas say. */
const transform: typeof jsonSchemaTransform = (document) => {
  const { schema, url } = jsonSchemaTransform(document)
  const config: FastifyContextConfig = document.route.config ?? {}
  if (!schema || (schema as { hide?: boolean }).hide) return { schema, url }
  const described = schema as Json
  return {
    url,
    schema: {
      operationId: operationIdOf([document.route.method].flat()[0] ?? 'GET', document.url),
      ...described,
      description: [described.description, access(config)].filter(Boolean).join('\n\n'),
      'x-roles': config.roles ?? [],
      ...(config.roles ? { security: [{ bearer: [] }] } : {}),
      response: {
        ...problemResponses(platformErrors(config, document.schema ?? {})),
        ...(config.heavyRead ? notModified : {}),
        ...(described.response as Json),
      },
    } as FastifySchema,
  }
}

/** Every zod schema with an id comes as an input and an output component; only those something refers to are kept. */
const withoutUnused: typeof jsonSchemaTransformObject = (document) => {
  const object = jsonSchemaTransformObject(document) as { paths?: Json; components?: { schemas?: Json } }
  const schemas = { ...object.components?.schemas }
  for (let before = Number.POSITIVE_INFINITY; Object.keys(schemas).length < before; ) {
    before = Object.keys(schemas).length
    const text = JSON.stringify([object.paths, schemas])
    for (const name of Object.keys(schemas)) if (!text.includes(`#/components/schemas/${name}"`)) delete schemas[name]
  }
  return { ...object, components: { ...object.components, schemas } } as ReturnType<typeof jsonSchemaTransformObject>
}

/**
 * OpenAPI 3.1 from the routes' own schemas: the page at /documentation, the document at /documentation/json.
 * Register before the routes.
 */
export const openapi = fp(async (app: FastifyInstance, options: { serverUrl?: string | undefined }) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'UpCoach analytics',
        version: '1',
        description: 'Events in, trusted KPIs out. Errors are RFC 9457 problems with a stable `code`; see /problems.',
      },
      ...(options.serverUrl ? { servers: [{ url: options.serverUrl }] } : {}),
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
    },
    transform,
    transformObject: withoutUnused,
  })
  await app.register(async (scope) => {
    await scope.register(publicRoutes)
    await scope.register(swaggerUi, {
      routePrefix: '/documentation',
      // Deep links: #/tag/operationId opens an operation.
      uiConfig: { docExpansion: 'list', persistAuthorization: false, deepLinking: true },
      // Swagger UI needs nothing beyond the site's policy except the style attributes its bundle writes.
      transformStaticCSP: (header) => header.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'"),
    })
  })
})
