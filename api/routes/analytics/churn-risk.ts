import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { readModels, type StoredModel } from '../../../db/churn/models.ts'
import { type ChurnPosition, readChurnHistory, readChurnPage, readChurnTotals } from '../../../db/churn/read.ts'
import { withTenant } from '../../../db/tenant.ts'
import { bands, bandThresholds } from '../../../metrics/churn/bands.ts'
import { churnDefinition } from '../../../metrics/churn/definition.ts'
import { features, HORIZON_DAYS, POPULATION_DAYS } from '../../../metrics/churn/features.ts'
import { PRIOR_NAME, priorModel } from '../../../metrics/churn/prior.ts'
import { ApiError, errors } from '../../errors.ts'
import { churnHistoryAnswerSchema, churnModelAnswerSchema, churnRiskAnswerSchema } from '../../schemas/churn-risk.ts'
import type { AnalyticsOptions } from './options.ts'
import { memberFilterParameters, readFilters } from './read-query.ts'

const HISTORY_DAYS = 180

/** Who is likely to fall silent, why, and how good the model is at telling. A coach sees the own members. */
export const churnRiskRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf }) => {
  const { pool } = app.deps.database

  app.get(
    '/churn-risk',
    {
      config: { roles: ['admin', 'coach'], heavyRead: true, audit: 'churn_risk.read' },
      schema: {
        tags: ['churn risk'],
        summary: 'Members by risk of falling silent',
        description: churnDefinition,
        querystring: z.strictObject({
          band: z.enum(bands).optional(),
          coach: z.string().max(128).optional().describe('Short for `filter[coach]`; a coach’s token has its own.'),
          limit: z.coerce.number().int().min(1).max(500).default(50),
          cursor: z.string().max(400).optional().describe('`next_cursor` of the page before.'),
          ...memberFilterParameters,
        }),
        response: { 200: churnRiskAnswerSchema },
      },
    },
    async (request, reply) => {
      const { principal, query } = request
      const { band, limit } = query
      const { tenant } = await contextOf(principal.tenantId)
      const own = readFilters(query, principal)
      const filters = query.coach === undefined || own.coach ? own : { ...own, coach: [query.coach] }
      const position = readCursor(query.cursor)
      return reply.sendCached({
        key: { band, limit, filters, position },
        sources: ['kpi'],
        ttlSeconds: 60,
        produce: () =>
          withTenant(pool, tenant.id, async (client) => {
            const current = await readChurnTotals(client, filters)
            const day = position?.[0] ?? current?.day
            const rows =
              day === undefined ? [] : await readChurnPage(client, day, { band, filters }, limit, position?.[1])
            const { inUse } = await readModels(client)
            const last = rows.length === limit ? rows.at(-1) : undefined
            const { day: _, ...totals } = current ?? { day: null, members: 0, high: 0, medium: 0, low: 0 }
            return {
              as_of: day ?? null,
              timezone: tenant.timezone,
              horizon_days: HORIZON_DAYS,
              model: rows[0]?.model ?? (day === undefined ? null : inUse.name),
              totals,
              members: rows.map(({ model: _, ...member }) => member),
              next_cursor: last && day ? writeCursor([day, [last.probability, last.user_id]]) : null,
            }
          }),
      })
    },
  )

  app.get(
    '/churn-risk/members/:user_id',
    {
      config: { roles: ['admin', 'coach'], heavyRead: true, audit: 'churn_risk.member.read' },
      schema: {
        tags: ['churn risk'],
        summary: 'The scores of one member over time',
        params: z.strictObject({ user_id: z.string().min(1).max(128) }),
        response: { 200: churnHistoryAnswerSchema },
      },
    },
    async (request) => {
      const { principal } = request
      const { tenant } = await contextOf(principal.tenantId)
      const { user_id } = request.params
      const scores = await withTenant(pool, tenant.id, (client) =>
        readChurnHistory(client, user_id, HISTORY_DAYS, principal.coachId),
      )
      if (scores.length === 0) throw new ApiError(errors.NOT_FOUND)
      return { user_id, scores: scores.map((score) => ({ ...score, reasons: [...score.reasons] })) }
    },
  )

  app.get(
    '/churn-risk/model',
    {
      config: { roles: ['admin', 'coach'], heavyRead: true, audit: 'churn_risk.model.read' },
      schema: {
        tags: ['churn risk'],
        summary: 'The model behind the scores, and how good it is',
        response: { 200: churnModelAnswerSchema },
      },
    },
    async (request) => {
      const { tenant } = await contextOf(request.principal.tenantId)
      const { inUse, lastAttempt } = await withTenant(pool, tenant.id, readModels)
      const { stored, model } = inUse
      return {
        in_use: {
          name: inUse.name,
          trained_at: stored?.trained_at ?? null,
          as_of: stored?.as_of ?? null,
          members: stored?.members ?? null,
          observations: stored?.observations ?? null,
          intercept: model.coefficients[0] ?? 0,
          coefficients: features.map(({ name, title }, j) => ({
            feature: name,
            title,
            coefficient: model.coefficients[j + 1] ?? 0,
            prior: priorModel.coefficients[j + 1] ?? 0,
          })),
          calibration: { ...model.calibration },
          evaluation: evaluationOf(stored),
        },
        prior: PRIOR_NAME,
        last_attempt:
          lastAttempt === undefined
            ? null
            : {
                trained_at: lastAttempt.trained_at,
                accepted: lastAttempt.accepted,
                reason: lastAttempt.reason,
                evaluation: evaluationOf(lastAttempt),
              },
        horizon_days: HORIZON_DAYS,
        population_days: POPULATION_DAYS,
        bands: bandThresholds,
        definition: churnDefinition,
      }
    },
  )
}

type EvaluationAnswer = z.infer<typeof churnModelAnswerSchema>['in_use']['evaluation']

function evaluationOf(stored: StoredModel | undefined): EvaluationAnswer {
  const evaluation = stored?.evaluation
  if (!evaluation) return null
  return { ...evaluation, model: { ...evaluation.model, deciles: [...evaluation.model.deciles] } }
}

/** The day belongs to it: pages of one list are of one day, also when the next one is scored in between. */
const cursorSchema = z.tuple([z.iso.date(), z.tuple([z.number().min(0).max(1), z.string()])])
type Cursor = readonly [day: string, after: ChurnPosition]

const writeCursor = (position: Cursor): string => Buffer.from(JSON.stringify(position)).toString('base64url')

function readCursor(text: string | undefined): Cursor | undefined {
  if (text === undefined) return undefined
  try {
    return cursorSchema.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')))
  } catch (cause) {
    throw new ApiError(errors.VALIDATION_FAILED, {
      errors: [{ path: 'cursor', message: 'is not one this route gave' }],
      cause,
    })
  }
}
