import { memberDimensions } from '../../metrics/metric.ts'
import { coachesSql } from '../../metrics/relations.ts'
import { dashboard } from '../dashboard.ts'
import { by, dataBar, range, table, unit } from '../panels.ts'
import { relation, template } from '../query.ts'
import { inApi } from '../style.ts'
import { tenantVariables } from '../variables.ts'

const filters = ['plan', 'coach', 'cohort'] as const
const options = { filters }

const leaderboard = template('coaches', {
  relation: relation(
    coachesSql,
    'coach_id text, name text, members float8, active float8, completed float8, adherence float8, response_seconds float8, satisfaction float8, ratings float8',
    memberDimensions,
    options,
  ),
})

export const coaches = dashboard({
  name: 'coaches',
  title: 'Coaches',
  description: 'What each coach’s members did. The ranking that allows for small numbers is in the API (/coaches).',
  from: 'now-30d',
  variables: tenantVariables(filters),
  rows: {
    Leaderboard: [
      table('Coaches', 'Members now; goals, habits, response and ratings in the range.', leaderboard, {
        Members: [dataBar],
        'Active goals': [dataBar],
        'Completed goals': [dataBar],
        'Goal completion': [dataBar, unit('percentunit'), ...range(0, 1)],
        'Habit adherence': [dataBar, ...range(0, 100), { id: 'decimals', value: 1 }],
        'Median response': [unit('s')],
        'AI satisfaction': [dataBar, ...range(1, 5), { id: 'decimals', value: 2 }],
      }).links(inApi('dashboards/getCoaches')),
    ],
    'Over time': [
      by('coach', 'wau', options),
      by('coach', 'goal_completion_rate', options),
      by('coach', 'habit_adherence_score', options),
      by('coach', 'message_response_time', options),
      by('coach', 'within_sla_share', options),
      by('coach', 'unanswered_over_sla', options),
    ],
  },
})
