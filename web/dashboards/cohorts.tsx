import { cohortsAnswerSchema } from '../../api/schemas/cohorts.ts'
import { useRead } from '../api/queries.ts'
import { Matrix } from '../charts/matrix.tsx'
import { Panel } from '../charts/panel.tsx'
import { useFormat } from '../session/session.tsx'
import { Choice, Controls } from '../ui/controls.tsx'
import { Link } from '../ui/link.tsx'
import { PageFrame } from '../ui/page.tsx'
import { Empty, Loaded } from '../ui/state.tsx'
import { addDays } from '../view/range.ts'
import { navigate, usePath, useSearch } from '../view/router.ts'
import { useReadParameters, useView, withChange } from '../view/view.ts'
import { CohortDeepDive } from './parts/cohort-deep-dive.tsx'

const filters = ['plan', 'coach'] as const
const cut = { compare: true, filters } as const
const sizes = ['week', 'month'] as const

/** Do members stay? By the week or month in which they signed up. */
export default function Cohorts() {
  const path = usePath()
  const cohort = /\/cohorts\/(\d{4}-(?:W\d{2}|\d{2}))$/.exec(path)?.[1]
  return cohort ? <CohortDeepDive cohort={cohort} /> : <Triangle />
}

const rateOf = (pooled: readonly { n: number; rate: number | null }[], n: number): number | null =>
  pooled.find((cell) => cell.n === n)?.rate ?? null

function Triangle() {
  const format = useFormat()
  const search = useSearch()
  const path = usePath()
  const { view, change } = useView({ preset: '6m', granularity: 'week' })
  const size = sizes.find((name) => name === new URLSearchParams(search).get('cohort')) ?? 'week'
  const rolling = new URLSearchParams(search).get('mode') === 'rolling'
  const parameters = useReadParameters(view, cut)
  const query = useRead('/cohorts', cohortsAnswerSchema, {
    ...parameters,
    cohort: size,
    unit: 'week',
    units: '12',
    mode: rolling ? 'rolling' : 'classic',
  })
  const set = (name: string, value: string | undefined) =>
    navigate(path + withChange(search, { [name]: value }), { replace: true })
  return (
    <PageFrame
      title="Cohorts"
      lead="Do members stay? Each row signed up together; each column is a week later"
      freshUntil={query.data?.fresh_until}
      controls={
        <Controls view={view} change={change} filters={filters} filterMetric="active_members" canCompare>
          <Choice
            label="Cohorts"
            value={size}
            options={[
              ['week', 'Signed up by week'],
              ['month', 'Signed up by month'],
            ]}
            onChange={(value) => set('cohort', value === 'week' ? undefined : value)}
          />
          <Choice
            label="Retained means"
            value={rolling ? 'rolling' : 'classic'}
            options={[
              ['classic', 'Active in that week'],
              ['rolling', 'Active then or later'],
            ]}
            onChange={(value) => set('mode', value === 'classic' ? undefined : value)}
          />
        </Controls>
      }
    >
      <Loaded
        query={query}
        height={420}
        empty={({ cohorts }) =>
          cohorts.length === 0 && (
            <Empty title="Nobody signed up in this range">
              Send <code>signed_up</code> events, or look further back.
            </Empty>
          )
        }
      >
        {({ cohorts, pooled, previous }) => {
          const columns = pooled.map(({ n }) => n)
          const heads = columns.map((n) => (n === 0 ? 'Week 0' : `+${n}`))
          const rows = cohorts.toReversed()
          const row = (rates: readonly (number | null)[]) =>
            columns.map((n, index) => {
              const rate = rates[index] ?? null
              return { key: String(n), strength: rate, text: rate === null ? '' : format.percent(rate, 0) }
            })
          return (
            <Panel
              title="Retention"
              lead="Share of each cohort that was active; open one to see what became of it"
              definition="Classic: active on any of days 7n to 7n+6 after signing up. Rolling: active then or later. Cells that are not over stay empty. “All together” is retained members over cohort sizes, of the cells that are over."
              cells={() => [
                ['Cohort', 'Members', ...heads],
                ...rows.map(({ cohort, size: members, cells }) => [cohort, members, ...cells.map(({ rate }) => rate)]),
                ['All together', null, ...pooled.map(({ rate }) => rate)],
                ...(previous ? [['Period before', null, ...columns.map((n) => rateOf(previous.pooled, n))]] : []),
              ]}
            >
              <Matrix
                className="cells"
                caption="Retention by cohort and week"
                corner="Cohort"
                extraHeads={['Members']}
                heads={heads}
                rows={[
                  {
                    key: 'all',
                    head: <b>All together</b>,
                    extra: [format.count(cohorts.reduce((sum, { size: members }) => sum + members, 0))],
                    cells: row(pooled.map(({ rate }) => rate)),
                  },
                  ...(previous
                    ? [
                        {
                          key: 'before',
                          head: (
                            <>
                              <b>Period before</b>{' '}
                              <span className="quiet">
                                {format.bucketShort(previous.range.from, size)} –{' '}
                                {format.day(addDays(previous.range.to, -1))}
                              </span>
                            </>
                          ),
                          extra: [format.count(previous.pooled[0]?.size ?? 0)],
                          cells: row(columns.map((n) => rateOf(previous.pooled, n))),
                        },
                      ]
                    : []),
                  ...rows.map(({ cohort, from, size: members, cells }) => ({
                    key: cohort,
                    head: (
                      <Link href={`/cohorts/${cohort}${search}`} title={`Look into ${cohort}`}>
                        {format.bucketShort(from, size)} <span className="quiet">{cohort}</span>
                      </Link>
                    ),
                    extra: [format.count(members)],
                    cells: row(cells.map(({ rate }) => rate)),
                  })),
                ]}
              />
            </Panel>
          )
        }}
      </Loaded>
    </PageFrame>
  )
}
