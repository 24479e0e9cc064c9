import { useMemo } from 'react'
import { type Dimension, dimensionTitles, type Granularity, granularities } from '../../metrics/metric.ts'
import type { Parameters } from '../api/client.ts'
import { useEmbed } from '../session/embed.ts'
import { useSession } from '../session/session.tsx'
import { type Preset, presets, rangeDates } from './range.ts'
import { navigate, usePath, useSearch } from './router.ts'

export type Filters = Partial<Record<Dimension, readonly string[]>>

/** What a dashboard shows, all of it in the address: a link reproduces the view. */
export interface View {
  readonly preset: Preset | 'custom'
  /** Dates of the tenant's calendar; `to` is exclusive. */
  readonly from: string
  readonly to: string
  readonly granularity: Granularity
  readonly compare: boolean
  readonly groupBy: Dimension | undefined
  readonly filters: Filters
}

export interface ViewDefaults {
  readonly preset: Preset
  readonly granularity: Granularity
}

const dimensions = Object.keys(dimensionTitles) as Dimension[]
const isDate = (text: string | null): text is string => text !== null && /^\d{4}-\d{2}-\d{2}$/.test(text)

export function readView(search: string, defaults: ViewDefaults, timezone: string): View {
  const query = new URLSearchParams(search)
  const preset = presets.find((name) => name === query.get('range')) ?? defaults.preset
  const from = query.get('from')
  const to = query.get('to')
  const custom = isDate(from) && isDate(to) && from < to ? { from, to } : undefined
  const filters: Filters = {}
  for (const name of dimensions) {
    const values = query.get(`filter.${name}`)?.split(',').filter(Boolean)
    if (values && values.length > 0) filters[name] = values
  }
  return {
    preset: custom ? 'custom' : preset,
    ...(custom ?? rangeDates(preset, timezone)),
    granularity: granularities.find((name) => name === query.get('granularity')) ?? defaults.granularity,
    compare: query.get('compare') === 'previous',
    groupBy: dimensions.find((name) => name === query.get('group_by')),
    filters,
  }
}

/** Changes of the view as the address's query; a default is left out, so that links stay short. */
export type ViewChange = Readonly<Record<string, string | undefined>>

export function withChange(search: string, change: ViewChange): string {
  const query = new URLSearchParams(search)
  for (const [name, value] of Object.entries(change))
    if (value === undefined || value === '') query.delete(name)
    else query.set(name, value)
  const text = query.toString()
  return text && `?${text}`
}

/** What stays when one goes from dashboard to dashboard: the time looked at. */
export function carriedSearch(search: string): string {
  const query = new URLSearchParams(search)
  for (const name of [...query.keys()]) if (!['range', 'from', 'to', 'compare'].includes(name)) query.delete(name)
  const text = query.toString()
  return text && `?${text}`
}

export function useView(defaults: ViewDefaults): { view: View; change: (change: ViewChange) => void } {
  const { tenant } = useSession()
  const path = usePath()
  const search = useSearch()
  const { preset, granularity } = defaults
  const view = useMemo(
    () => readView(search, { preset, granularity }, tenant.timezone),
    [search, preset, granularity, tenant.timezone],
  )
  return { view, change: (change) => navigate(path + withChange(search, change), { replace: true }) }
}

export interface Cut {
  readonly granularity?: boolean
  readonly groupBy?: readonly Dimension[]
  readonly filters?: readonly Dimension[]
  readonly compare?: boolean
}

/** The view as parameters of a read; `cut` names what the route takes. In an embed the server adds the locked filters. */
export function useReadParameters(view: View, cut: Cut): Parameters {
  const embed = useEmbed()
  return useMemo(() => {
    const { from, to } = view
    const parameters: Record<string, string | readonly string[]> = { from, to }
    if (cut.granularity) parameters.granularity = view.granularity
    if (cut.compare && view.compare) parameters.compare = 'previous_period'
    if (view.groupBy && cut.groupBy?.includes(view.groupBy)) parameters.group_by = view.groupBy
    if (!embed)
      for (const name of cut.filters ?? []) {
        const values = view.filters[name]
        if (values) parameters[`filter[${name}]`] = values
      }
    return parameters
  }, [view, cut, embed])
}
