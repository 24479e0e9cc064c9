import { heatmapAnswerSchema } from '../../api/schemas/heatmap.ts'
import { responseTimesAnswerSchema } from '../../api/schemas/response-times.ts'
import { seriesListSchema } from '../../api/schemas/series.ts'
import { useRead } from '../api/queries.ts'
import { answerOf } from '../charts/data.ts'
import { MetricPanel } from '../charts/metric-panel.tsx'
import { Controls } from '../ui/controls.tsx'
import { PageFrame } from '../ui/page.tsx'
import { Loaded } from '../ui/state.tsx'
import { useReadParameters, useView } from '../view/view.ts'
import { Heatmap } from './parts/heatmap.tsx'
import { ResponseTimes } from './parts/response-times.tsx'

const members = ['plan', 'coach', 'cohort', 'cohort_month'] as const
const granularities = ['hour', 'day', 'week', 'month'] as const
const cut = { granularity: true, compare: true, groupBy: members, filters: members } as const
const plain = { filters: members } as const

/** Who comes, how often, for how long, when; and how long members wait for an answer. */
export default function EngagementDashboard() {
  const { view, change } = useView({ preset: '30d', granularity: 'day' })
  const parameters = useReadParameters(view, cut)
  const filters = useReadParameters(view, plain)
  const engagement = useRead('/engagement', seriesListSchema, parameters)
  const heatmap = useRead('/engagement/heatmap', heatmapAnswerSchema, filters)
  const waiting = useRead('/engagement/response-times', responseTimesAnswerSchema, filters)
  const coaching = useRead('/coaching', seriesListSchema, parameters, { enabled: view.granularity !== 'hour' })
  const isByDay = view.granularity === 'day'
  return (
    <PageFrame
      title="Engagement"
      lead="Who comes, how often, when, and how long they wait for an answer"
      freshUntil={engagement.data?.metrics[0]?.fresh_until}
      controls={
        <Controls
          view={view}
          change={change}
          granularities={granularities.filter((name) => name !== 'hour' || ['7d', 'custom'].includes(view.preset))}
          groupBy={members}
          filters={members}
          filterMetric="active_members"
          canCompare
        />
      }
    >
      <Loaded query={engagement} height={320}>
        {({ metrics }) => {
          const of = (...names: string[]) => names.flatMap((name) => answerOf(metrics, name) ?? [])
          const isGrouped = view.groupBy !== undefined
          return (
            <div className="grid">
              {isByDay && !isGrouped && !view.compare ? (
                <MetricPanel
                  answers={of('active_members', 'wau', 'mau')}
                  title="Active members"
                  lead="Distinct members a day, over 7 days and over 30 days"
                  send={sendEvents}
                  className="two-thirds"
                  height={300}
                />
              ) : (
                <MetricPanel answers={of('active_members')} send={sendEvents} className="two-thirds" height={300} />
              )}
              <MetricPanel
                answers={of('stickiness')}
                lead="How much of a month’s members come on a day"
                send={sendEvents}
                className="third"
                height={300}
                fromZero={false}
              />
              {!isByDay && of('wau').length > 0 && (
                <MetricPanel answers={of('wau')} send={sendEvents} className="half" />
              )}
              <MetricPanel
                answers={of('active_minutes')}
                kind={isGrouped ? 'stack' : 'bar'}
                send={sendEvents}
                className="half"
              />
              <MetricPanel answers={of('sessions_per_user')} send={sendEvents} className="half" />
            </div>
          )
        }}
      </Loaded>
      <Loaded query={heatmap} height={340}>
        {(data) => <Heatmap data={data} />}
      </Loaded>
      <div className="grid">
        <div className="third">
          <Loaded query={waiting} height={340}>
            {(data) => <ResponseTimes data={data} />}
          </Loaded>
        </div>
        <div className="two-thirds">
          {view.granularity !== 'hour' && (
            <Loaded query={coaching} height={340}>
              {({ metrics }) => (
                <MetricPanel
                  answers={
                    view.groupBy || view.compare
                      ? metrics.filter(({ metric }) => metric.name === 'message_response_time')
                      : metrics.filter(({ metric }) => metric.name.startsWith('message_response_time'))
                  }
                  title="Time to an answer"
                  lead={view.groupBy || view.compare ? 'Median' : 'Median, 90th and 95th percentile of all replies'}
                  send={sendMessages}
                  height={300}
                />
              )}
            </Loaded>
          )}
        </div>
      </div>
    </PageFrame>
  )
}

const sendEvents = (
  <>
    Nobody was active in this range. Send <code>session_started</code> and what members do as events.
  </>
)
const sendMessages = (
  <>
    No member message was answered in this range. Send <code>message_sent</code> events of members and coaches.
  </>
)
