import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { onAnswered } from './answered.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** This app's Prometheus registry; counters of routes and plugins go in here. */
    readonly metrics: Registry
  }
}

/** A gauge that is read whenever Prometheus asks. Names and labels must not hold tenants or members. */
export type Collector = {
  /** snake_case with unit, e.g. `upcoach_queue_waiting_jobs`. */
  readonly name: string
  readonly help: string
  readonly labels?: readonly string[]
  collect(): Promise<readonly { readonly value: number; readonly labels?: Readonly<Record<string, string>> }[]>
}

/** A collector that fails costs its own gauge, not the whole scrape: the scrape matters most while things are broken. */
function gaugeOf(app: FastifyInstance, registry: Registry, failures: Counter<'collector'>, collector: Collector) {
  const gauge = new Gauge({
    name: collector.name,
    help: collector.help,
    labelNames: [...(collector.labels ?? [])],
    registers: [registry],
    async collect() {
      gauge.reset()
      // Without labels a reset means 0, which would be a lie while the collector fails.
      gauge.remove({})
      try {
        for (const { value, labels } of await collector.collect()) gauge.set({ ...labels }, value)
      } catch (err) {
        failures.inc({ collector: collector.name })
        app.log.warn({ err, collector: collector.name }, 'a metrics collector failed')
      }
    },
  })
}

/** Duration of every answer by method, route pattern and status, the process's own metrics, and what collectors add. */
export const httpMetrics = fp(async (app: FastifyInstance, options: { collectors: readonly Collector[] }) => {
  const registry = new Registry()
  app.decorate('metrics', registry)
  collectDefaultMetrics({ register: registry })
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from request to answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  })
  const failures = new Counter({
    name: 'upcoach_collector_failures_total',
    help: 'Scrapes in which a collector failed and its gauge is missing.',
    labelNames: ['collector'],
    registers: [registry],
  })
  for (const collector of options.collectors) gaugeOf(app, registry, failures, collector)
  onAnswered(app, (request, reply, status) => {
    // The pattern, never the path: values would make the number of series unbounded.
    const route = request.routeOptions.url ?? 'unmatched'
    duration.observe({ method: request.method, route, status }, reply.elapsedTime / 1000)
  })
})
