import type { z } from 'zod'
import { aiNudgesAnswerSchema } from '../../api/schemas/ai-nudges.ts'
import { seriesListSchema } from '../../api/schemas/series.ts'
import { useRead } from '../api/queries.ts'
import { answerOf } from '../charts/data.ts'
import { MetricPanel } from '../charts/metric-panel.tsx'
import { Panel } from '../charts/panel.tsx'
import { useFormat } from '../session/session.tsx'
import { Controls } from '../ui/controls.tsx'
import { PageFrame } from '../ui/page.tsx'
import { Empty, Loaded } from '../ui/state.tsx'
import { Against } from '../ui/status.tsx'
import { useReadParameters, useView } from '../view/view.ts'

const dimensions = ['persona', 'plan', 'coach', 'cohort', 'cohort_month'] as const
const members = ['plan', 'coach', 'cohort', 'cohort_month'] as const
const granularities = ['day', 'week', 'month'] as const
const cut = { granularity: true, compare: true, filters: dimensions } as const
const sessionsCut = { granularity: true, compare: true, filters: members } as const

type Nudges = z.infer<typeof aiNudgesAnswerSchema>

/** Do the AI's nudges move members, whose do, and are AI sessions liked? */
export default function AiNudges() {
  const { view, change } = useView({ preset: '90d', granularity: 'week' })
  const nudges = useRead('/ai/nudges', aiNudgesAnswerSchema, useReadParameters(view, cut))
  const ai = useRead('/ai', seriesListSchema, useReadParameters(view, sessionsCut))
  return (
    <PageFrame
      title="AI nudges"
      lead="Do nudges move members, and whose move them most?"
      freshUntil={nudges.data?.fresh_until}
      controls={
        <Controls
          view={view}
          change={change}
          granularities={granularities}
          filters={dimensions}
          filterMetric="ai_nudge_effectiveness"
          canCompare
        />
      }
    >
      <Loaded
        query={nudges}
        height={320}
        empty={({ total }) =>
          total.delivered === 0 && (
            <Empty title="No nudges yet">
              Send <code>nudge_sent</code> when one is delivered and <code>nudge_opened</code> when it is opened; what
              the member does in the next 24 hours is looked for by itself.
            </Empty>
          )
        }
      >
        {(data) => (
          <>
            <Total total={data.total} previous={data.previous?.total} />
            <Personas data={data} />
          </>
        )}
      </Loaded>
      <Loaded query={ai} height={300}>
        {({ metrics }) => {
          const of = (...names: string[]) => names.flatMap((name) => answerOf(metrics, name) ?? [])
          return (
            <div className="grid">
              <MetricPanel
                answers={
                  view.compare ? of('ai_nudge_effectiveness') : of('ai_nudge_effectiveness', 'ai_nudge_baseline')
                }
                title="Effectiveness and baseline"
                lead="Members who act within 24 hours after a nudge, and on days without one"
                send="No nudges in this range."
                fromZero
              />
              <MetricPanel
                answers={of('ai_session_satisfaction')}
                send={
                  <>
                    No ratings in this range. Send <code>ai_session_rated</code>.
                  </>
                }
                className="half"
                fromZero={false}
              />
              <MetricPanel
                answers={
                  view.compare
                    ? of('ai_session_response_rate')
                    : of('ai_session_top_two_share', 'ai_session_response_rate')
                }
                title="Ratings"
                lead="Share of 4 and 5, and of sessions that were rated"
                send="No ratings in this range."
                className="half"
                fromZero
              />
            </div>
          )
        }}
      </Loaded>
    </PageFrame>
  )
}

function Total({ total, previous }: { total: Nudges['total']; previous: Nudges['total'] | undefined }) {
  const format = useFormat()
  const facts = [
    [
      'Effectiveness',
      format.percent(total.effectiveness),
      `of ${format.count(total.delivered)} nudges were followed by action`,
      'effectiveness',
    ],
    ['Baseline', format.percent(total.baseline), 'the same members on days without a nudge', 'baseline'],
    ['Lift', format.change(total.lift), 'more action than without', 'lift'],
    [
      'Through the nudge',
      format.percent(total.direct),
      `directly; ${format.percent(total.influenced)} in another way`,
      'direct',
    ],
  ] as const
  return (
    <div className="cards four">
      {facts.map(([title, value, text, name]) => (
        <article key={title} className="card" data-metric={title}>
          <h3>{title}</h3>
          <p className="figure">{value}</p>
          <Against value={total[name]} previous={previous?.[name]} unit={{ kind: 'ratio' }} />
          <p className="quiet">{text}</p>
        </article>
      ))}
    </div>
  )
}

function Personas({ data }: { data: Nudges }) {
  const format = useFormat()
  const personas = data.personas.toSorted((a, b) => (b.effectiveness ?? 0) - (a.effectiveness ?? 0))
  const heads = ['Persona', 'Effectiveness', 'Against the baseline', 'Direct', 'Influenced', 'Nudges']
  const isCompared = data.previous !== undefined
  const before = new Map(data.previous?.personas.map((row) => [row.persona, row]))
  const against = (row: (typeof personas)[number], name: 'effectiveness' | 'direct' | 'influenced') => ({
    value: row[name],
    previous: isCompared ? (before.get(row.persona)?.[name] ?? null) : undefined,
    unit: { kind: 'ratio' } as const,
  })
  const lift = (rate: number | null) => (rate === null || !data.total.baseline ? null : rate / data.total.baseline - 1)
  return (
    <Panel
      title="By persona"
      lead="Most effective first"
      definition={data.definition}
      cells={() => [
        [...heads, ...(isCompared ? ['Effectiveness before', 'Nudges before'] : [])],
        ...personas.map((row) => [
          row.persona,
          row.effectiveness,
          lift(row.effectiveness),
          row.direct,
          row.influenced,
          row.delivered,
          ...(isCompared
            ? [before.get(row.persona)?.effectiveness ?? null, before.get(row.persona)?.delivered ?? 0]
            : []),
        ]),
      ]}
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section className="scroll" tabIndex={0} aria-label="Nudges by persona">
        <table className="list stacked">
          <thead>
            <tr>
              {heads.map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {personas.map((row) => (
              <tr key={row.persona} data-persona={row.persona}>
                <th scope="row">{row.persona.replaceAll('_', ' ')}</th>
                <td data-label={heads[1]} className="whole">
                  <span className="meter">
                    <i style={{ width: `${100 * (row.effectiveness ?? 0)}%` }} aria-hidden="true" />
                  </span>
                  <b>{format.percent(row.effectiveness)}</b>
                  <Against {...against(row, 'effectiveness')} />
                </td>
                <td data-label={heads[2]}>{format.change(lift(row.effectiveness))}</td>
                <td data-label={heads[3]}>
                  {format.percent(row.direct)}
                  <Against {...against(row, 'direct')} />
                </td>
                <td data-label={heads[4]}>
                  {format.percent(row.influenced)}
                  <Against {...against(row, 'influenced')} />
                </td>
                <td data-label={heads[5]}>{format.count(row.delivered)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Panel>
  )
}
