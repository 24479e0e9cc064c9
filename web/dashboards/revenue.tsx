import { kpisAnswerSchema, revenueAnswerSchema } from '../../api/schemas/revenue.ts'
import { useRead } from '../api/queries.ts'
import { answerOf } from '../charts/data.ts'
import { MetricPanel } from '../charts/metric-panel.tsx'
import { useFormat } from '../session/session.tsx'
import { MetricCard } from '../ui/cards.tsx'
import { Controls } from '../ui/controls.tsx'
import { PageFrame } from '../ui/page.tsx'
import { Empty, Loaded } from '../ui/state.tsx'
import { useSearch } from '../view/router.ts'
import { useReadParameters, useView } from '../view/view.ts'
import { ArrForecast } from './parts/arr-forecast.tsx'
import { Ledger, readLedger } from './parts/ledger.tsx'
import { Movements } from './parts/movements.tsx'
import { Plans } from './parts/plans.tsx'

const money = ['plan', 'currency', 'provider'] as const
const granularities = ['day', 'week', 'month'] as const
const plain = { filters: money } as const
const cut = { granularity: true, compare: true, groupBy: money, filters: money } as const

const cardNames = [
  'net_mrr',
  'mrr_quarterly_growth',
  'arr',
  'arpu',
  'subscriber_churn_rate',
  'paying_customers',
  'net_mrr_churn_rate',
  'quick_ratio',
]

/** What the business earns again and again, what moved it, and where it goes. */
export default function RevenueDashboard() {
  const format = useFormat()
  const { view, change } = useView({ preset: '12m', granularity: 'month' })
  const ledger = readLedger(useSearch())
  const parameters = useReadParameters(view, cut)
  const { from: _from, to: _to, ...filters } = useReadParameters(view, plain)
  const kpis = useRead('/revenue/kpis', kpisAnswerSchema, {
    ...filters,
    granularity: view.granularity === 'hour' ? 'month' : view.granularity,
  })
  const revenue = useRead('/revenue', revenueAnswerSchema, parameters)
  return (
    <PageFrame
      title="Revenue"
      lead="Recurring revenue, what moved it, and where it is going"
      freshUntil={revenue.data?.fresh_until}
      controls={
        <Controls
          view={view}
          change={change}
          granularities={granularities}
          groupBy={money}
          filters={money}
          filterMetric="net_mrr"
          canCompare
        />
      }
    >
      <Loaded query={kpis} height={280}>
        {(data) => {
          const stale = data.exchange.filter((rate) => rate.missing || rate.stale).map(({ currency }) => currency)
          return (
            <section aria-labelledby="kpis">
              <h2 id="kpis" className="section">
                {data.cards[0]?.period
                  ? `${format.bucket(data.cards[0].period, data.granularity)}, the last full ${data.granularity}`
                  : `The last full ${data.granularity}`}
              </h2>
              <div className="cards four">
                {cardNames
                  .flatMap((name) => data.cards.find((card) => card.name === name) ?? [])
                  .map((card) => (
                    <MetricCard key={card.name} card={card} />
                  ))}
              </div>
              {stale.length > 0 && (
                <p className="notice">Exchange rates are missing or old for {stale.join(', ')}: run npm run fx.</p>
              )}
            </section>
          )
        }}
      </Loaded>
      <Loaded
        query={revenue}
        height={420}
        empty={({ bridge }) =>
          bridge.every(({ start, end }) => !start && !end) && (
            <Empty title="No recurring revenue yet">
              Point Stripe at <code>/webhooks/stripe/…</code> or RevenueCat at <code>/webhooks/revenuecat/…</code>, or
              load history with <code>npm run backfill</code>.
            </Empty>
          )
        }
      >
        {(data) => {
          const of = (...names: string[]) => names.flatMap((name) => answerOf(data.metrics, name) ?? [])
          return (
            <div className="grid">
              <Movements data={data} />
              <Plans data={data} />
              <ArrForecast data={data} mrr={answerOf(data.metrics, 'net_mrr')} />
              <MetricPanel
                answers={of('net_mrr')}
                kind={view.groupBy ? 'stack' : 'area'}
                send="No recurring revenue in this range."
                className="half"
              />
              <MetricPanel
                answers={of('subscriber_churn_rate')}
                send="No paying customers in this range."
                className="half"
                fromZero
              />
              <MetricPanel
                answers={of('arpu')}
                send="No paying customers in this range."
                className="half"
                fromZero={false}
              />
              <MetricPanel
                answers={
                  view.groupBy || view.compare
                    ? of('gross_mrr_churn_rate')
                    : of('gross_mrr_churn_rate', 'net_mrr_churn_rate')
                }
                title="MRR churn"
                lead="Gross, and net of expansion and reactivation"
                send="No recurring revenue in this range."
                className="half"
                fromZero={false}
              />
              <p className="quiet small">Counted by policy {data.policy_version}.</p>
            </div>
          )
        }}
      </Loaded>
      {ledger && <Ledger {...ledger} filters={filters} />}
    </PageFrame>
  )
}
