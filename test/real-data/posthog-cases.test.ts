import { DateTime } from 'luxon'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Tenant } from '../../db/tenant.ts'
import { openPlatform, type Platform } from '../support/platform.ts'
import { type Action, absent, byPeriod, isPresent, keepOld, readCohorts, readJson, readSeries } from './support.ts'

interface Case {
  readonly id: string
  readonly description: string
  readonly persons: Readonly<Record<string, readonly string[]>>
  readonly events: readonly { readonly distinct_id: string; readonly event: string; readonly timestamp: string }[]
  readonly query: {
    readonly period: 'day' | 'week'
    readonly first_period_start?: string
    readonly periods?: number
    readonly mode?: 'recurring' | 'first_matching'
    readonly cumulative?: boolean
    readonly exclude_persons?: readonly string[]
    readonly date_from?: string
    readonly date_to?: string
  }
}
type MatrixCase = Case & { readonly kind: 'retention_matrix'; readonly expected: readonly (readonly number[])[] }
type Lifecycle = Record<'new' | 'returning' | 'resurrecting' | 'dormant', number[]>
type LifecycleCase = Case & { readonly kind: 'lifecycle'; readonly expected: Lifecycle }
type SeriesCase = Case & { readonly kind: 'active_users' | 'stickiness'; readonly expected: readonly number[] }
type AnyCase = MatrixCase | LifecycleCase | SeriesCase

const present = isPresent('posthog_cases')
const cases = present ? readJson<AnyCase[]>('posthog_cases', 'cases_developers.json') : []

/** A published case as our events: a person's aliases are one member, internal accounts are not sent. */
function toActions({ persons, events, query }: AnyCase): Action[] {
  const memberOf = new Map(Object.entries(persons).flatMap(([person, ids]) => ids.map((id) => [id, person])))
  const signedUp = new Set<string>()
  return [...events]
    .sort((a, b) => a.timestamp.localeCompare(b.timestamp))
    .flatMap((event, i) => {
      const user_id = memberOf.get(event.distinct_id) ?? event.distinct_id
      if (query.exclude_persons?.includes(user_id)) return []
      const base = { event_id: `e-${i}`, occurred_at: event.timestamp, user_id }
      if (event.event !== '$user_signed_up') return [{ ...base, type: 'action', properties: { name: event.event } }]
      // A member signs up once, and the case counts only $pageview as coming back: a repeat is no tracked action.
      const type = signedUp.has(user_id) ? 'profile_changed' : 'signed_up'
      signedUp.add(user_id)
      return [{ ...base, type }]
    })
}

const titled = <C extends AnyCase>(found: readonly C[]): [string, C][] =>
  found.map((published) => [`${published.id}: ${published.description}`, published])

const plus = (day: string, unit: 'day' | 'week', n: number): string =>
  DateTime.fromISO(day)
    .plus({ [unit]: n })
    .toISODate() ?? ''

