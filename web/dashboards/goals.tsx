import { cardsAnswerSchema } from '../../api/schemas/card.ts'
import { seriesListSchema } from '../../api/schemas/series.ts'
import { useRead } from '../api/queries.ts'
import { answerOf } from '../charts/data.ts'
import { MetricPanel } from '../charts/metric-panel.tsx'
import { MetricCard } from '../ui/cards.tsx'
import { Controls } from '../ui/controls.tsx'
import { PageFrame } from '../ui/page.tsx'
import { Loaded } from '../ui/state.tsx'
import { useReadParameters, useView } from '../view/view.ts'

const members = ['plan', 'coach', 'cohort', 'cohort_month'] as const
const granularities = ['day', 'week', 'month'] as const
const cut = { granularity: true, compare: true, groupBy: members, filters: members } as const

/** Do members reach what they set out to do, and keep at it? */
export default function GoalsAndHabits() {
  const { view, change } = useView({ preset: '90d', granularity: 'week' })
  const parameters = useReadParameters(view, cut)
  const { from: _from, to: _to, group_by: _group, compare: _compare, ...filters } = parameters
  const cards = useRead('/goals/overview', cardsAnswerSchema, filters)
  const goals = useRead('/goals', seriesListSchema, parameters)
  const habits = useRead('/habits', seriesListSchema, parameters)
  return (
    <PageFrame
      title="Goals & habits"
      lead="Do members reach what they set out to do, and keep at it?"
      freshUntil={goals.data?.metrics[0]?.fresh_until}
      controls={
        <Controls
          view={view}
          change={change}
          granularities={granularities}
          groupBy={members}
          filters={members}
          filterMetric="active_goals"
          canCompare
        />
      }
    >
      <Loaded query={cards} height={130}>
        {(data) => (
          <div className="cards">
            {data.cards.map((card) => (
              <MetricCard key={card.name} card={card} than={`on the ${data.granularity} before`} />
            ))}
          </div>
        )}
      </Loaded>
      <Loaded query={goals} height={300}>
        {({ metrics }) => {
          const of = (name: string) => [answerOf(metrics, name)].filter((answer) => answer !== undefined)
          return (
            <div className="grid">
              <MetricPanel answers={of('goal_completion_rate')} send={sendGoals} fromZero />
              <MetricPanel
                answers={of('active_goals')}
                kind={view.groupBy ? 'stack' : 'area'}
                send={sendGoals}
                className="half"
              />
              <MetricPanel
                answers={of('completed_goals')}
                kind={view.groupBy ? 'stack' : 'bar'}
                send={sendGoals}
                className="half"
              />
            </div>
          )
        }}
      </Loaded>
      <Loaded query={habits} height={300}>
        {({ metrics }) => {
          const of = (name: string) => [answerOf(metrics, name)].filter((answer) => answer !== undefined)
          return (
            <div className="grid">
              <MetricPanel answers={of('habit_adherence_score')} send={sendHabits} className="half" />
              <MetricPanel answers={of('average_streak_days')} send={sendHabits} className="half" fromZero />
              <MetricPanel answers={of('habit_completion_rate')} send={sendHabits} fromZero />
            </div>
          )
        }}
      </Loaded>
    </PageFrame>
  )
}

const sendGoals = (
  <>
    No goals in this range. Send <code>goal_created</code> and <code>goal_completed</code>.
  </>
)
const sendHabits = (
  <>
    No habits in this range. Send <code>habit_created</code> and <code>habit_checked</code>.
  </>
)
