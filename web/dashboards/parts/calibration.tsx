import { CartesianGrid, ComposedChart, Line, ReferenceLine, Tooltip, XAxis, YAxis } from 'recharts'
import type { z } from 'zod'
import type { churnModelAnswerSchema } from '../../../api/schemas/churn-risk.ts'
import { axisOf } from '../../charts/axis.ts'
import { Chart } from '../../charts/chart.tsx'
import { Panel } from '../../charts/panel.tsx'
import { useFormat } from '../../session/session.tsx'
import { Empty } from '../../ui/state.tsx'

const ratio = { kind: 'ratio' } as const

/** How good the model was on days it had not seen: of ten groups by risk, how many did fall silent. */
export function Calibration({ model }: { model: z.infer<typeof churnModelAnswerSchema> }) {
  const format = useFormat()
  const { in_use, last_attempt, bands } = model
  const tried = in_use.evaluation ?? last_attempt?.evaluation
  const deciles = tried?.model.deciles ?? []
  // The same both ways, so that the diagonal is what it looks like.
  const axis = axisOf([0.1, ...deciles.flatMap(({ predicted, observed }) => [predicted, observed])], ratio, true)
  const most = axis.domain[1]
  const percent = (value: number) => format.percent(value, 0)
  const quality = (value: number | null | undefined) =>
    value === null || value === undefined ? '–' : format.count(value)
  return (
    <Panel
      title="Can it be trusted?"
      lead={
        tried
          ? `Judged on ${format.count(tried.observations)} observations it had not seen, ${format.day(tried.from)} to ${format.day(tried.to)}`
          : 'Scores come from the shipped model until there is enough history of your own'
      }
      definition={`${model.definition} Model ${in_use.name}; high from ${percent(bands.high)}, medium from ${percent(bands.medium)}.`}
      cells={() => [
        ['Decile', 'Predicted', 'Observed', 'Observations'],
        ...deciles.map(({ predicted, observed, observations }, index) => [
          index + 1,
          predicted,
          observed,
          observations,
        ]),
      ]}
    >
      {deciles.length === 0 ? (
        <Empty title="Not judged yet">
          {last_attempt?.reason ?? 'The model is refitted every week on the tenant’s own history.'}
        </Empty>
      ) : (
        <div className="beside">
          <Chart label="Observed against predicted risk by decile; the table has every value" height={280}>
            <ComposedChart
              data={[...deciles]}
              margin={{ top: 8, right: 16, bottom: 24, left: 0 }}
              accessibilityLayer={false}
            >
              <CartesianGrid stroke="var(--grid)" />
              <XAxis
                type="number"
                dataKey="predicted"
                {...axis}
                tickFormatter={format.ticks(axis.ticks, ratio)}
                tickLine={false}
                axisLine={false}
                label={{ value: 'Predicted', position: 'insideBottom', offset: -16 }}
              />
              <YAxis
                type="number"
                width="auto"
                {...axis}
                interval={0}
                tickFormatter={format.ticks(axis.ticks, ratio)}
                tickLine={false}
                axisLine={false}
              />
              <ReferenceLine
                segment={[
                  { x: 0, y: 0 },
                  { x: most, y: most },
                ]}
                stroke="var(--target)"
                strokeDasharray="6 4"
              />
              <Tooltip
                isAnimationActive={false}
                content={({ active, payload }) => {
                  const decile = active ? (payload?.[0]?.payload as (typeof deciles)[number] | undefined) : undefined
                  return decile ? (
                    <div className="tip">
                      <p>
                        Predicted {format.percent(decile.predicted)}, observed {format.percent(decile.observed)} of{' '}
                        {format.count(decile.observations)}
                      </p>
                    </div>
                  ) : null
                }}
              />
              <Line
                dataKey="observed"
                stroke="var(--series-1)"
                strokeWidth={2}
                dot={{ r: 4, fill: 'var(--series-1)' }}
                isAnimationActive={false}
              />
            </ComposedChart>
          </Chart>
          <dl className="qualities">
            <Quality
              title="Tells apart (AUC)"
              value={quality(tried?.model.auc)}
              note={`recency alone ${quality(tried?.recency.auc)}`}
            />
            <Quality
              title="Riskiest tenth"
              value={`${quality(tried?.model.top_decile_lift)} ×`}
              note="as many as among all"
            />
            <Quality
              title="Mean gap"
              value={format.percent(tried?.model.calibration_error)}
              note="between predicted and observed"
            />
            <Quality title="Fell silent" value={format.percent(tried?.base_rate)} note="of all who were scored" />
          </dl>
        </div>
      )}
    </Panel>
  )
}

const Quality = ({ title, value, note }: { title: string; value: string; note: string }) => (
  <div>
    <dt>{title}</dt>
    <dd>
      <b>{value}</b> <span className="quiet">{note}</span>
    </dd>
  </div>
)
