import type { z } from 'zod'
import type { coachesAnswerSchema } from '../../../api/schemas/coaches.ts'

export type Coach = z.infer<typeof coachesAnswerSchema>['coaches'][number]

/** Coaches see the others without a name. */
export const coachName = (coach: Coach): string => coach.name ?? coach.coach_id ?? (coach.own ? 'You' : 'Another coach')
