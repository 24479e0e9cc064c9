import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { z } from 'zod'
import { catalogueAnswerSchema } from '../../api/schemas/catalogue.ts'
import { acceptedSchema, exportListSchema, exportSchema } from '../../api/schemas/exports.ts'
import { ask, Problem } from '../api/client.ts'
import { useRead } from '../api/queries.ts'
import { useFormat, useSession } from '../session/session.tsx'
import { Choice, Controls } from '../ui/controls.tsx'
import { PageFrame } from '../ui/page.tsx'
import { Empty, Loaded } from '../ui/state.tsx'
import { useView } from '../view/view.ts'

type Export = z.infer<typeof exportSchema>

/** What can be asked for here, who may, and whether a time range belongs to it. */
const kinds = {
  metric: { title: 'One metric over time', roles: ['admin', 'finance'], takes: ['range', 'granularity', 'metric'] },
  overview: { title: 'KPI cards of every pillar', roles: ['admin'], takes: [] },
  revenue: { title: 'Revenue', roles: ['admin', 'finance'], takes: ['range', 'granularity'] },
  cohort: { title: 'Retention by cohort', roles: ['admin'], takes: ['range'] },
  churn_risk: { title: 'Churn risk', roles: ['admin'], takes: ['range'] },
  fact_productivity: { title: 'Member days (fact_productivity)', roles: ['admin'], takes: ['range'] },
  audit: { title: 'Audit log', roles: ['admin'], takes: ['range'] },
  member: { title: 'Everything about one member', roles: ['admin'], takes: ['member'] },
} as const
type Kind = keyof typeof kinds
type Format = 'csv' | 'pdf' | 'parquet' | 'json'

function formatsOf(kind: Kind): readonly Format[] {
  if (kind === 'member') return ['json']
  // Long tables of rows are no reading matter.
  if (['churn_risk', 'fact_productivity', 'audit'].includes(kind)) return ['csv', 'parquet']
  return ['csv', 'pdf', 'parquet']
}

const formatTitle = (format: Format): string => (format === 'parquet' ? 'Parquet' : format.toUpperCase())

const POLL_MS = 2_000

