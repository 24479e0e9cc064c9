import { revenueBridgeSql, revenuePlansSql } from '../../metrics/relations.ts'
import { dashboard } from '../dashboard.ts'
import { bars, by, over, plot, stat, together } from '../panels.ts'
import { parameters, relation, template } from '../query.ts'
import { inApi } from '../style.ts'
import { tenantVariables } from '../variables.ts'

const filters = ['revenue_plan', 'currency_of', 'provider'] as const
const options = { filters }
const dimensions = ['plan', 'currency', 'provider'] as const
const periods = ['day', 'week', 'month'] as const

const bridge = template('revenue-bridge', {
  parameters: parameters(periods, dimensions, options),
  relation: relation(
    revenueBridgeSql,
    't timestamp, start float8, "new" float8, reactivation float8, expansion float8, contraction float8, churn float8, fx float8, "end" float8',
    dimensions,
    options,
  ),
})

const plans = template('revenue-plans', {
  parameters: parameters(periods, dimensions, options),
  relation: relation(revenuePlansSql, 'plan text, name text, mrr float8', dimensions, options),
})

export const revenue = dashboard({
  name: 'revenue',
  title: 'Revenue',
  description: 'The MRR ledger: level, movements, rates of loss, customers and one-time revenue.',
  from: 'now-180d',
  variables: tenantVariables(filters),
  rows: {
    Now: ['net_mrr', 'arr', 'arpu', 'paying_customers', 'subscriber_churn_rate', 'quick_ratio'].map((name) =>
      stat(name, options),
    ),
    'Monthly recurring revenue': [
      over('net_mrr', options).span(12),
      plot(
        `MRR movements (\${currency})`,
        'What was added to MRR in each period and what was lost, by kind; start + movements = end, to the minor unit.',
        bridge,
        { stacked: true },
      ).links(inApi('revenue/getRevenue')),
      by('plan', 'net_mrr', options),
      bars(
        `MRR by plan at the end of the range (\${currency})`,
        'Plans by what they bring, largest first.',
        plans,
        'none',
      ).links(inApi('revenue/getRevenue')),
      over('net_new_mrr', options),
      over('mrr_quarterly_growth', options),
      over('mrr_fx_adjustment', options),
    ],
    'Movements by kind': [
      together(
        `Won and lost (\${currency})`,
        ['new_mrr', 'reactivation_mrr', 'expansion_mrr', 'contraction_mrr', 'churn_mrr'],
        options,
      ).span(24),
    ],
    'Losing and winning': [
      together('MRR churn', ['gross_mrr_churn_rate', 'net_mrr_churn_rate'], options),
      over('subscriber_churn_rate', options),
      over('trial_conversion_rate', options),
      over('quick_ratio', options),
      over('ltv', options),
      over('one_time_revenue', options),
    ],
    'Can it be trusted?': [over('mrr_ledger_residual', options), by('provider', 'net_mrr', options).span(16)],
  },
})
