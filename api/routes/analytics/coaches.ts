import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { DateTime } from 'luxon'
import { z } from 'zod'
import { type PeriodRange, previousRange } from '../../../db/period.ts'
import { metricParameters } from '../../../db/reader.ts'
import { loadSql } from '../../../db/sql.ts'
import { withTenant } from '../../../db/tenant.ts'
import { coachesSql } from '../../../metrics/relations.ts'
import { fitPrior, shrink } from '../../../metrics/shrinkage.ts'
import { coachesAnswerSchema, MIN_GOALS_FOR_RANK } from '../../schemas/coaches.ts'
import { freshUntil } from './freshness.ts'
import type { AnalyticsOptions } from './options.ts'
import { describeRange } from './range.ts'
import { memberFilterParameters, readFilters, readQuerySchema, readRange } from './read-query.ts'

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

const { from, to, compare } = readQuerySchema.shape

/** The leaderboard. Coaches see their own row named and the others anonymous; admins see all. */
export const coachRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf }) => {
  app.get(
    '/coaches',
    {
      config: { roles: ['admin', 'coach'], heavyRead: true, audit: 'coaches.read' },
      schema: {
        tags: ['dashboards'],
        summary: 'Coach leaderboard',
        querystring: z.strictObject({ from, to, compare, ...memberFilterParameters }),
        response: { 200: coachesAnswerSchema },
      },
    },
    async (request, reply) => {
      const { principal, query } = request
      const { tenant } = await contextOf(principal.tenantId)
      const range = readRange(query, 'day', tenant)
      const { coach: own, ...others } = readFilters(query, principal)
      // Every coach is in the leaderboard of a coach, too; who is asked for by name must be the own one, or it had a name.
      const filters = query['filter[coach]'] === undefined ? others : { ...others, coach: own ?? [] }
      return reply.sendCached({
        key: { range: describeRange(range), filters, compare: query.compare },
        sources: ['kpi'],
        ttlSeconds: 60,
        produce: () =>
          withTenant(app.deps.database.pool, tenant.id, async (client) => {
            const read = async (range: PeriodRange) =>
              (await client.query<Row>(loadSql(coachesSql).bind(metricParameters({ range, filters }, DateTime.utc()))))
                .rows
            const rows = await read(range)
            const before = query.compare && (await read(previousRange(range)))
            return {
              range: describeRange(range),
              fresh_until: await freshUntil(client),
              ...leaderboard(rows, principal.coachId, before),
            }
          }),
      })
    },
  )
}

/** Rows in rank order; `viewer` is the coach who looks, undefined for an admin; `before` the rows of the period before. */
export function leaderboard(
  rows: readonly Row[],
  viewer: string | undefined,
  before?: readonly Row[],
): Pick<z.infer<typeof coachesAnswerSchema>, 'mean_rate' | 'coaches'> {
  const { prior, entries: all } = judged(rows)
  const entries = all
    .map((entry) => ({ ...entry, ranked: entry.adjusted !== null && entry.row.active >= MIN_GOALS_FOR_RANK }))
    .sort(
      (a, b) =>
        Number(b.ranked) - Number(a.ranked) ||
        (b.adjusted?.rate ?? -1) - (a.adjusted?.rate ?? -1) ||
        a.row.coach_id.localeCompare(b.row.coach_id, 'en'),
    )
  const earlier = new Map(
    before && judged(before).entries.map(({ row, adjusted }) => [row.coach_id, { row, adjusted }]),
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
        goal_completion_rate: rateOf(row),
        adjusted_rate: adjusted,
        habit_adherence_score: row.adherence,
        message_response_time: row.response_seconds,
        ai_session_satisfaction: row.satisfaction,
        ratings: row.ratings,
        ...(before && { previous: previousOf(earlier.get(row.coach_id)) }),
      }
    }),
  }
}

const rateOf = (row: Row): number | null => (row.active === 0 ? null : row.completed / row.active)

/** Every coach's completion rate, drawn towards the mean of them all. */
function judged(rows: readonly Row[]) {
  const prior = fitPrior(rows.map((row) => ({ successes: row.completed, trials: row.active })))
  const entries = rows.map((row) => ({
    row,
    adjusted: prior && row.active > 0 ? shrink({ successes: row.completed, trials: row.active }, prior) : null,
  }))
  return { prior, entries }
}

const previousOf = (entry: ReturnType<typeof judged>['entries'][number] | undefined) =>
  entry === undefined
    ? null
    : {
        goal_completion_rate: rateOf(entry.row),
        adjusted_rate: entry.adjusted?.rate ?? null,
        habit_adherence_score: entry.row.adherence,
        message_response_time: entry.row.response_seconds,
        ai_session_satisfaction: entry.row.satisfaction,
      }
