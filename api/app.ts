import Fastify, { type FastifyInstance, LogController } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { audit } from './audit.ts'
import type { AppDeps } from './deps.ts'
import { openapi } from './openapi.ts'
import { admission } from './plugins/admission.ts'
import { authentication } from './plugins/authentication.ts'
import { availability } from './plugins/availability.ts'
import { bodyTypes } from './plugins/body-types.ts'
import { crossOrigin } from './plugins/cross-origin.ts'
import { embedScope } from './plugins/embed-scope.ts'
import { gzipBody } from './plugins/gzip-body.ts'
import { httpCache } from './plugins/http-cache.ts'
import { httpMetrics } from './plugins/http-metrics.ts'
import { lingeringClose } from './plugins/lingering-close.ts'
import { rateLimit } from './plugins/rate-limit.ts'
import { readableUrl } from './plugins/readable-url.ts'
import { requestId, requestIdOf } from './plugins/request-id.ts'
import { loggerOptions, requestLog } from './plugins/request-log.ts'
import { securityHeaders } from './plugins/security-headers.ts'
import { answerUnparsable, handleProblems, sendProblem, toApiError } from './problems.ts'
import { routes } from './routes/index.ts'

export type { AppDeps } from './deps.ts'

/**
 * The API, ready for `inject` or `listen`. The order is the architecture: what every request passes comes first, each
 * line in the order a request meets it, then the routes by folder. Further routes may be registered until `ready()`.
 */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const { config } = deps
  const app = Fastify({
    logger: loggerOptions(config, deps.logStream),
    // plugins/request-log.ts writes one line per answer instead.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    requestIdHeader: false,
    genReqId: requestIdOf,
    trustProxy: config.TRUST_PROXY,
    routerOptions: { maxParamLength: 256, ignoreTrailingSlash: true },
    bodyLimit: 1024 * 1024,
    requestTimeout: 60_000,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    clientErrorHandler: answerUnparsable,
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id)
      sendProblem(reply, toApiError(error))
    },
  })
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.decorate('deps', deps)
  handleProblems(app)

  await app.register(requestId)
  await app.register(requestLog)
  await app.register(httpMetrics, { collectors: deps.collectors ?? [] })
  // Before authentication: what it refuses is audited too.
  if (deps.audit) await app.register(audit, { write: deps.audit })
  await app.register(securityHeaders)
  await app.register(crossOrigin, { origins: config.CORS_ORIGINS })
  await app.register(readableUrl)
  await app.register(authentication, { keys: deps.keys })
  await app.register(embedScope)
  await app.register(availability, { database: deps.database })
  await app.register(rateLimit, { perMinute: config.RATE_LIMIT_PER_MINUTE, redis: deps.redis })
  await app.register(admission, {
    maxWaitSeconds: config.INGEST_MAX_WAIT_SECONDS,
    maxBytes: config.INGEST_MAX_IN_FLIGHT_MB * 1024 * 1024,
  })
  await app.register(gzipBody)
  await app.register(lingeringClose)
  await app.register(bodyTypes)
  await app.register(httpCache, { cache: deps.cache })
  await app.register(openapi, { serverUrl: config.PUBLIC_URL })

  await app.register(routes)
  return app
}
