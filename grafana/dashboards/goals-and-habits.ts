import { dashboard } from '../dashboard.ts'
import { by, over, stat } from '../panels.ts'
import { tenantVariables } from '../variables.ts'

const filters = ['plan', 'coach', 'cohort'] as const
const options = { filters }

export const goalsAndHabits = dashboard({
  name: 'goals-and-habits',
  title: 'Goals & habits',
  description: 'Whether members reach their goals and keep their habits.',
  variables: tenantVariables(filters),
  rows: {
    Now: [
      'goal_completion_rate',
      'active_goals',
      'completed_goals',
      'habit_adherence_score',
      'habit_completion_rate',
      'average_streak_days',
    ].map((name) => stat(name, options)),
    Goals: [
      over('goal_completion_rate', options),
      over('active_goals', options),
      over('completed_goals', options),
      by('cohort_month', 'goal_completion_rate', options),
      by('plan', 'completed_goals', options),
    ],
    Habits: [
      over('habit_adherence_score', options),
      over('habit_completion_rate', options),
      over('average_streak_days', options),
      by('plan', 'habit_adherence_score', options),
      by('coach', 'habit_completion_rate', options),
    ],
  },
})
