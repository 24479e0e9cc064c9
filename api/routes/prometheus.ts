import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'

const exposition = z.string().meta({ examples: ['# TYPE http_request_duration_seconds histogram\n'] })

/** Metrics for Prometheus. Tenants and sources are labels, members never; keep it off the public side of the proxy all the same. */
export const prometheus: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/metrics',
    {
      config: { public: true, database: false, audit: false },
      schema: {
        tags: ['operations'],
        // Not the catalogue of metrics, which is of the same name.
        operationId: 'getPrometheusMetrics',
        summary: 'Prometheus metrics',
        response: { 200: { description: 'Text exposition format', content: { 'text/plain': { schema: exposition } } } },
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', 'no-store').type(app.metrics.contentType)
      return app.metrics.metrics()
    },
  )
}
