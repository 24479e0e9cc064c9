import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ReadinessCheck } from '../deps.ts'
import { ApiError, errors } from '../errors.ts'

/** A check that hangs has failed: an orchestrator asks again every few seconds. */
const CHECK_TIMEOUT_MS = 2000

const checkSchema = z.object({ name: z.string(), ok: z.boolean(), detail: z.string().optional() })
type CheckResult = z.infer<typeof checkSchema>

const liveSchema = z.object({ status: z.literal('live') }).meta({ examples: [{ status: 'live' }] })
const readySchema = z
  .object({ status: z.literal('ready'), checks: z.array(checkSchema) })
  .meta({ examples: [{ status: 'ready', checks: [{ name: 'database', ok: true }] }] })

async function run(check: ReadinessCheck): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(resolve, CHECK_TIMEOUT_MS, { name: check.name, ok: false, detail: 'no answer in time' })
  })
  try {
    return await Promise.race([check.check().then((result) => ({ name: check.name, ...result })), late])
  } catch {
    // The error may name hosts or rows, and this route is public.
    return { name: check.name, ok: false, detail: 'the check failed' }
  } finally {
    clearTimeout(timer)
  }
}

/** Liveness: the process answers. Readiness: everything it needs is in order; 503 with the failing checks otherwise. */
export const health: FastifyPluginAsyncZod = async (app) => {
  const config = { public: true, database: false, audit: false } as const
  const { database, readiness = [] } = app.deps

  app.get(
    '/health/live',
    { config, schema: { tags: ['operations'], summary: 'Is the process up?', response: { 200: liveSchema } } },
    async () => ({ status: 'live' as const }),
  )

  app.get(
    '/health/ready',
    {
      config: { ...config, errors: [errors.NOT_READY] },
      schema: { tags: ['operations'], summary: 'May it take traffic?', response: { 200: readySchema } },
    },
    async (_request, reply) => {
      reply.header('cache-control', 'no-store')
      const checks: CheckResult[] = [
        { name: 'accepting', ok: !app.isDraining() },
        { name: 'database', ok: database.available() },
        ...(await Promise.all(readiness.map(run))),
      ]
      if (checks.every((c) => c.ok)) return { status: 'ready' as const, checks }
      const failing = checks.filter((c) => !c.ok).map((c) => c.name)
      throw new ApiError(errors.NOT_READY, { detail: `Not in order: ${failing.join(', ')}.`, members: { checks } })
    },
  )
}
