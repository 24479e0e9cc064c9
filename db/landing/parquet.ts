import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { isTelling } from '../../sources/member-ids.ts'
import type { Dataset } from './datasets.ts'

export type Duck = DuckDBConnection

/** Beyond it DuckDB writes what it holds to the temporary directory. */
const MEMORY_LIMIT = '192MB'
const ROW_GROUP = 50_000

/** What a manifest says of a file's content. */
export interface Content {
  readonly rows: number
  /** ISO instants. */
  readonly min_at: string | null
  readonly max_at: string | null
  /** Sum of the rows' digests, decimal. */
  readonly fingerprint: string
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** An engine of its own for one piece of work; `temporary` is where it may spill. */
export async function withDuck<T>(temporary: string, work: (duck: Duck) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '1',
    memory_limit: MEMORY_LIMIT,
    temp_directory: temporary,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  })
  const duck = await instance.connect()
  try {
    await duck.run(`set timezone = 'UTC'`)
    // Files here replace each other under one name: the cache takes one of the same size within the same second for the one
    // before, and gives its bytes.
    await duck.run('set enable_external_file_cache = false')
    return await work(duck)
  } finally {
    duck.closeSync()
    instance.closeSync()
  }
}

const fromLines = (dataset: Dataset, path: string): string => {
  const shape = Object.entries(dataset.columns).map(([name, type]) => `${name}: ${literal(type)}`)
  return `read_json(${literal(path)}, format = 'newline_delimited', columns = {${shape.join(', ')}})`
}
const fromParquet = (path: string): string => `read_parquet(${literal(path)})`

async function contentOf(duck: Duck, dataset: Dataset, source: string): Promise<Content> {
  const { time = 'null' } = dataset
  const reader = await duck.runAndReadAll(
    `select count(*)::varchar as rows, coalesce(sum(${dataset.digest}), 0)::varchar as fingerprint,
       strftime(min(${time}::timestamptz), '%Y-%m-%dT%H:%M:%S.%gZ') as min_at,
       strftime(max(${time}::timestamptz), '%Y-%m-%dT%H:%M:%S.%gZ') as max_at
     from ${source}`,
  )
  const [row] = reader.getRowObjectsJson()
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)
  return {
    rows: Number(row?.rows),
    fingerprint: String(row?.fingerprint),
    min_at: text(row?.min_at),
    max_at: text(row?.max_at),
  }
}

const write = (duck: Duck, query: string, path: string) =>
  duck.run(
    `copy (${query}) to ${literal(path)} (format parquet, compression zstd, row_group_size ${ROW_GROUP}, overwrite true)`,
  )

/** JSON lines → a Parquet file; what is said of it is read from the file. */
export async function writeParquet(duck: Duck, dataset: Dataset, lines: string, path: string): Promise<Content> {
  await write(duck, `select * from ${fromLines(dataset, lines)}`, path)
  return contentOf(duck, dataset, fromParquet(path))
}

/** What is in a Parquet file of a dataset. Throws when it is none. */
export const readParquet = (duck: Duck, dataset: Dataset, path: string): Promise<Content> =>
  contentOf(duck, dataset, fromParquet(path))

/** JSON lines of a relation as parts: each part's name and fingerprint. `writePart` writes one of them. */
export async function cutIntoParts(duck: Duck, dataset: Dataset & { readonly part?: string }, lines: string) {
  await duck.run(`create or replace temp table landing as select * from ${fromLines(dataset, lines)}`)
  const part = dataset.part === undefined ? `'all'` : `strftime(${dataset.part}, '%Y-%m-%d')`
  const reader = await duck.runAndReadAll(
    `select ${part} as part, count(*)::varchar as rows, sum(${dataset.digest})::varchar as fingerprint
     from landing group by 1 order by 1`,
  )
  return reader.getRowObjectsJson().map((row) => ({
    part: String(row.part),
    rows: Number(row.rows),
    fingerprint: String(row.fingerprint),
    async write(path: string): Promise<Content> {
      await write(duck, `select * from landing where ${part} = ${literal(String(row.part))} order by all`, path)
      return contentOf(duck, dataset, fromParquet(path))
    },
  }))
}

/** A member's rows of a file, their properties as JSON. */
export async function memberLines(duck: Duck, path: string, userId: string): Promise<Record<string, unknown>[]> {
  const found = await duck.runAndReadAll(`select * from ${fromParquet(path)} where user_id = ${literal(userId)}`)
  return found.getRowObjectsJson().map(({ tenant_id: _, ...row }) => ({
    ...row,
    ...(typeof row.properties === 'string' ? { properties: JSON.parse(row.properties) as unknown } : {}),
  }))
}

/**
 * Copies a file of a dataset with a user_id without a member: their rows are left out, mentions in properties replaced.
 * Undefined when the file does not hold the member.
 */
export async function copyWithout(
  duck: Duck,
  dataset: Dataset,
  from: string,
  to: string,
  member: { readonly id: string; readonly replacement: string },
): Promise<Content | undefined> {
  const id = literal(member.id)
  const quoted = literal(JSON.stringify(member.id))
  const pattern = `'(^|[^A-Za-z0-9-])' || regexp_escape(${id}) || '([^A-Za-z0-9_-]|$)'`
  const replaced = (text: string) =>
    `regexp_replace(${text}, ${pattern}, ${literal(`\\1${member.replacement}\\2`)}, 'g')`
  // What sources/member-ids.ts does, as far as text without keys allows.
  const [mentioned, without] = isTelling(member.id)
    ? [
        `regexp_matches(properties, ${pattern})`,
        // Twice: what ends one mention may begin the next.
        replaced(replaced('properties')),
      ]
    : [
        `contains(properties, ${quoted})`,
        `replace(properties, ${quoted}, ${literal(JSON.stringify(member.replacement))})`,
      ]
  const hasText = 'properties' in dataset.columns
  const found = await duck.runAndReadAll(
    `select count(*)::varchar as n from ${fromParquet(from)} where user_id = ${id}${hasText ? ` or ${mentioned}` : ''}`,
  )
  if (Number(found.getRowObjectsJson()[0]?.n) === 0) return undefined
  const columns = hasText ? `* replace (${without} as properties)` : '*'
  await write(duck, `select ${columns} from ${fromParquet(from)} where user_id <> ${id}`, to)
  return contentOf(duck, dataset, fromParquet(to))
}
