/** What Grafana does to a query before the database sees it, after its own sources (macros.go, templateSrv). */

export interface Range {
  readonly from: Date
  readonly to: Date
}

/** A variable's choice: one value, several, or "All", which stands for `allValue` as it is, else for every option. */
export type Choice =
  | string
  | readonly string[]
  | { readonly all: readonly string[]; readonly allValue?: string | undefined }

const VARIABLE = /\$\{(\w+)(?::(\w+))?\}|\$(\w+)/g

/** Puts variables in, by format: sqlstring, csv, raw; without one, several values become a quoted list. */
export function interpolate(sql: string, variables: Readonly<Record<string, Choice>>): string {
  return sql.replace(VARIABLE, (found, braced?: string, format?: string, bare?: string) => {
    const choice = variables[braced ?? bare ?? '']
    if (choice === undefined) return found
    if (typeof choice === 'object' && 'all' in choice) {
      // Grafana does not format a custom "All".
      return choice.allValue ?? formatted(choice.all, format)
    }
    return formatted(choice as string | readonly string[], format)
  })
}

const quoted = (value: string) => `'${value.replaceAll("'", "''")}'`

function formatted(value: string | readonly string[], format?: string): string {
  const values = typeof value === 'string' ? [value] : value
  switch (format) {
    case 'sqlstring':
      return values.map(quoted).join(',')
    case 'csv':
    case 'raw':
      return values.join(',')
    case undefined:
      return typeof value === 'string' ? value : values.map(quoted).join(',')
    default:
      throw new Error(`the test knows no format ${format}`)
  }
}

const MACRO = /\$([_a-zA-Z0-9]+)\(([^)]*)\)/g
const instant = (at: Date) => `'${at.toISOString().replace(/\.\d+Z$/, 'Z')}'`

/** Expands macros for a data source with `timescaledb: true`; an unknown one is an error, as it is in Grafana. */
export function expandMacros(sql: string, { from, to }: Range, intervalMs = 60_000): string {
  return sql
    .replaceAll(/\$__interval_ms/g, String(intervalMs))
    .replaceAll(/\$__interval\b/g, `${intervalMs / 1000}s`)
    .replace(MACRO, (_, name: string, args: string) => {
      const [first = ''] = args.split(',').map((arg) => arg.trim())
      switch (name) {
        case '__timeFilter':
          if (first === '') throw new Error('missing time column argument for macro __timeFilter')
          return `${first} BETWEEN ${instant(from)} AND ${instant(to)}`
        case '__timeFrom':
          return instant(from)
        case '__timeTo':
          return instant(to)
        default:
          throw new Error(`unknown macro "${name}"`)
      }
    })
}

/** A query as the database gets it. */
export const expand = (sql: string, range: Range, variables: Readonly<Record<string, Choice>>): string =>
  expandMacros(interpolate(sql, variables), range)
