import { memberDimensions } from '../../metrics/metric.ts'
import { heatmapSql, responseTimesSql } from '../../metrics/relations.ts'
import { dashboard } from '../dashboard.ts'
import { hoursOfDay } from '../heatmaps.ts'
import { by, matrix, over, stat, table, together, unit } from '../panels.ts'
import { relation, template } from '../query.ts'
import { inApi } from '../style.ts'
import { tenantVariables } from '../variables.ts'

const filters = ['plan', 'coach', 'cohort'] as const
const options = { filters }

const heatmap = template('heatmap', {
  relation: relation(
    heatmapSql,
    'weekday integer, hour integer, sessions float8, active_minutes float8',
    memberDimensions,
    options,
  ),
})

const responseTimes = template('response-times', {
  relation: relation(
    responseTimesSql,
    'replies float8, percentiles float8[], observed float8[], within_sla_share float8, waiting float8, waiting_over_sla float8',
    memberDimensions,
    options,
  ),
})

export const engagementPulse = dashboard({
  name: 'engagement-pulse',
  title: 'Engagement pulse',
  description: 'Who is active, when and for how long, and how fast people answer each other.',
  from: 'now-30d',
  variables: tenantVariables(filters),
  rows: {
    Now: ['dau', 'wau', 'mau', 'stickiness', 'active_minutes', 'sessions_per_user'].map((name) => stat(name, options)),
    Activity: [
      together('Active members', ['dau', 'wau', 'mau'], options),
      over('active_members', options),
      over('stickiness', options),
      over('active_minutes', options),
      over('sessions_per_user', options),
      over('wau', { ...options, granularity: 'week' }).title('Weekly active members, by week'),
      by('plan', 'wau', options),
      by('coach', 'active_minutes', options),
    ],
    When: [
      matrix(
        'Sessions by weekday and hour',
        'Sessions started, by the tenant’s local weekday and hour.',
        heatmap,
        { row: 'Day', column: 'hour', value: 'sessions' },
        'short',
      ).links(inApi('dashboards/getEngagementHeatmap')),
      hoursOfDay(options),
    ],
    'Chat response': [
      table('Response times', 'Exact percentiles over all replies of the range, and who waits now.', responseTimes, {
        p50: [unit('s')],
        p75: [unit('s')],
        p90: [unit('s')],
        p95: [unit('s')],
        'Within SLA': [unit('percentunit')],
      })
        .height(4)
        .links(inApi('dashboards/getEngagementResponseTimes')),
      together(
        'Response time',
        ['message_response_time', 'message_response_time_p90', 'message_response_time_p95'],
        options,
      ),
      over('within_sla_share', options),
      over('unanswered_over_sla', options),
    ],
  },
})
