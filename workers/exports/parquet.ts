import { DuckDBInstance } from '@duckdb/node-api'
import type { Column, ColumnType } from '../../db/exports/tables.ts'

const types: Readonly<Record<ColumnType, string>> = {
  text: 'VARCHAR',
  date: 'DATE',
  timestamp: 'TIMESTAMPTZ',
  integer: 'INTEGER',
  bigint: 'BIGINT',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
}

/** Beyond it DuckDB writes what it holds to the temporary directory. */
const MEMORY_LIMIT = '128MB'
/** Two threads hold two row groups each; one is as fast as the CSV arrives. */
const THREADS = '1'
const ROW_GROUP = 50_000

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/**
 * Turns a CSV (LF, header, empty for null, "" for an empty text) into Parquet with zstd and the columns' types. An aborted
 * signal ends it with an error.
 */
export async function writeParquet(
  csvPath: string,
  parquetPath: string,
  columns: readonly Column[],
  options: { temporary: string; signal: AbortSignal },
): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: THREADS,
    memory_limit: MEMORY_LIMIT,
    temp_directory: options.temporary,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  })
  const connection = await instance.connect()
  const interrupt = () => connection.interrupt()
  options.signal.addEventListener('abort', interrupt, { once: true })
  try {
    options.signal.throwIfAborted()
    const shape = columns.map(({ name, type }) => `${literal(name)}: ${literal(types[type])}`).join(', ')
    await connection.run(`set timezone = 'UTC'`)
    await connection.run(
      `copy (
         select * from read_csv(${literal(csvPath)}, header = true, auto_detect = false, delim = ',', quote = '"',
           escape = '"', new_line = '\\n', nullstr = '', allow_quoted_nulls = false, columns = {${shape}})
       ) to ${literal(parquetPath)} (format parquet, compression zstd, row_group_size ${ROW_GROUP})`,
    )
  } finally {
    options.signal.removeEventListener('abort', interrupt)
    connection.closeSync()
    instance.closeSync()
  }
}