describe.skipIf(!present)(`published retention cases${present ? '' : `, ${absent}`}`, () => {
  let platform: Platform
  const tenants = new Map<string, Tenant>()
  const tenantOf = (id: string): Tenant => {
    const tenant = tenants.get(id)
    if (!tenant) throw new Error(`no tenant for ${id}`)
    return tenant
  }

  beforeAll(async () => {
    platform = await openPlatform()
    for (const published of cases) {
      const tenant = await platform.createTenant({ slug: published.id, settings: keepOld })
      tenants.set(published.id, tenant)
      const actions = toActions(published)
      expect(await platform.send(tenant, actions)).toEqual({ accepted: actions.length, duplicates: 0, rejected: 0 })
    }
    await platform.settle()
  })
  afterAll(() => platform?.close())

  const matrices = cases.filter((published) => published.kind === 'retention_matrix')
  it.each(titled(matrices))('%s', async (_, { id, query, expected }) => {
    const { period, first_period_start: from = '', periods = 0 } = query
    const mode =
      query.mode === 'first_matching' ? 'classic' : query.cumulative === true ? 'recurring_rolling' : 'recurring'
    const parameters = `mode=${mode}&cohort=${period}&unit=${period}&units=${periods - 1}`
    const cohorts = await readCohorts(platform, tenantOf(id), parameters, from, plus(from, period, periods))
    const matrix = Array.from({ length: periods }, (_, i) => {
      const cohort = cohorts.find((found) => found.from === plus(from, period, i))
      // A day on which nobody signed up is no cohort.
      return cohort?.cells.map((cell) => cell.retained) ?? Array.from({ length: periods }, () => 0)
    })
    expect(matrix).toEqual(expected)
  })

  const signups = matrices.filter((published) => published.query.mode === 'first_matching')
  it.each(titled(signups))('%s Signing up again moves nobody to another cohort.', async (_, published) => {
    const tenant = await platform.createTenant({ slug: `${published.id}-again`, settings: keepOld })
    const again = toActions(published).map((action) =>
      action.type === 'profile_changed' ? { ...action, type: 'signed_up' } : action,
    )
    await platform.send(tenant, again.toReversed())
    await platform.settle()
    const { period, first_period_start: from = '', periods = 0 } = published.query
    const parameters = `mode=classic&cohort=${period}&unit=${period}&units=0`
    const cohorts = await readCohorts(platform, tenant, parameters, from, plus(from, period, periods))
    const sizes = Object.fromEntries(cohorts.map((cohort) => [cohort.from, cohort.size]))
    const expected = published.expected.map((row, i): [string, number] => [plus(from, period, i), row[0] ?? 0])
    expect(sizes).toEqual(Object.fromEntries(expected.filter(([, size]) => size > 0)))
  })

  const trailing = cases.filter((published) => published.kind === 'active_users')
  it.each(titled(trailing))('%s', async (_, { id, query, expected }) => {
    const { date_from: from = '', date_to: to = '' } = query
    const points = await readSeries(platform, tenantOf(id), 'wau', 'day', from, plus(to, 'day', 1))
    expect(points.map((point) => point.value)).toEqual(expected)
  })

  const lifecycles = cases.filter((published) => published.kind === 'lifecycle')
  it.each(titled(lifecycles))('%s From sizes, recurring retention, active members.', async (_, published) => {
    const { period, date_from: asked = '', date_to: to = '' } = published.query
    const from = DateTime.fromISO(asked).startOf(period).toISODate() ?? ''
    const before = plus(from, period, -1)
    const end = plus(DateTime.fromISO(to).startOf(period).toISODate() ?? '', period, 1)
    const tenant = tenantOf(published.id)
    const active = byPeriod(await readSeries(platform, tenant, 'active_members', period, before, end))
    const first = await readCohorts(platform, tenant, `mode=classic&cohort=${period}&unit=day&units=0`, from, end)
    const again = await readCohorts(platform, tenant, `mode=recurring&unit=${period}&units=1`, before, end)
    const lifecycle: Lifecycle = { new: [], returning: [], resurrecting: [], dormant: [] }
    for (let at = from; at < end; at = plus(at, period, 1)) {
      const previous = plus(at, period, -1)
      const now = active[at] ?? 0
      const joined = first.find((cohort) => cohort.from === at)?.size ?? 0
      const returned = again.find((cohort) => cohort.from === previous)?.cells[1]?.retained ?? 0
      lifecycle.new.push(joined)
      lifecycle.returning.push(returned)
      lifecycle.resurrecting.push(now - joined - returned)
      lifecycle.dormant.push(returned - (active[previous] ?? 0))
    }
    expect(lifecycle).toEqual(published.expected)
  })

  const histograms = cases.filter((published) => published.kind === 'stickiness')
  it.skip.each(histograms.map(({ id }) => id))(
    '%s is left out: our stickiness is DAU / MAU, and no metric counts members by their number of active days',
    () => undefined,
  )
})
