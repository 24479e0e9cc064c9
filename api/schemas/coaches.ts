import { z } from 'zod'
import { rangeSchema } from './series.ts'

/** Fewer active goals say too little to be ranked by. */
export const MIN_GOALS_FOR_RANK = 5

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
  previous: z
    .object({
      goal_completion_rate: z.number().nullable(),
      adjusted_rate: z.number().nullable(),
      habit_adherence_score: z.number().nullable(),
      message_response_time: z.number().nullable(),
      ai_session_satisfaction: z.number().nullable(),
    })
    .nullable()
    .optional()
    .describe('With compare=previous_period: the same coach as many days directly before; null: not there then.'),
})
/** Answer of `GET /api/analytics/coaches`. */
export const coachesAnswerSchema = z
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
