import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const habitAdherenceScore: Metric = {
  name: 'habit_adherence_score',
  title: 'Habit adherence score',
  category: 'habits',
  unit: { kind: 'score' },
  definition:
    '100 × (0.8 × A7 + 0.2 × (1 − 0.5^(streak/7))) per member and local day: A7 is what was done of what the member’s habits expected in the 7 days up to it (skipped days expect nothing), streak the mean of the habits’ streaks; the mean over member-days on which something was expected.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
