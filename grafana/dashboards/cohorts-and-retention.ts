import { cohortsSql } from '../../metrics/relations.ts'
import { dashboard } from '../dashboard.ts'
import { by, dataBar, matrix, over, range, stat, table, unit } from '../panels.ts'
import { relation, template } from '../query.ts'
import { inApi } from '../style.ts'
import { tenantVariables } from '../variables.ts'

const filters = ['plan', 'coach'] as const
const options = { filters }

const triangle = relation(cohortsSql, 'cohort date, n integer, size float8, retained float8', ['plan', 'coach'], {
  ...options,
  granularity: 'week',
  own: { cohort: `'week'`, unit: `'week'`, mode: `'classic'`, units: '12' },
})

export const cohortsAndRetention = dashboard({
  name: 'cohorts-and-retention',
  title: 'Cohorts & retention',
  description: 'Who stays after signing up. Only cells that are over are shown and averaged.',
  from: 'now-120d',
  variables: tenantVariables(filters),
  rows: {
    Now: ['d1_retention', 'd7_retention', 'd30_retention', 'week_n_retention'].map((name) =>
      stat(name, options).span(6),
    ),
    Triangle: [
      matrix(
        'Weekly retention by signup week',
        'Share of the members who signed up in a week (their number in brackets) active on any of days 7n…7n+6.',
        template('retention', { relation: triangle }),
        { row: 'Cohort', column: 'week', value: 'retained' },
        'percentunit',
      ).links(inApi('dashboards/getCohorts')),
      table(
        'Retention curve',
        'All cohorts of the range together: active in week n / members whose week n is over.',
        template('retention-curve', { relation: triangle }),
        { Retention: [dataBar, unit('percentunit'), ...range(0, 1)] },
      ).links(inApi('dashboards/getCohorts')),
    ],
    'Over signup time': [
      over('d1_retention', options),
      over('d7_retention', options),
      over('d30_retention', options),
      by('plan', 'd7_retention', options),
      by('coach', 'week_n_retention', options),
    ],
  },
})
