import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import { DateTime } from 'luxon'
import { expect } from 'vitest'
import type { Tenant } from '../../db/tenant.ts'
import type { Platform } from '../support/platform.ts'

const root = process.env.UPCOACH_REAL_DATA ?? '../shared/data'

/** Path of a real input, used in place. */
export const realPath = (...parts: string[]): string => join(root, ...parts)
export const isPresent = (...parts: string[]): boolean => existsSync(realPath(...parts))
/** Appended to the name of a suite that is skipped. */
export const absent = 'skipped: real data not present'

export const readJson = <T>(...parts: string[]): T => JSON.parse(readFileSync(realPath(...parts), 'utf8')) as T

/** Rows of a CSV file with a header line, gzip by its extension. */
export function readCsv<Row>(...parts: string[]): Row[] {
  const bytes = readFileSync(realPath(...parts))
  return parse(parts.at(-1)?.endsWith('.gz') ? gunzipSync(bytes) : bytes, { columns: true }) as Row[]
}

/** The logs are older than the default retention allows. */
export const keepOld = { retention_months: 600 }

export interface Action {
  readonly event_id: string
  readonly type: string
  readonly occurred_at: string
  readonly user_id: string
  readonly session_id?: string
  readonly properties?: Record<string, unknown>
}

/** An event id that is the same for the same facts, so that exact duplicates collapse. */
export const idOf = (...facts: unknown[]): string =>
  createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32)

/** The seeded shuffle of the shuffled runs (mulberry32, Fisher–Yates): a failure can be repeated. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = seeded(seed)
  const mixed = [...items]
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const [a, b] = [mixed[i], mixed[j]]
    if (a !== undefined && b !== undefined) {
      mixed[i] = b
      mixed[j] = a
    }
  }
  return mixed
}

export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Cuts items into batches of random sizes up to `largest`. */
export function randomBatches<T>(items: readonly T[], seed: number, largest: number): T[][] {
  const random = seeded(seed)
  const batches: T[][] = []
  for (let i = 0; i < items.length; ) {
    const size = 1 + Math.floor(random() * largest)
    batches.push(items.slice(i, i + size))
    i += size
  }
  return batches
}

/** Half-open pieces of [from, to) that a query accepts (24 months, cut at `unit` boundaries when from is one). */
export function pieces(from: string, to: string): { from: string; to: string }[] {
  const end = DateTime.fromISO(to, { zone: 'utc' })
  const result: { from: string; to: string }[] = []
  for (let at = DateTime.fromISO(from, { zone: 'utc' }); at < end; ) {
    const next = DateTime.min(at.plus({ weeks: 104 }), end)
    result.push({ from: at.toISODate() ?? '', to: next.toISODate() ?? '' })
    at = next
  }
  return result
}

export interface SeriesPoint {
  readonly t: string
  readonly value: number | null
  readonly numerator?: number
  readonly denominator?: number
}

async function read<T>(platform: Platform, tenant: Tenant, path: string): Promise<T> {
  const answer = await platform.get<T>(tenant, `/api/analytics${path}`)
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}

/** A metric over any range, in as many queries as the limits need; `from` must begin a period. */
export async function readSeries(
  platform: Platform,
  tenant: Tenant,
  metric: string,
  granularity: 'hour' | 'day' | 'week' | 'month',
  from: string,
  to: string,
  parameters = '',
): Promise<SeriesPoint[]> {
  const points: SeriesPoint[] = []
  for (const piece of granularity === 'month' ? months(from, to) : pieces(from, to)) {
    const { series } = await read<{ series: { points: SeriesPoint[] }[] }>(
      platform,
      tenant,
      `/metrics/${metric}?granularity=${granularity}&from=${piece.from}&to=${piece.to}${parameters}`,
    )
    points.push(...(series[0]?.points ?? []))
  }
  return points
}

function months(from: string, to: string): { from: string; to: string }[] {
  const end = DateTime.fromISO(to, { zone: 'utc' })
  const result: { from: string; to: string }[] = []
  for (let at = DateTime.fromISO(from, { zone: 'utc' }); at < end; ) {
    const next = DateTime.min(at.plus({ months: 24 }), end)
    result.push({ from: at.toISODate() ?? '', to: next.toISODate() ?? '' })
    at = next
  }
  return result
}

/** Points as {period: value}; months as 2022-03. */
export function byPeriod(points: readonly SeriesPoint[], granularity = 'day'): Record<string, number | null> {
  return Object.fromEntries(points.map(({ t, value }) => [granularity === 'month' ? t.slice(0, 7) : t, value]))
}

export const withoutZeros = (values: Record<string, number | null>): Record<string, number | null> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== 0))

export const sum = (values: readonly (number | null | undefined)[]): number =>
  values.reduce<number>((total, value) => total + (value ?? 0), 0)

export interface Cohort {
  readonly cohort: string
  readonly from: string
  readonly size: number
  readonly cells: { readonly n: number; readonly retained: number | null; readonly rate: number | null }[]
}

/** The retention triangle over any range of signups, in as many queries as the limits need. */
export async function readCohorts(
  platform: Platform,
  tenant: Tenant,
  parameters: string,
  from: string,
  to: string,
): Promise<Cohort[]> {
  const cohorts: Cohort[] = []
  for (const piece of pieces(from, to)) {
    const answer = await read<{ cohorts: Cohort[] }>(
      platform,
      tenant,
      `/cohorts?${parameters}&from=${piece.from}&to=${piece.to}`,
    )
    cohorts.push(...answer.cohorts)
  }
  return cohorts
}

/** Dn as the oracles define it: of the members with n days of room up to the last day, who was active n days later. */
export function dayN(cohorts: readonly Cohort[], n: number, lastDay: string): { eligible: number; retained: number } {
  const latest = DateTime.fromISO(lastDay).minus({ days: n }).toISODate() ?? ''
  const eligible = cohorts.filter((cohort) => cohort.from <= latest)
  return {
    eligible: sum(eligible.map((cohort) => cohort.size)),
    retained: sum(eligible.map((cohort) => cohort.cells.find((cell) => cell.n === n)?.retained)),
  }
}

/**
 * Sends events in random order and in batches of random sizes (by `seed`), folding and refreshing `settles` times in
 * between, so that later batches arrive late for what was already counted.
 */
export async function sendShuffled(
  platform: Platform,
  tenant: Tenant,
  events: readonly Action[],
  { seed, largest, settles }: { seed: number; largest: number; settles: number },
): Promise<{ accepted: number; duplicates: number; rejected: number }> {
  const batches = randomBatches(shuffled(events, seed), seed, largest)
  const every = Math.ceil(batches.length / (settles + 1))
  const total = { accepted: 0, duplicates: 0, rejected: 0 }
  for (const [i, batch] of batches.entries()) {
    const { accepted, duplicates, rejected } = await platform.send(tenant, batch)
    total.accepted += accepted
    total.duplicates += duplicates
    total.rejected += rejected
    if (i > 0 && i % every === 0) await platform.settle()
  }
  return total
}
