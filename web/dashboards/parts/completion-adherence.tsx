import { CartesianGrid, LabelList, Scatter, ScatterChart, Tooltip, XAxis, YAxis, ZAxis } from 'recharts'
import { axisOf } from '../../charts/axis.ts'
import { Chart } from '../../charts/chart.tsx'
import { Panel } from '../../charts/panel.tsx'
import { useFormat } from '../../session/session.tsx'
import { Empty } from '../../ui/state.tsx'
import { type Coach, coachName } from './coach-name.ts'

const score = { kind: 'score' } as const
const ratio = { kind: 'ratio' } as const

/** Are the coaches whose members keep their habits those whose members reach their goals? */
export function CompletionAdherence({ coaches }: { coaches: readonly Coach[] }) {
  const format = useFormat()
  const points = coaches.flatMap((coach) =>
    coach.adjusted_rate && coach.habit_adherence_score !== null
      ? [
          {
            name: coachName(coach),
            adherence: coach.habit_adherence_score,
            rate: coach.adjusted_rate.rate,
            members: coach.members,
          },
        ]
      : [],
  )
  const across = axisOf(
    points.map(({ adherence }) => adherence),
    score,
    false,
  )
  const up = axisOf(
    points.map(({ rate }) => rate),
    ratio,
    false,
  )
  return (
    <Panel
      title="Completion and adherence"
      lead="Each dot a coach, as large as the number of members: up and to the right both go well"
      cells={() => [
        ['Coach', 'Adherence', 'Adjusted completion rate', 'Members'],
        ...points.map(({ name, adherence, rate, members }) => [name, adherence, rate, members]),
      ]}
      shown={() => [
        ['Coach', 'Adherence', 'Adjusted completion rate', 'Members'],
        ...points.map(({ name, adherence, rate, members }) => [
          name,
          format.value(adherence, score),
          format.percent(rate),
          format.count(members),
        ]),
      ]}
    >
      {points.length === 0 ? (
        <Empty>
          No coach has goals and habits in this range. Send <code>goal_created</code> and <code>habit_checked</code>.
        </Empty>
      ) : (
        <Chart label="Goal completion against habit adherence by coach; the table has every value" height={300}>
          <ScatterChart margin={{ top: 20, right: 40, bottom: 22, left: 4 }} accessibilityLayer={false}>
            <CartesianGrid stroke="var(--grid)" />
            <XAxis
              type="number"
              dataKey="adherence"
              name="Adherence"
              {...across}
              tickFormatter={format.ticks(across.ticks, score)}
              tickLine={false}
              axisLine={false}
              label={{ value: 'Habit adherence score', position: 'insideBottom', offset: -14 }}
            />
            <YAxis
              type="number"
              dataKey="rate"
              name="Completion"
              width="auto"
              {...up}
              interval={0}
              tickFormatter={format.ticks(up.ticks, ratio)}
              tickLine={false}
              axisLine={false}
            />
            <ZAxis type="number" dataKey="members" range={[90, 520]} />
            <Tooltip
              isAnimationActive={false}
              cursor={{ strokeDasharray: '3 3' }}
              content={({ active, payload }) => {
                const point = active ? (payload?.[0]?.payload as (typeof points)[number] | undefined) : undefined
                return point ? (
                  <div className="tip">
                    <strong>{point.name}</strong>
                    <p>
                      {format.percent(point.rate)} completed, adherence {format.value(point.adherence, score)},{' '}
                      {format.count(point.members)} members
                    </p>
                  </div>
                ) : null
              }}
            />
            <Scatter data={points} fill="var(--series-1)" fillOpacity={0.75} isAnimationActive={false}>
              <LabelList dataKey="name" position="top" offset={10} />
            </Scatter>
          </ScatterChart>
        </Chart>
      )}
    </Panel>
  )
}
