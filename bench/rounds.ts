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
  readonly log: (line: string) => void
}

export interface BenchResult {
  /** One ratio per question, over all rounds. */
  readonly ratios: readonly {
    readonly name: string
    readonly min: number
    readonly median: number
    readonly max: number
  }[]
  /** What else a reader must know: sizes, engine, absolute figures for orientation. */
  readonly notes: readonly string[]
}

export interface Bench {
  readonly name: string
  readonly title: string
  run(options: BenchOptions): Promise<BenchResult>
}

export function spread(name: string, values: readonly number[]): BenchResult['ratios'][number] {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN
  return { name, min: at(0), median: at(0.5), max: at(1) }
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** A migrated scratch database on the engine that the environment names; removed afterwards. */
export async function withScratchDatabase<T>(work: (database: Database) => Promise<T>): Promise<T> {
  const { DATABASE_URL } = loadConfig()
  const dataDir = await mkdtemp(join(tmpdir(), 'upcoach-bench-'))
  const name = `upcoach_bench_${randomUUID().slice(0, 8)}`
  let admin: pg.Client | undefined
  let url: string | undefined
  if (DATABASE_URL !== undefined) {
    admin = new pg.Client({ connectionString: DATABASE_URL })
    await admin.connect()
    await admin.query(`create database ${name}`)
    const target = new URL(DATABASE_URL)
    target.pathname = `/${name}`
    url = target.href
  }
  const database = await openDatabase({ dataDir, DATABASE_URL: url, DATABASE_POOL_SIZE: 4 })
  try {
    await migrate(database.connection)
    return await work(database)
  } finally {
    await database.close()
    await admin?.query(`drop database if exists ${name} with (force)`)
    await admin?.end()
    await rm(dataDir, { recursive: true, force: true })
  }
}
