import { readFileSync } from 'node:fs'

/** A `.sql` file with `:named` parameters, ready to be bound for pg or rendered for Grafana. */
export interface Statement {
  /** The SQL as written, without comments. */
  readonly source: string
  /** The SQL with $1… in the order of `parameters`. */
  readonly text: string
  readonly parameters: readonly string[]
  /** Values by name → what pg's `query` takes. Throws when a parameter has no value (undefined). */
  bind(values: Readonly<Record<string, unknown>>): { text: string; values: unknown[] }
  /** Replaces each parameter by an SQL expression, for example a Grafana macro. Throws when one is missing. */
  render(expressions: Readonly<Record<string, string>>): string
}

// `::casts` and `12:30` are no parameters.
const parameter = /(?<![:\w]):([a-z_]+)\b/g

/** Parses SQL text; comments are removed first, because they may speak of parameters. */
export function parseSql(sql: string): Statement {
  const source = sql
    .split('\n')
    .map((line) => line.replace(/\s*--.*$/, ''))
    .filter((line) => line.trim() !== '')
    .join('\n')
    .replace(/;\s*$/, '')
  const parameters = [...new Set([...source.matchAll(parameter)].map((m) => m[1] as string))]
  const text = source.replace(parameter, (_, name: string) => `$${parameters.indexOf(name) + 1}`)
  return {
    source,
    text,
    parameters,
    bind(values) {
      return {
        text,
        values: parameters.map((name) => {
          const value = values[name]
          if (value === undefined) throw new Error(`SQL parameter :${name} has no value`)
          return value
        }),
      }
    },
    render(expressions) {
      return source.replace(parameter, (_, name: string) => {
        const expression = expressions[name]
        if (expression === undefined) throw new Error(`SQL parameter :${name} has no expression`)
        return expression
      })
    },
  }
}

const cache = new Map<string, Statement>()

/** Loads a `.sql` file once: `loadSql(new URL('./sql/ingest-events.sql', import.meta.url))`. */
export function loadSql(url: URL): Statement {
  const known = cache.get(url.href)
  if (known) return known
  const statement = parseSql(readFileSync(url, 'utf8'))
  cache.set(url.href, statement)
  return statement
}
