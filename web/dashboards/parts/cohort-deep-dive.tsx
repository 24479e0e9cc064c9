import { cohortDeepDiveSchema } from '../../../api/schemas/cohorts.ts'
import { useRead } from '../../api/queries.ts'
import { answerOf } from '../../charts/data.ts'
import { MetricPanel } from '../../charts/metric-panel.tsx'
import { Panel } from '../../charts/panel.tsx'
import { Steps } from '../../charts/steps.tsx'
import { useFormat } from '../../session/session.tsx'
import { Link } from '../../ui/link.tsx'
import { PageFrame } from '../../ui/page.tsx'
import { Loaded } from '../../ui/state.tsx'
import { useSearch } from '../../view/router.ts'
import { useReadParameters, useView } from '../../view/view.ts'

const cut = { filters: ['plan', 'coach'] } as const

/** What became of the members of one cohort. */
export function CohortDeepDive({ cohort }: { cohort: string }) {
  const format = useFormat()
  const search = useSearch()
  const { view } = useView({ preset: '6m', granularity: 'week' })
  const { from: _from, to: _to, compare: _compare, ...filters } = useReadParameters(view, cut)
  const query = useRead(`/cohorts/${cohort}`, cohortDeepDiveSchema, filters)
  const by = cohort.includes('W') ? 'week' : 'month'
  return (
    <PageFrame
      title={`Cohort ${cohort}`}
      lead={
        <>
          <Link href={`/cohorts${search}`}>← All cohorts</Link>
          {query.data && ` · signed up ${format.bucket(query.data.range.from, by)}`}
        </>
      }
      freshUntil={query.data?.fresh_until}
    >
      <Loaded query={query} height={420}>
        {({ size, curve, churn, metrics, revenue }) => {
          const of = (name: string) => [answerOf(metrics, name)].filter((answer) => answer !== undefined)
          const last = revenue?.curve.findLast(({ per_member }) => per_member !== null)
          const facts = [
            ['Members', format.count(size), 'signed up together'],
            ['Still active', format.count(churn.active), 'did something in the last 30 days'],
            ['Lost', format.percent(churn.rate), `${format.count(churn.lost)} members`],
            ...(revenue && last
              ? ([
                  ['Revenue per member', format.value(last.per_member, revenue.unit), `in ${last.n + 1} months`],
                ] as const)
              : []),
          ] as const
          return (
            <>
              <div className="cards four">
                {facts.map(([title, value, text]) => (
                  <article key={title} className="card" data-metric={title}>
                    <h3>{title}</h3>
                    <p className="figure">{value}</p>
                    <p className="quiet">{text}</p>
                  </article>
                ))}
              </div>
              <div className="grid">
                <Panel
                  title="Retention"
                  lead="Share of the cohort active in each week after signing up"
                  className={revenue ? 'half' : ''}
                  cells={() => [
                    ['Week', 'Retained', 'Rate'],
                    ...curve.map(({ n, retained, rate }) => [n, retained, rate]),
                  ]}
                >
                  <Steps
                    points={curve.map(({ n, rate }) => ({ n, value: rate }))}
                    unit={{ kind: 'ratio' }}
                    step="Week"
                    label="Retention by week after signing up"
                  />
                </Panel>
                {revenue && (
                  <Panel
                    title="Revenue per member to date"
                    lead="What the cohort has paid, net of refunds, by month after signing up"
                    className="half"
                    cells={() => [
                      ['Month', 'Revenue', 'To date', 'Per member', 'Paying', 'Churned'],
                      ...revenue.curve.map((cell) => [
                        cell.n,
                        cell.revenue,
                        cell.revenue_to_date,
                        cell.per_member,
                        cell.paying,
                        cell.churned,
                      ]),
                    ]}
                  >
                    <Steps
                      points={revenue.curve.map(({ n, per_member }) => ({ n, value: per_member }))}
                      unit={revenue.unit}
                      step="Month"
                      label="Revenue per member to date by month after signing up"
                    />
                  </Panel>
                )}
                <MetricPanel
                  answers={of('active_members')}
                  kind="area"
                  send="Nobody of the cohort was active."
                  className="half"
                />
                <MetricPanel
                  answers={of('goal_completion_rate')}
                  send="The cohort has no goals."
                  className="half"
                  fromZero
                />
                <MetricPanel answers={of('habit_adherence_score')} send="The cohort has no habits." className="half" />
                <MetricPanel
                  answers={of('active_minutes')}
                  kind="bar"
                  send="Nobody of the cohort was active."
                  className="half"
                />
              </div>
            </>
          )
        }}
      </Loaded>
    </PageFrame>
  )
}
