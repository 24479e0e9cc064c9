import { type ReactNode, useState } from 'react'
import { seriesAnswerSchema } from '../../api/schemas/series.ts'
import { type Dimension, dimensionTitles, type Granularity } from '../../metrics/metric.ts'
import { useRead } from '../api/queries.ts'
import { useEmbed } from '../session/embed.ts'
import { useSession } from '../session/session.tsx'
import { addDays, presets, presetTitles, rangeDates } from '../view/range.ts'
import type { View, ViewChange } from '../view/view.ts'
import { Icon } from './icons.tsx'

interface ControlsProps {
  readonly view: View
  readonly change: (change: ViewChange) => void
  readonly granularities?: readonly Granularity[]
  readonly canCompare?: boolean
  readonly groupBy?: readonly Dimension[]
  readonly filters?: readonly Dimension[]
  /** The metric whose groups are the values to filter by. */
  readonly filterMetric?: string
  readonly children?: ReactNode
}

const granularityTitles = { hour: 'By hour', day: 'By day', week: 'By week', month: 'By month' } as const

/** What a dashboard shows, and of whom; every choice goes into the address. */
export function Controls(props: ControlsProps) {
  const { view, change, granularities = [], canCompare, groupBy = [], filters = [], filterMetric, children } = props
  const { role } = useSession()
  // A coach's members are all of one coach.
  const usable = (names: readonly Dimension[]) => names.filter((name) => name !== 'coach' || role !== 'coach')
  return (
    <fieldset className="controls">
      <legend className="sr">What is shown</legend>
      <RangeChoice view={view} change={change} />
      {granularities.length > 1 && (
        <Choice
          label="Granularity"
          value={view.granularity}
          options={granularities.map((name) => [name, granularityTitles[name]])}
          onChange={(granularity) => change({ granularity })}
        />
      )}
      {groupBy.length > 0 && (
        <Choice
          label="Group by"
          value={view.groupBy ?? ''}
          options={[['', 'Not grouped'], ...usable(groupBy).map((name) => [name, `By ${lower(name)}`] as const)]}
          onChange={(group_by) => change({ group_by })}
        />
      )}
      {canCompare && (
        <label className="toggle">
          <input
            type="checkbox"
            checked={view.compare}
            onChange={(event) => change({ compare: event.target.checked ? 'previous' : undefined })}
          />
          Compare with the period before
        </label>
      )}
      {filterMetric && filters.length > 0 && (
        <FilterChoice view={view} change={change} filters={usable(filters)} metric={filterMetric} />
      )}
      {children}
    </fieldset>
  )
}

const lower = (name: Dimension): string => dimensionTitles[name].replace(/^[A-Z](?=[a-z])/, (c) => c.toLowerCase())

export function Choice<T extends string>(props: {
  label: string
  value: T
  options: readonly (readonly [T, string])[]
  onChange: (value: T) => void
}) {
  return (
    <label className="choice">
      <span className="sr">{props.label}</span>
      <select value={props.value} onChange={(event) => props.onChange(event.target.value as T)}>
        {props.options.map(([value, title]) => (
          <option key={value} value={value}>
            {title}
          </option>
        ))}
      </select>
    </label>
  )
}

function RangeChoice({ view, change }: Pick<ControlsProps, 'view' | 'change'>) {
  const { tenant } = useSession()
  const custom = (from: string, until: string) => {
    if (from && until && from <= until) change({ from, to: addDays(until, 1), range: undefined })
  }
  return (
    <>
      <Choice
        label="Time range"
        value={view.preset}
        options={[...presets.map((name) => [name, presetTitles[name]] as const), ['custom', 'Own dates']]}
        onChange={(preset) => {
          if (preset !== 'custom') return change({ range: preset, from: undefined, to: undefined })
          const { from, to } = view.preset === 'custom' ? view : rangeDates(view.preset, tenant.timezone)
          change({ from, to, range: undefined })
        }}
      />
      {view.preset === 'custom' && (
        <span className="dates">
          <input
            type="date"
            aria-label="From"
            value={view.from}
            onChange={(event) => custom(event.target.value, addDays(view.to, -1))}
          />
          <span aria-hidden="true">–</span>
          <input
            type="date"
            aria-label="To"
            value={addDays(view.to, -1)}
            onChange={(event) => custom(view.from, event.target.value)}
          />
        </span>
      )}
    </>
  )
}

/** Filters by the values there are; what is chosen stands beside as chips. An embed's are locked: none to choose. */
export function FilterChoice(props: {
  view: View
  change: ControlsProps['change']
  filters: readonly Dimension[]
  metric: string
}) {
  const { view, change, filters, metric } = props
  const embed = useEmbed()
  const [isOpen, setOpen] = useState(false)
  if (embed) return null
  const chosen = filters.flatMap((name) => (view.filters[name] ?? []).map((value) => [name, value] as const))
  const set = (name: Dimension, values: readonly string[]) => change({ [`filter.${name}`]: values.join(',') })
  return (
    <>
      <details className="filter" onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary className="button">
          Filter
          {chosen.length > 0 && <span className="badge">{chosen.length}</span>}
        </summary>
        <div className="filter-list">
          {isOpen &&
            filters.map((name) => (
              <FilterValues key={name} name={name} metric={metric} chosen={view.filters[name] ?? []} set={set} />
            ))}
        </div>
      </details>
      {chosen.map(([name, value]) => (
        <button
          key={`${name} ${value}`}
          type="button"
          className="chip"
          aria-label={`Remove filter ${dimensionTitles[name]}: ${value}`}
          onClick={() =>
            set(
              name,
              (view.filters[name] ?? []).filter((other) => other !== value),
            )
          }
        >
          {dimensionTitles[name]}: {value}
          <Icon name="close" size={12} />
        </button>
      ))}
    </>
  )
}

/** The values there are, from the metric's own groups of the last months. */
function FilterValues(props: {
  name: Dimension
  metric: string
  chosen: readonly string[]
  set: (name: Dimension, values: readonly string[]) => void
}) {
  const { name, metric, chosen, set } = props
  const { data, error } = useRead(`/metrics/${metric}`, seriesAnswerSchema, { granularity: 'month', group_by: name })
  const found = data?.series.map(({ key }) => key[name]).filter((value): value is string => Boolean(value)) ?? []
  const values = [...new Set([...chosen, ...found])].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }))
  return (
    <fieldset>
      <legend>{dimensionTitles[name]}</legend>
      {!data && <p className="quiet">{error ? 'The values could not be loaded.' : 'Loading …'}</p>}
      {data && values.length === 0 && <p className="quiet">None yet</p>}
      {values.slice(0, 60).map((value) => (
        <label key={value}>
          <input
            type="checkbox"
            checked={chosen.includes(value)}
            onChange={(event) =>
              set(name, event.target.checked ? [...chosen, value] : chosen.filter((other) => other !== value))
            }
          />
          {value}
        </label>
      ))}
    </fieldset>
  )
}
