import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { databaseError } from './database-errors.ts'
import { ApiError, type ErrorDefinition, errors, type FieldError } from './errors.ts'

export const PROBLEM_TYPE = 'application/problem+json'

/** Where the meaning of a code can be read: the `type` of a problem. */
const problemType = (definition: ErrorDefinition): string => `/problems/${definition.code}`

/** Fastify's own errors that a client can cause. Whatever is not listed and not ours is a 500. */
const frameworkErrors: Readonly<Record<string, ErrorDefinition>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: errors.PAYLOAD_TOO_LARGE,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: errors.UNSUPPORTED_MEDIA_TYPE,
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: errors.MALFORMED_BODY,
  FST_ERR_CTP_EMPTY_JSON_BODY: errors.MALFORMED_BODY,
  FST_ERR_CTP_INVALID_JSON_BODY: errors.MALFORMED_BODY,
  FST_ERR_VALIDATION: errors.VALIDATION_FAILED,
  FST_ERR_NOT_FOUND: errors.UNKNOWN_ROUTE,
  FST_ERR_BAD_URL: errors.MALFORMED_URL,
  FST_ERR_MAX_PARAM_LENGTH: errors.URI_TOO_LONG,
}

/** Keys of a record are the client's words: named only while they look like a name, never when they could be a value. */
const safePath = (path: string) =>
  path
    .split('/')
    .filter(Boolean)
    .map((part) => (/^[\w.[\]-]{1,64}$/.test(part) ? part : '?'))
    .join('.')

const unknownKeys = (params: unknown) => {
  const keys = (params as { keys?: unknown } | undefined)?.keys
  return Array.isArray(keys) ? keys.map((key) => safePath(String(key))).join(', ') : ''
}

function fieldErrors(error: FastifyError): readonly FieldError[] {
  if (!hasZodFastifySchemaValidationErrors(error)) return []
  return error.validation.slice(0, 50).map(({ instancePath, keyword, message, params }) => ({
    path: safePath(instancePath),
    // zod's text for unknown keys quotes them as they were sent.
    message: String(keyword) === 'unrecognized_keys' ? `unknown: ${unknownKeys(params)}` : (message ?? 'is not valid'),
  }))
}

/** Files are served by a library with errors of its own: 403 a path that leads out, 412 and 416 what headers ask of a file. */
const isOfStaticFiles = (error: FastifyError & { expose?: unknown }): boolean =>
  error?.code === 'FST_STATIC_FORBIDDEN_PATH' ||
  (error?.expose === true && error.code === undefined && (error.statusCode ?? 500) < 500)

/** The catalogue error for anything that was thrown. Only an ApiError's own words reach the client. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown
  const error = thrown as FastifyError
  const known = typeof error?.code === 'string' ? frameworkErrors[error.code] : undefined
  if (known) {
    const fields = fieldErrors(error)
    return new ApiError(known, { ...(fields.length ? { errors: fields } : {}), cause: thrown })
  }
  if (isOfStaticFiles(error))
    return new ApiError(error.statusCode === 403 ? errors.UNKNOWN_ROUTE : errors.MALFORMED_REQUEST, { cause: thrown })
  // A client that hangs up while its body is read: nobody reads the answer, but it is no fault of ours.
  if (error?.statusCode === 400 && error.code === 'ECONNRESET')
    return new ApiError(errors.MALFORMED_REQUEST, { cause: thrown })
  return databaseError(thrown) ?? new ApiError(errors.INTERNAL, { cause: thrown })
}

/** The problem members of an error (RFC 9457). */
export function problemOf(error: ApiError): Record<string, unknown> {
  const { definition, options } = error
  return {
    ...options.members,
    type: problemType(definition),
    title: definition.title,
    status: definition.status,
    code: definition.code,
    detail: options.detail ?? definition.docs,
    ...(options.errors?.length ? { errors: options.errors } : {}),
  }
}

const sent = new WeakMap<FastifyRequest, string>()

/** The code a request was refused with, for the log; undefined while all is well. */
export const problemCodeOf = (request: FastifyRequest): string | undefined => sent.get(request)

/** Answers with a problem. The body is a string, so that no response schema of the route drops members of it. */
export function sendProblem(reply: FastifyReply, error: ApiError): FastifyReply {
  sent.set(reply.request, error.code)
  return reply
    .code(error.definition.status)
    .headers({ ...error.options.headers, 'cache-control': 'no-store', 'content-type': PROBLEM_TYPE })
    .send(JSON.stringify(problemOf(error)))
}

/** The one error handler and the answer for unknown routes. */
export function handleProblems(app: FastifyInstance): void {
  app.setErrorHandler((thrown, request: FastifyRequest, reply) => {
    const error = toApiError(thrown)
    if (error.definition.status >= 500) {
      request.log.error({ err: error.options.cause ?? error, code: error.definition.code }, 'request failed')
    }
    // A stream that broke after the headers were sent cannot become a problem any more.
    if (reply.raw.headersSent) return reply.raw.destroy()
    return sendProblem(reply, error)
  })
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, new ApiError(errors.UNKNOWN_ROUTE)))
}

const parserErrors: Readonly<Record<string, ErrorDefinition>> = {
  ERR_HTTP_REQUEST_TIMEOUT: errors.REQUEST_TIMEOUT,
  HPE_HEADER_OVERFLOW: errors.HEADERS_TOO_LARGE,
}

/** Answers requests that node's HTTP parser refused, for which no request object exists. */
export function answerUnparsable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const definition = parserErrors[error.code ?? ''] ?? errors.MALFORMED_REQUEST
  const body = JSON.stringify(problemOf(new ApiError(definition)))
  if (!socket.writable) return void socket.destroy()
  socket.end(
    `HTTP/1.1 ${definition.status} ${STATUS_CODES[definition.status]}\r\nContent-Type: ${PROBLEM_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
