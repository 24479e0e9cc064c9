import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { DateTime } from 'luxon'
import { z } from 'zod'
import { metricParameters } from '../../../db/reader.ts'
import { loadSql } from '../../../db/sql.ts'
import { withTenant } from '../../../db/tenant.ts'
import { coachesSql } from '../../../metrics/relations.ts'
import { fitPrior, shrink } from '../../../metrics/shrinkage.ts'
import { rangeSchema } from '../../schemas/series.ts'
import { freshUntil } from './freshness.ts'
import type { AnalyticsOptions } from './options.ts'
import { describeRange } from './range.ts'
import { readQuerySchema, readRange } from './read-query.ts'

/** Fewer active goals say too little to be ranked by. */
const MIN_GOALS_FOR_RANK = 5

const coachSchema = z.object({
  rank: z.int().nullable().describe(`null with fewer than ${MIN_GOALS_FOR_RANK} active goals.`),
  coach_id: z.string().nullable().describe('null: another coach, seen by a coach.'),
  name: z.string().nullable(),
  own: z.boolean().describe('The coach of the token.'),
  members: z.number(),
  active_goals: z.number(),
  completed_goals: z.number(),
  goal_completion_rate: z.number().nullable(),
  adjusted_rate: z
    .object({ rate: z.number(), low: z.number(), high: z.number() })
    .nullable()
    .describe('The completion rate shrunk towards the tenant’s mean (beta-binomial), with its 90 % interval.'),
  habit_adherence_score: z.number().nullable(),
  message_response_time: z.number().nullable().describe('Median seconds until the coach answers.'),
  ai_session_satisfaction: z.number().nullable(),
  ratings: z.number(),
})
const answerSchema = z
  .object({
    range: rangeSchema,
    fresh_until: z.string().nullable(),
    mean_rate: z.number().nullable().describe('Completion rate of all coaches together.'),
    coaches: z.array(coachSchema),
  })
  .meta({
    id: 'Coaches',
    examples: [
      {
        range: { from: '2026-04-01', to: '2026-05-01', granularity: 'day', timezone: 'Europe/Berlin' },
        fresh_until: '2026-05-01T06:00:00.000Z',
        mean_rate: 0.61,
        coaches: [
          {
            rank: 1,
            coach_id: 'coach-3',
            name: null,
            own: false,
            members: 18,
            active_goals: 42,
            completed_goals: 30,
            goal_completion_rate: 0.714,
            adjusted_rate: { rate: 0.69, low: 0.58, high: 0.79 },
            habit_adherence_score: 71.2,
            message_response_time: 5400,
            ai_session_satisfaction: 4.3,
            ratings: 25,
          },
        ],
      },
    ],
  })

type Row = {
  coach_id: string
  name: string
  members: number
  active: number
  completed: number
  adherence: number | null
  response_seconds: number | null
  satisfaction: number | null
  ratings: number
}

const { from, to } = readQuerySchema.shape

/** The leaderboard. Coaches see their own row named and the others anonymous; admins see all. */
export const coachRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf }) => {
  app.get(
    '/coaches',
    {
      config: { roles: ['admin', 'coach'], heavyRead: true, audit: 'coaches.read' },
      schema: {
        tags: ['dashboards'],
        summary: 'Coach leaderboard',
        querystring: z.strictObject({ from, to }),
        response: { 200: answerSchema },
      },
    },
    async (request, reply) => {
      const { principal, query } = request
      const { tenant } = await contextOf(principal.tenantId)
      const range = readRange(query, 'day', tenant)
      return reply.sendCached({
        key: { range: describeRange(range) },
        sources: ['kpi'],
        ttlSeconds: 60,
        produce: () =>
          withTenant(app.deps.database.pool, tenant.id, async (client) => {
            const { rows } = await client.query<Row>(
              loadSql(coachesSql).bind(metricParameters({ range }, DateTime.utc())),
            )
            return {
              range: describeRange(range),
              fresh_until: await freshUntil(client),
              ...leaderboard(rows, principal.coachId),
            }
          }),
      })
    },
  )
}

/** Rows in rank order; `viewer` is the coach who looks, undefined for an admin. */
export function leaderboard(
  rows: readonly Row[],
  viewer: string | undefined,
): Pick<z.infer<typeof answerSchema>, 'mean_rate' | 'coaches'> {
  const prior = fitPrior(rows.map((row) => ({ successes: row.completed, trials: row.active })))
  const entries = rows
    .map((row) => ({
      row,
      adjusted: prior && row.active > 0 ? shrink({ successes: row.completed, trials: row.active }, prior) : null,
    }))
    .map((entry) => ({ ...entry, ranked: entry.adjusted !== null && entry.row.active >= MIN_GOALS_FOR_RANK }))
    .sort(
      (a, b) =>
        Number(b.ranked) - Number(a.ranked) ||
        (b.adjusted?.rate ?? -1) - (a.adjusted?.rate ?? -1) ||
        a.row.coach_id.localeCompare(b.row.coach_id, 'en'),
    )
  return {
    mean_rate: prior?.mean ?? null,
    coaches: entries.map(({ row, adjusted, ranked }, index) => {
      const own = row.coach_id === viewer
      const named = viewer === undefined || own
      return {
        rank: ranked ? index + 1 : null,
        coach_id: named ? row.coach_id : null,
        name: named && row.name !== '' ? row.name : null,
        own,
        members: row.members,
        active_goals: row.active,
        completed_goals: row.completed,
        goal_completion_rate: row.active === 0 ? null : row.completed / row.active,
        adjusted_rate: adjusted,
        habit_adherence_score: row.adherence,
        message_response_time: row.response_seconds,
        ai_session_satisfaction: row.satisfaction,
        ratings: row.ratings,
      }
    }),
  }
}
