import { memberDimensions } from '../../metrics/metric.ts'
import { dashboard } from '../dashboard.ts'
import { colored, dataBar, over, plot, range, table, unit } from '../panels.ts'
import { parameters, template } from '../query.ts'
import { inApi } from '../style.ts'
import { tenantVariables } from '../variables.ts'

const filters = ['plan', 'coach', 'cohort'] as const
const chosen = { parameters: parameters(['day'], memberDimensions, { filters, granularity: 'day' }) }
const bands = {
  id: 'mappings',
  value: [
    {
      type: 'value',
      options: {
        high: { color: 'red', index: 0 },
        medium: { color: 'orange', index: 1 },
        low: { color: 'green', index: 2 },
        firing: { color: 'red', index: 3 },
        pending: { color: 'orange', index: 4 },
        ok: { color: 'green', index: 5 },
      },
    },
  ],
}

export const churnRisk = dashboard({
  name: 'churn-risk',
  title: 'Churn risk',
  description:
    'Probability of no tracked action in the next 30 days, per member active in the last 30, per closed day.',
  from: 'now-30d',
  variables: tenantVariables(filters),
  rows: {
    'Early warning': [
      over('high_risk_share', { filters }),
      over('high_risk_members', { filters }),
      over('average_churn_risk', { filters }),
      plot(
        'Members by risk',
        'Members active in the last 30 days by the band of their probability of falling silent for 30 days.',
        template('churn-bands', chosen),
        { stacked: true },
      ).links(inApi('churn%20risk/getChurnRisk')),
      plot(
        'Share at high risk',
        'High-risk members / scored members, and the mean probability: what share is expected to fall silent.',
        template('churn-share', chosen),
        { unit: 'percentunit' },
      ).links(inApi('churn%20risk/getChurnRisk')),
    ],
    Members: [
      table(
        'Most at risk',
        'The 100 members most at risk on the latest scored day of the range. What is needed is in the reasons.',
        template('churn-members', chosen),
        { Probability: [dataBar, unit('percentunit'), ...range(0, 1)], Band: [colored, bands] },
      ).links(inApi('churn%20risk/getChurnRisk')),
    ],
    'Coaches and model': [
      table(
        'Coaches’ books',
        'Members and their risk by coach, on the latest scored day.',
        template('churn-coaches', chosen),
        {
          Share: [dataBar, unit('percentunit'), ...range(0, 1)],
        },
      )
        .span(10)
        .links(inApi('churn%20risk/getChurnRisk')),
      table(
        'Models',
        'A refit replaces the model only if it beats “days since the last action” on later data; until then the shipped prior is used.',
        template('churn-models', chosen),
      )
        .span(14)
        .links(inApi('churn%20risk/getChurnRiskModel')),
      table(
        'Alerts',
        'Each rule as the platform itself evaluates it, with or without Grafana.',
        template('alert-states', chosen),
        {
          State: [colored, bands],
        },
      ).links(inApi('alerts/getAlerts')),
    ],
  },
})
