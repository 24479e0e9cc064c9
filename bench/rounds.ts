import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { loadConfig } from '../config.ts'
import { type Database, openDatabase } from '../db/database.ts'
import { migrate } from '../db/migrate.ts'

export interface BenchOptions {
  readonly rounds: number
  /** Inputs named with --file, for benches that read some. */
  readonly files: readonly string[]
  /** How much data or time: what the command line says (`--size`), else `usual` (minutes), or `full` with `--full` (hours). */
  readonly size: (usual: number, full: number) => number
  readonly log: (line: string) => void
}

/** What design and docs/performance.md promise about a figure. */
export interface Bar {
  /** Number of the goal in docs/performance.md. */
  readonly goal: number
  readonly atLeast?: number
  readonly atMost?: number
}

/** A figure of every round, as its smallest, median and largest. A ratio unless it has a unit. */
export interface Figure {
  readonly name: string
  readonly min: number
  readonly median: number
  readonly max: number
  readonly unit?: string
  readonly bar?: Bar
  /** Whether the median holds the bar. */
  readonly met?: boolean
}

export interface BenchResult {
  /** One figure per question, over all rounds. */
  readonly ratios: readonly Figure[]
  /** What else a reader must know: sizes, engine, absolute figures for orientation. */
  readonly notes: readonly string[]
  /** Peak resident memory of each process, MB. */
  readonly memory?: Readonly<Record<string, number>>
}

export interface Bench {
  readonly name: string
  readonly title: string
  run(options: BenchOptions): Promise<BenchResult>
}

/** Thrown when a bench needs something that is not there; the message says what and how to get it. */
export class CannotRun extends Error {}

/** The value below which `share` of the values lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN
}

export function spread(name: string, values: readonly number[], bar?: Bar, unit?: string): Figure {
  const median = quantile(values, 0.5)
  return {
    name,
    min: quantile(values, 0),
    median,
    max: quantile(values, 1),
    ...(unit === undefined ? {} : { unit }),
    ...(bar === undefined
      ? {}
      : {
          bar,
          met:
            median >= (bar.atLeast ?? Number.NEGATIVE_INFINITY) && median <= (bar.atMost ?? Number.POSITIVE_INFINITY),
        }),
  }
}

/** Whether a program can be run. */
export const hasProgram = (name: string): Promise<boolean> =>
  new Promise((resolve) => execFile(name, ['--version'], (error) => resolve(!error)))

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

export interface Scratch {
  readonly dataDir: string
  /** URL of a new, empty database on the server that the environment names; undefined: the embedded engine. */
  readonly url: string | undefined
}

/** A place for data on the engine that the environment names; removed afterwards. */
export async function withScratch<T>(work: (scratch: Scratch) => Promise<T>): Promise<T> {
  const { DATABASE_URL } = loadConfig()
  const dataDir = await mkdtemp(join(tmpdir(), 'upcoach-bench-'))
  const name = `upcoach_bench_${randomUUID().slice(0, 8)}`
  const admin = DATABASE_URL === undefined ? undefined : new pg.Client({ connectionString: DATABASE_URL })
  try {
    await admin?.connect()
    await admin?.query(`create database ${name}`)
    const url = DATABASE_URL === undefined ? undefined : new URL(DATABASE_URL)
    if (url) url.pathname = `/${name}`
    return await work({ dataDir, url: url?.href })
  } finally {
    await admin?.query(`drop database if exists ${name} with (force)`)
    await admin?.end()
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** A migrated scratch database in this process. */
export async function withScratchDatabase<T>(work: (database: Database) => Promise<T>): Promise<T> {
  return withScratch(async ({ dataDir, url }) => {
    const database = await openDatabase({ dataDir, DATABASE_URL: url, DATABASE_POOL_SIZE: 4 })
    try {
      await migrate(database.connection)
      return await work(database)
    } finally {
      await database.close()
    }
  })
}
