import type { z } from 'zod'
import { coachesAnswerSchema, MIN_GOALS_FOR_RANK } from '../../api/schemas/coaches.ts'
import { useRead } from '../api/queries.ts'
import { Panel } from '../charts/panel.tsx'
import { useFormat, useSession } from '../session/session.tsx'
import { Controls } from '../ui/controls.tsx'
import { PageFrame } from '../ui/page.tsx'
import { Empty, Loaded } from '../ui/state.tsx'
import { Against } from '../ui/status.tsx'
import { useReadParameters, useView } from '../view/view.ts'
import { BookAtRisk } from './parts/book-at-risk.tsx'
import { type Coach, coachName } from './parts/coach-name.ts'
import { CompletionAdherence } from './parts/completion-adherence.tsx'

const members = ['plan', 'coach', 'cohort', 'cohort_month'] as const
const plain = { filters: members } as const
const cut = { compare: true, filters: members } as const
type Coaches = z.infer<typeof coachesAnswerSchema>

/** Who helps members reach their goals, said with the doubt that small numbers deserve. */
export default function CoachInsights() {
  const { role } = useSession()
  const { view, change } = useView({ preset: '90d', granularity: 'day' })
  const query = useRead('/coaches', coachesAnswerSchema, useReadParameters(view, cut))
  const { from: _from, to: _to, ...filters } = useReadParameters(view, plain)
  return (
    <PageFrame
      title="Coaches"
      lead={
        role === 'coach'
          ? 'How your members do, beside those of the other coaches'
          : 'Who helps members reach their goals'
      }
      freshUntil={query.data?.fresh_until}
      controls={<Controls view={view} change={change} filters={members} filterMetric="active_goals" canCompare />}
    >
      <Loaded
        query={query}
        height={420}
        empty={({ coaches }) =>
          coaches.length === 0 && (
            <Empty title="No coaches yet">
              Send <code>signed_up</code> or <code>coach_assigned</code> events that say which coach a member has.
            </Empty>
          )
        }
      >
        {(data) => (
          <>
            <Leaderboard data={data} />
            <BookAtRisk filters={filters} />
            <CompletionAdherence coaches={data.coaches} />
          </>
        )}
      </Loaded>
    </PageFrame>
  )
}

const heads = [
  'Rank',
  'Coach',
  'Completion, with its 90 % interval',
  'Goals',
  'Members',
  'Adherence',
  'Answers in',
  'Satisfaction',
]

/** The coach's number of the period before; undefined while it is not asked for. */
const before = (coach: Coach, name: keyof NonNullable<Coach['previous']>): number | null | undefined =>
  coach.previous === undefined ? undefined : (coach.previous?.[name] ?? null)

function Leaderboard({ data }: { data: Coaches }) {
  const format = useFormat()
  const { coaches, mean_rate } = data
  const scale = Math.max(...coaches.map(({ adjusted_rate }) => adjusted_rate?.high ?? 0), mean_rate ?? 0, 0.01)
  const isCompared = coaches.some(({ previous }) => previous !== undefined)
  const left = (rate: number) => `${(100 * rate) / scale}%`
  return (
    <Panel
      title="Leaderboard"
      lead={
        mean_rate === null
          ? undefined
          : `All coaches together complete ${format.percent(mean_rate)}. Overlapping intervals are no real difference.`
      }
      definition={`Completed goals of active ones in the range, drawn towards the mean of all coaches (beta-binomial), the more so the fewer goals there are; the line is the 90 % interval. Fewer than ${MIN_GOALS_FOR_RANK} active goals: no rank.`}
      cells={() => [
        [
          'Rank',
          'Coach',
          'Members',
          'Active goals',
          'Completed goals',
          'Completion rate',
          'Adjusted',
          'Low',
          'High',
          'Adherence',
          'Median response seconds',
          'Satisfaction',
          'Ratings',
          ...(isCompared ? ['Adjusted before', 'Adherence before', 'Response before', 'Satisfaction before'] : []),
        ],
        ...coaches.map((coach) => [
          coach.rank,
          coachName(coach),
          coach.members,
          coach.active_goals,
          coach.completed_goals,
          coach.goal_completion_rate,
          coach.adjusted_rate?.rate ?? null,
          coach.adjusted_rate?.low ?? null,
          coach.adjusted_rate?.high ?? null,
          coach.habit_adherence_score,
          coach.message_response_time,
          coach.ai_session_satisfaction,
          coach.ratings,
          ...(isCompared
            ? [
                coach.previous?.adjusted_rate ?? null,
                coach.previous?.habit_adherence_score ?? null,
                coach.previous?.message_response_time ?? null,
                coach.previous?.ai_session_satisfaction ?? null,
              ]
            : []),
        ]),
      ]}
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section className="scroll" tabIndex={0} aria-label="Leaderboard">
        <table className="list stacked">
          <thead>
            <tr>
              {heads.map((head, index) => (
                <th key={head} scope="col" className={index === 1 || index === 2 ? 'text' : ''}>
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {coaches.map((coach, index) => (
              <tr
                key={coach.coach_id ?? `other-${index}`}
                className={coach.own ? 'own' : ''}
                data-coach={coach.coach_id ?? ''}
              >
                <td data-label={heads[0]}>{coach.rank ?? '–'}</td>
                <th scope="row" className="text">
                  {coachName(coach)}
                  {coach.own && <span className="quiet"> (you)</span>}
                </th>
                <td className="text whole" data-label={heads[2]}>
                  {coach.adjusted_rate && (
                    <span className="interval" aria-hidden="true">
                      {mean_rate !== null && <s style={{ left: left(mean_rate) }} />}
                      <i
                        style={{
                          left: left(coach.adjusted_rate.low),
                          width: left(coach.adjusted_rate.high - coach.adjusted_rate.low),
                        }}
                      />
                      <b style={{ left: left(coach.adjusted_rate.rate) }} />
                    </span>
                  )}
                  {coach.adjusted_rate ? (
                    <span>
                      <strong>{format.percent(coach.adjusted_rate.rate, 0)}</strong>{' '}
                      <span className="quiet">
                        {format.percent(coach.adjusted_rate.low, 0)} – {format.percent(coach.adjusted_rate.high, 0)}
                      </span>
                    </span>
                  ) : (
                    '–'
                  )}
                  <Against
                    value={coach.adjusted_rate?.rate ?? null}
                    previous={before(coach, 'adjusted_rate')}
                    unit={{ kind: 'ratio' }}
                  />
                </td>
                <td data-label={heads[3]}>
                  {format.count(coach.completed_goals)} of {format.count(coach.active_goals)}
                </td>
                <td data-label={heads[4]}>{format.count(coach.members)}</td>
                <td data-label={heads[5]}>
                  {format.value(coach.habit_adherence_score, { kind: 'score' })}
                  <Against
                    value={coach.habit_adherence_score}
                    previous={before(coach, 'habit_adherence_score')}
                    unit={{ kind: 'score' }}
                  />
                </td>
                <td data-label={heads[6]}>
                  {format.value(coach.message_response_time, { kind: 'seconds' })}
                  <Against
                    value={coach.message_response_time}
                    previous={before(coach, 'message_response_time')}
                    unit={{ kind: 'seconds' }}
                    better="lower"
                  />
                </td>
                <td data-label={heads[7]}>
                  {format.value(coach.ai_session_satisfaction, { kind: 'score' })}
                  <Against
                    value={coach.ai_session_satisfaction}
                    previous={before(coach, 'ai_session_satisfaction')}
                    unit={{ kind: 'score' }}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Panel>
  )
}
