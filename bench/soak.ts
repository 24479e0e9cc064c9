import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { newEvents } from './events.ts'
import type { Memory } from './memory.ts'
import { type Platform, withPlatform } from './platform.ts'
import { type Bench, type Figure, quantile, spread } from './rounds.ts'

/** Events per second that are sent, whatever the answers take: 15 batches and 15 single ones a second, by the engine. */
const BATCH = { server: 60, embedded: 15 } as const
const TICK_MS = 1000 / 15
const READ_EVERY_MS = 250
const EXPORT_EVERY_MS = 30_000
const SAMPLE_EVERY_MS = 5_000
const WARM_UP_MINUTES = 1
/** A member is heard of every nine seconds: what one sends comes in its order, as an app sends it. */
const SPAN_MS = 5_000
const SESSION_MS = 600_000

const reads = [
  'overview',
  'metrics/active_members?granularity=hour',
  'metrics/dau?granularity=day',
  'metrics/wau?granularity=week&group_by=plan',
  'metrics/message_response_time?granularity=hour',
  'metrics/completed_goals?granularity=day&compare=previous_period',
]

/** What was seen at a time, ms since the traffic began. */
interface Seen {
  readonly at: number
  readonly value: number
}

interface Course {
  readonly ingest: Seen[]
  readonly reads: Seen[]
  readonly exports: Seen[]
  /** Seconds between now and the oldest mark that waits for the fold. */
  readonly lag: Seen[]
  readonly memory: Map<string, Seen[]>
  sent: number
  /** Answered 429 or 503, with Retry-After: ingest that was not taken, reads that the database had no time for. */
  readonly refused: { ingest: number; reads: number; exports: number }
  /** Everything else that went wrong, by what it was. */
  readonly failed: Map<string, number>
}

const exported = z.object({ id: z.string(), status: z.string(), download_url: z.string().nullish() })

/** Traffic of a day in minutes: batches, single events, dashboards, exports; policies and folds run beside it. */
class Traffic {
  readonly course: Course = {
    ingest: [],
    reads: [],
    exports: [],
    lag: [],
    memory: new Map(),
    sent: 0,
    refused: { ingest: 0, reads: 0, exports: 0 },
    failed: new Map(),
  }
  readonly #platform: Platform
  readonly #began = performance.now()

  constructor(platform: Platform) {
    this.#platform = platform
  }

  /** Runs everything for so long; resolves when the last answer is there. */
  async run(ms: number): Promise<void> {
    await Promise.all([
      this.#every(TICK_MS, ms, () => this.#send(BATCH[this.#platform.kind])),
      this.#every(TICK_MS, ms, () => this.#send(1)),
      this.#every(READ_EVERY_MS, ms, (i) => this.#read(reads[i % reads.length] ?? '')),
      this.#every(EXPORT_EVERY_MS, ms, (i) => this.#export(i % 2 === 0 ? 'csv' : 'parquet')),
      this.#every(SAMPLE_EVERY_MS, ms, () => this.#sample()),
    ])
  }

  /** Starts `work` by the clock, whether or not earlier work is done: a slow answer slows nobody else down. */
  async #every(everyMs: number, forMs: number, work: (i: number) => Promise<void>): Promise<void> {
    const running = new Set<Promise<void>>()
    for (let i = 0; ; i += 1) {
      const due = i * everyMs
      if (due >= forMs) break
      const left = due - (performance.now() - this.#began)
      if (left > 0) await wait(left)
      const job = work(i)
        .catch((error: unknown) => {
          const { message, cause } = error as Error
          const what = cause instanceof Error ? `${message}: ${cause.message}` : message
          this.course.failed.set(what, (this.course.failed.get(what) ?? 0) + 1)
        })
        .finally(() => running.delete(job))
      running.add(job)
    }
    await Promise.all(running)
  }

  async #timed(seen: Seen[], work: () => Promise<void>): Promise<void> {
    const at = performance.now() - this.#began
    await work()
    seen.push({ at, value: performance.now() - this.#began - at })
  }

  async #ask(path: string, authorization: string, body?: unknown): Promise<Response> {
    return fetch(`${this.#platform.url}/api/analytics/${path}`, {
      headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    })
  }