/** Files of what the dashboards show: ask, watch, download, look back. */
export default function Exports() {
  const list = useRead('/exports', exportListSchema, { limit: '50' }, { everyMs: POLL_MS * 5 })
  const isRunning = list.data?.exports.some(({ status }) => status === 'queued' || status === 'running') ?? false
  // Somebody watches the bar: ask again soon, and only while it moves.
  useRead('/exports', exportListSchema, { limit: '50' }, { enabled: isRunning, everyMs: isRunning ? POLL_MS : false })
  return (
    <PageFrame title="Exports" lead="Files to keep or hand on; they are deleted after 14 days">
      <NewExport />
      <Loaded
        query={list}
        empty={({ exports }) =>
          exports.length === 0 && <Empty title="No exports yet">Choose above what you need.</Empty>
        }
      >
        {({ exports }) => (
          <section className="panel" aria-labelledby="history">
            <h2 id="history">History</h2>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
            <section className="scroll" tabIndex={0} aria-label="Exports">
              <table className="list stacked exports">
                <thead>
                  <tr>
                    {['What', 'Asked', 'State', 'Rows', 'Size', 'Kept until', 'File'].map((head) => (
                      <th key={head} scope="col">
                        {head}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {exports.map((job) => (
                    <ExportRow key={job.id} job={job} />
                  ))}
                </tbody>
              </table>
            </section>
          </section>
        )}
      </Loaded>
    </PageFrame>
  )
}

function NewExport() {
  const { role } = useSession()
  const { view, change } = useView({ preset: '90d', granularity: 'week' })
  const [kind, setKind] = useState<Kind>(role === 'finance' ? 'revenue' : 'overview')
  const [format, setFormat] = useState<Format>('csv')
  const [metric, setMetric] = useState('')
  const [member, setMember] = useState('')
  const catalogue = useRead('/metrics', catalogueAnswerSchema)
  const client = useQueryClient()
  const takes: readonly string[] = kinds[kind].takes
  const metrics = catalogue.data?.metrics ?? []
  const offered = formatsOf(kind)
  const chosen = offered.find((name) => name === format) ?? offered[0] ?? 'csv'
  const start = useMutation({
    mutationFn: () =>
      kind === 'member'
        ? ask({ path: `/members/${encodeURIComponent(member)}/export`, method: 'POST', schema: acceptedSchema })
        : ask({
            path: '/exports',
            method: 'POST',
            schema: acceptedSchema,
            body: {
              type: kind,
              format: chosen,
              params: {
                ...(takes.includes('range') ? { from: view.from, to: view.to } : {}),
                ...(takes.includes('granularity') ? { granularity: view.granularity } : {}),
                ...(takes.includes('metric') ? { metric: metric || metrics[0]?.name } : {}),
              },
            },
          }),
    onSettled: () => client.invalidateQueries({ queryKey: ['/exports'] }),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    start.mutate()
  }
  const allowed = (Object.keys(kinds) as Kind[]).filter((name) => kinds[name].roles.some((other) => other === role))
  return (
    <form className="panel" onSubmit={submit} aria-labelledby="new">
      <h2 id="new">New export</h2>
      <div className="controls padded">
        <Choice
          label="What"
          value={kind}
          options={allowed.map((name) => [name, kinds[name].title])}
          onChange={setKind}
        />
        {takes.includes('metric') && (
          <Choice
            label="Metric"
            value={metric || (metrics[0]?.name ?? '')}
            options={metrics.map(({ name, title }) => [name, title])}
            onChange={setMetric}
          />
        )}
        {takes.includes('member') && (
          <input
            type="text"
            aria-label="User id"
            placeholder="User id"
            required
            autoComplete="off"
            value={member}
            onChange={(event) => setMember(event.target.value.trim())}
          />
        )}
        <Choice
          label="Format"
          value={chosen}
          options={offered.map((name) => [name, formatTitle(name)])}
          onChange={setFormat}
        />
        {takes.includes('range') && (
          <Controls
            view={view}
            change={change}
            {...(takes.includes('granularity') ? { granularities: ['day', 'week', 'month'] as const } : {})}
          />
        )}
        <button type="submit" className="button primary" disabled={start.isPending}>
          {start.isPending ? 'Asking …' : 'Export'}
        </button>
      </div>
      {start.error && (
        <p className="notice" role="alert">
          {start.error instanceof Problem ? start.error.message : 'The export could not be asked for.'}
        </p>
      )}
    </form>
  )
}

const states = {
  queued: ['Waiting', 'neutral'],
  running: ['Running', 'neutral'],
  completed: ['Ready', 'ok'],
  failed: ['Failed', 'high'],
  cancelled: ['Cancelled', 'neutral'],
  expired: ['Deleted', 'neutral'],
} as const

function ExportRow({ job }: { job: Export }) {
  const format = useFormat()
  const client = useQueryClient()
  const [title, tone] = states[job.status]
  const isOpen = job.status === 'queued' || job.status === 'running'
  const cancel = useMutation({
    mutationFn: () => ask({ path: `/exports/${job.id}`, method: 'DELETE', schema: exportSchema }),
    onSettled: () => client.invalidateQueries({ queryKey: ['/exports'] }),
  })
  // Links live for a quarter of an hour: a new one is asked for when it is needed.
  const download = useMutation({
    mutationFn: () => ask({ path: `/exports/${job.id}`, schema: exportSchema }),
    onSuccess: ({ download_url }) => {
      if (download_url !== null) location.assign(download_url)
    },
  })
  const what = job.type in kinds ? kinds[job.type as Kind].title : job.type
  return (
    <tr data-export={job.id}>
      <th scope="row">
        {what}
        {typeof job.params.metric === 'string' && <span className="quiet"> {job.params.metric}</span>}{' '}
        <span className="quiet">{formatTitle(job.format)}</span>
      </th>
      <td data-label="Asked">{format.instant(job.created_at)}</td>
      <td data-label="State">
        {isOpen ? (
          <progress max={100} value={job.progress} aria-label={`${title}: ${job.progress} %`} />
        ) : (
          <span className={`status ${tone}`}>{title}</span>
        )}
      </td>
      <td data-label="Rows">{job.rows === null ? '–' : format.count(job.rows)}</td>
      <td data-label="Size">{job.bytes === null ? '–' : `${format.count(Math.ceil(job.bytes / 102.4) / 10)} kB`}</td>
      <td data-label="Kept until">{job.expires_at && job.status === 'completed' ? format.day(job.expires_at) : '–'}</td>
      <td className="whole">
        {isOpen && (
          <button type="button" className="button" onClick={() => cancel.mutate()} disabled={cancel.isPending}>
            Cancel
          </button>
        )}
        {job.status === 'completed' && (
          <button type="button" className="button" onClick={() => download.mutate()} disabled={download.isPending}>
            Download
          </button>
        )}
      </td>
    </tr>
  )
}
