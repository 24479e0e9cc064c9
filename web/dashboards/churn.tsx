import { useInfiniteQuery } from '@tanstack/react-query'
import { churnModelAnswerSchema, churnRiskAnswerSchema } from '../../api/schemas/churn-risk.ts'
import { ask } from '../api/client.ts'
import { useRead } from '../api/queries.ts'
import { fileName, save, toCsv } from '../charts/download.ts'
import { useEmbed } from '../session/embed.ts'
import { useFormat, useSession } from '../session/session.tsx'
import { Choice, FilterChoice } from '../ui/controls.tsx'
import { PageFrame } from '../ui/page.tsx'
import { Empty, Failure, Loaded, Skeleton } from '../ui/state.tsx'
import { navigate, usePath, useSearch } from '../view/router.ts'
import { useReadParameters, useView, withChange } from '../view/view.ts'
import { Calibration } from './parts/calibration.tsx'
import { RiskList, type RiskMember } from './parts/risk-list.tsx'

const dimensions = ['plan', 'cohort', 'cohort_month'] as const
const plain = { filters: dimensions } as const
const bands = ['high', 'medium', 'low'] as const

/** Who is likely to fall silent, why, and how far the model can be trusted. */
export default function ChurnRisk() {
  const format = useFormat()
  const { role } = useSession()
  const isEmbedded = useEmbed() !== undefined
  const path = usePath()
  const search = useSearch()
  const query = new URLSearchParams(search)
  const band = bands.find((name) => name === query.get('band'))
  const coach = query.get('coach') ?? undefined
  const set = (name: string, value: string) => navigate(path + withChange(search, { [name]: value }), { replace: true })
  const { view, change } = useView({ preset: '30d', granularity: 'day' })
  const { from: _from, to: _to, ...filters } = useReadParameters(view, plain)
  const list = useInfiniteQuery({
    queryKey: ['/churn-risk', band, coach, filters],
    queryFn: ({ pageParam, signal }) =>
      ask({
        path: '/churn-risk',
        schema: churnRiskAnswerSchema,
        parameters: { ...filters, band, coach, cursor: pageParam, limit: '20' },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
  })
  const model = useRead('/churn-risk/model', churnModelAnswerSchema)
  const first = list.data?.pages[0]
  const members = list.data?.pages.flatMap((page) => page.members) ?? []
  return (
    <PageFrame
      title="Churn risk"
      lead={
        first?.as_of
          ? `Who is likely to do nothing in the ${first.horizon_days} days after ${format.day(first.as_of)}`
          : 'Who is likely to fall silent'
      }
      controls={
        <fieldset className="controls">
          <legend className="sr">Who is shown</legend>
          <Choice
            label="Risk"
            value={band ?? ''}
            options={[
              ['', 'Everybody'],
              ['high', 'High risk'],
              ['medium', 'Medium risk'],
              ['low', 'Low risk'],
            ]}
            onChange={(value) => set('band', value)}
          />
          {role === 'admin' && !isEmbedded && (
            <CoachFilter value={coach ?? ''} members={members} onChange={(value) => set('coach', value)} />
          )}
          <FilterChoice view={view} change={change} filters={dimensions} metric="high_risk_members" />
        </fieldset>
      }
    >
      {first && first.as_of !== null && (
        <div className="cards four">
          {(
            [
              ['High risk', first.totals.high, 'to call today'],
              ['Medium risk', first.totals.medium, 'to keep an eye on'],
              ['Low risk', first.totals.low, 'doing well'],
            ] as const
          ).map(([title, count, text]) => (
            <article key={title} className="card" data-metric={title}>
              <h3>{title}</h3>
              <p className="figure">{format.count(count)}</p>
              <p className="quiet">
                {format.percent(first.totals.members === 0 ? null : count / first.totals.members, 0)} of members, {text}
              </p>
            </article>
          ))}
        </div>
      )}
      {list.error && <Failure error={list.error} retry={list.refetch} isBusy={list.isFetching} />}
      {!first && !list.error && <Skeleton height={380} />}
      {first && first.as_of === null && (
        <Empty title="Nobody has been scored yet">
          Members are scored once a night from what they did in the last weeks: send their events, and look again
          tomorrow.
        </Empty>
      )}
      {first && first.as_of !== null && (
        <section className="panel" aria-label="Members">
          {members.length === 0 ? (
            <Empty title="Nobody in this group">That is good news, or a filter too many.</Empty>
          ) : (
            <RiskList members={members} withCoach={role === 'admin'} />
          )}
          <div className="row">
            {list.hasNextPage && (
              <button type="button" className="button" onClick={() => list.fetchNextPage()} disabled={list.isFetching}>
                Show more
              </button>
            )}
            {members.length > 0 && (
              <button type="button" className="button" onClick={() => download(members)}>
                Download CSV
              </button>
            )}
          </div>
        </section>
      )}
      <Loaded query={model} height={320}>
        {(data) => <Calibration model={data} />}
      </Loaded>
    </PageFrame>
  )
}

function CoachFilter(props: { value: string; members: readonly RiskMember[]; onChange: (coach: string) => void }) {
  const { value, members, onChange } = props
  const coaches = [...new Set([value, ...members.map(({ coach_id }) => coach_id)])].filter(Boolean)
  coaches.sort((a, b) => a.localeCompare(b, undefined, { numeric: true }))
  return (
    <Choice
      label="Coach"
      value={value}
      options={[['', 'All coaches'], ...coaches.map((coach) => [coach, coach] as const)]}
      onChange={onChange}
    />
  )
}

const heads = ['Member', 'Probability', 'Band', 'A week before', 'Reasons', 'Last action', 'Plan', 'Coach']
const download = (members: readonly RiskMember[]) =>
  save(
    new Blob([
      toCsv([
        heads,
        ...members.map((member) => [
          member.user_id,
          member.probability,
          member.band,
          member.previous,
          member.reasons.map(({ text }) => text).join('; '),
          member.last_action,
          member.plan,
          member.coach_id,
        ]),
      ]),
    ]),
    fileName('churn risk', 'csv'),
  )
