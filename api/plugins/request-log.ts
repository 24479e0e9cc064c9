import type { FastifyInstance, FastifyRequest, FastifyServerOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { Config } from '../../config.ts'
import { problemCodeOf } from '../problems.ts'
import { onAnswered } from './answered.ts'
import { principalOf } from './authentication.ts'

/** Things that must not reach a log even inside an error's message: tokens, addresses, passwords in URLs. */
const scrub = (text: string): string =>
  text
    .replace(/eyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[token]')
    .replace(/[^\s"'<>()=,;]+@[^\s"'<>()=,;]+\.[A-Za-z]{2,}/g, '[address]')
    .replace(/:\/\/[^\s/@]+@/g, '://[credentials]@')

/** SQLSTATE classes 22 (data) and 23 (integrity): their messages quote values of the row. */
const quotesValues = (code: unknown) => typeof code === 'string' && /^2[23][0-9A-Z]{3}$/.test(code)

type LoggedError = { type: string; code?: string; message: string; stack: string; cause?: LoggedError }

/** An error as it may be logged: type, code, scrubbed message, frames; never pg's detail, where or parameters. */
export function loggedError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: 'not an Error', stack: '' }
  const { code } = error as NodeJS.ErrnoException
  const message = scrub(quotesValues(code) ? error.message.replace(/"[^"]*"/g, '"…"') : error.message)
  const frames = error.stack
    ?.split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n')
  return {
    type: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    message,
    stack: frames ?? '',
    ...(error.cause instanceof Error && depth < 3 ? { cause: loggedError(error.cause, depth + 1) } : {}),
  }
}

const loggedRequest = (request: FastifyRequest) => ({
  id: request.id,
  method: request.method,
  route: request.routeOptions?.url ?? 'unmatched',
})

/** Pino options of the server: JSON lines; requests and errors are reduced before they are written. */
export function loggerOptions(config: Pick<Config, 'LOG_LEVEL'>, stream?: { write(line: string): void }) {
  return {
    level: config.LOG_LEVEL,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    serializers: {
      req: loggedRequest,
      res: (reply: { statusCode: number }) => ({ status: reply.statusCode }),
      err: loggedError,
      error: loggedError,
    },
    // The serializers already leave these out; this catches an object logged whole by mistake.
    redact: {
      paths: ['authorization', 'headers', 'query', 'body', 'token', 'secret', 'password', 'email'].flatMap((k) => [
        k,
        `*.${k}`,
      ]),
      censor: '[redacted]',
    },
    ...(stream ? { stream } : {}),
  } satisfies FastifyServerOptions['logger']
}

/** One line per answer: no path values, no query, no address, no subject. */
export const requestLog = fp(async (app: FastifyInstance) => {
  // Every field is named below, so there is nothing to search for what must not be logged: that costs as much as the line.
  const line = app.log.child({}, { redact: [] })
  onAnswered(app, (request, reply, status) => {
    const principal = principalOf(request)
    const code = problemCodeOf(request)
    line.info(
      {
        request_id: request.id,
        method: request.method,
        route: request.routeOptions.url ?? 'unmatched',
        status,
        duration_ms: Math.round(reply.elapsedTime * 10) / 10,
        ...(code === undefined ? {} : { code }),
        ...(principal ? { tenant_id: principal.tenantId, role: principal.role } : {}),
      },
      'request',
    )
  })
})