  /** A refusal says when to come back: one that does not is a failure. */
  #refused(what: keyof Course['refused'], { status, headers }: Response): boolean {
    if ((status !== 429 && status !== 503) || !headers.has('retry-after')) return false
    this.course.refused[what] += 1
    return true
  }

  async #send(count: number): Promise<void> {
    const events = newEvents(count, { spanMs: SPAN_MS, sessionMs: SESSION_MS })
    await this.#timed(this.course.ingest, async () => {
      const response = await this.#ask('events', this.#platform.sender, { events })
      await response.arrayBuffer()
      if (this.#refused('ingest', response)) return
      if (!response.ok) throw new Error(`ingest answered ${response.status}`)
      this.course.sent += count
    })
  }

  async #read(path: string): Promise<void> {
    await this.#timed(this.course.reads, async () => {
      const response = await this.#ask(path, this.#platform.reader)
      await response.arrayBuffer()
      if (!this.#refused('reads', response) && !response.ok) throw new Error(`${path} answered ${response.status}`)
    })
  }

  async #export(format: 'csv' | 'parquet'): Promise<void> {
    const { reader } = this.#platform
    await this.#timed(this.course.exports, async () => {
      const request = { type: 'fact_productivity', format, params: {} }
      const created = await this.#ask('exports', reader, request)
      if (this.#refused('exports', created)) return
      const { id } = exported.parse(await created.json())
      for (;;) {
        await wait(500)
        const asked = await this.#ask(`exports/${id}`, reader)
        if (this.#refused('exports', asked)) continue
        const { status, download_url } = exported.parse(await asked.json())
        if (status === 'queued' || status === 'running') continue
        if (status !== 'completed' || !download_url) throw new Error(`an export is ${status}`)
        await (await fetch(download_url)).arrayBuffer()
        return
      }
    })
  }

  async #sample(): Promise<void> {
    const at = performance.now() - this.#began
    const { rows } = await this.#platform.pool.query<{ lag: number }>(
      'select coalesce(extract(epoch from now() - min(marked_at)), 0)::double precision as lag from analytics.dirty_members',
    )
    this.course.lag.push({ at, value: rows[0]?.lag ?? 0 })
    for (const [name, { now }] of Object.entries((await this.#platform.memory()) satisfies Memory)) {
      const seen = this.course.memory.get(name) ?? []
      seen.push({ at, value: now })
      this.course.memory.set(name, seen)
    }
  }
}

const counts = (entries: Iterable<readonly [string, number]>): string =>
  [...entries].map(([what, count]) => `${what} ${count}`).join(', ') || 'none'

/** Sustained load: what grows with time? */
export const soak: Bench = {
  name: 'soak',
  title: 'minutes of mixed ingest, reads, exports, folds and policies: the last minutes : the first ones',
  run: ({ size, log }) =>
    withPlatform({ workers: true, env: { LOG_LEVEL: 'warn', INGEST_MAX_WAIT_SECONDS: '2' } }, async (platform) => {
      const minutes = size(4, 30)
      const span = Math.min(5, minutes / 3) * 60_000
      const warm = WARM_UP_MINUTES * 60_000
      const total = minutes * 60_000 + warm
      const traffic = new Traffic(platform)
      const { course } = traffic
      const between = (seen: readonly Seen[], from: number, to: number) =>
        seen.filter(({ at }) => at >= from && at < to).map(({ value }) => value)
      let reported = 0
      const report = setInterval(() => {
        const p99 = (seen: readonly Seen[]) =>
          `${quantile(between(seen, reported, reported + 60_000), 0.99).toFixed(0)} ms`
        const memory = [...course.memory].map(([name, seen]) => `${name} ${seen.at(-1)?.value.toFixed(0)} MB`)
        log(
          `${course.sent} events, refused ${counts(Object.entries(course.refused))}, failed ${counts(course.failed)}, p99 of ingest ${p99(course.ingest)}, of reads ${p99(course.reads)}, lag ${course.lag.at(-1)?.value.toFixed(1)} s, ${memory.join(', ')}`,
        )
        reported += 60_000
      }, 60_000)
      await traffic.run(total).finally(() => clearInterval(report))
      const figures: Figure[] = []
      const compare = (name: string, seen: readonly Seen[], share: number, unit: string, floor: number) => {
        const first = quantile(between(seen, warm, warm + span), share)
        const last = quantile(between(seen, total - span, total), share)
        figures.push(spread(`${name}, first minutes`, [first], undefined, unit))
        figures.push(spread(`${name}, last minutes`, [last], undefined, unit))
        // what is too small to be felt is no growth
        figures.push(spread(`${name}, last : first`, [Math.max(last, floor) / Math.max(first, floor)]))
      }
      compare('p50 of ingest', course.ingest, 0.5, 'ms', 1)
      compare('p99 of ingest', course.ingest, 0.99, 'ms', 1)
      compare('p99 of reads', course.reads, 0.99, 'ms', 1)
      compare('lag of the fold, p99', course.lag, 0.99, 's', 1)
      for (const [name, seen] of course.memory) compare(`memory of ${name}, p50`, seen, 0.5, 'MB', 1)
      return {
        ratios: figures,
        notes: [
          `${platform.kind} engine, ${minutes} minutes after ${WARM_UP_MINUTES} to warm up; ${course.sent} events (${(course.sent / (total / 1000)).toFixed(0)}/s), ${course.reads.length} reads, ${course.exports.length} exports (p50 ${(quantile(between(course.exports, 0, total), 0.5) / 1000).toFixed(1)} s)`,
          `refused with 429 or 503: ${counts(Object.entries(course.refused))}; failed: ${counts(course.failed)}`,
        ],
      }
    }),
}
