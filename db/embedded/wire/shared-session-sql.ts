import { MAX_NESTING } from './nesting.ts'
import { splitStatements } from './sql-statements.ts'
import type { StatementNames } from './statement-names.ts'

/** What a statement changes for its connection once it is committed. */
export type SessionEffect =
  | { readonly kind: 'listen' | 'unlisten'; readonly channel: string }
  | { readonly kind: 'unlisten-all' }
  | { readonly kind: 'set'; readonly name: string; readonly sql: string }
  | { readonly kind: 'reset'; readonly name: string }
  | { readonly kind: 'reset-all' }
  | { readonly kind: 'close-statements' }

export interface AdaptedSql {
  readonly sql: string
  readonly effects: readonly SessionEffect[]
}

const INTERESTING = /\b(?:copy|deallocate|discard|execute|listen|prepare|reset|set|unlisten)\b/i
const IDENTIFIER = '("(?:[^"]|"")+"|[\\w\\u0080-\\uffff][\\w$.\\u0080-\\uffff]*)'
const pattern = (source: string) => new RegExp(source.replaceAll(' ', '\\s+').replaceAll('<id>', IDENTIFIER), 'is')

const LISTEN = pattern('^listen <id>')
const UNLISTEN = pattern('^unlisten (\\*|\\S+)')
const COPY = /^copy\b/i
const SQL_STATEMENT = pattern('^(prepare|execute|deallocate(?: prepare)?) <id>')
const SET_NOT_SESSION = /^set\s+(?:local|transaction|constraints)\b/i
const SET_SESSION = pattern(
  '^set (?:session (?!authorization|characteristics))?(session authorization|session characteristics|time zone|role|<id>)',
)
const RESET = pattern('^reset (session authorization|time zone|role|<id>)')
const DISCARD_ALL = pattern('^discard all$')

/** Raises a proper error when the statement runs, so that the transaction state is what the client expects after it. */
const raise = (code: string, message: string, hint: string) =>
  `DO $upcoach$ BEGIN RAISE EXCEPTION USING ERRCODE = '${code}', MESSAGE = '${message}', HINT = '${hint}'; END $upcoach$`

const REFUSE_COPY = raise(
  '0A000',
  'COPY is not available on the embedded engine',
  'Insert rows with INSERT ... SELECT FROM jsonb_to_recordset($1), or set DATABASE_URL to use a server.',
)

export const REFUSE_NESTING = raise(
  '54001',
  'stack depth limit exceeded',
  `A parameter holds JSON nested deeper than the ${MAX_NESTING} levels the embedded engine accepts.`,
)

/** Stands in for a statement whose work is done outside SQL. */
const NOTHING = 'DO $upcoach$ BEGIN END $upcoach$'

/**
 * Adapts SQL of one client to the session it shares with the others: COPY becomes an error, names of SQL-level prepared
 * statements get the connection's prefix, and statements that change the connection (LISTEN, SET, …) are reported so that
 * the change can be made again when the session comes back to it. Returns null when nothing in the text is of interest.
 */
export function adaptSql(sql: string, names: StatementNames): AdaptedSql | null {
  if (!INTERESTING.test(sql)) return null
  const effects: SessionEffect[] = []
  let adapted = ''
  let copiedTo = 0
  for (const { start, end } of splitStatements(sql)) {
    const statement = sql.slice(start, end).trimEnd()
    if (COPY.test(statement)) return { sql: REFUSE_COPY, effects: [] }
    const replacement = adaptStatement(statement, names, effects)
    if (replacement === statement) continue
    adapted += sql.slice(copiedTo, start) + replacement
    copiedTo = end
  }
  return { sql: adapted + sql.slice(copiedTo), effects }
}

function adaptStatement(statement: string, names: StatementNames, effects: SessionEffect[]): string {
  const listen = LISTEN.exec(statement)
  if (listen) effects.push({ kind: 'listen', channel: identifier(listen[1]) })
  const unlisten = UNLISTEN.exec(statement)
  if (unlisten)
    effects.push(
      unlisten[1] === '*' ? { kind: 'unlisten-all' } : { kind: 'unlisten', channel: identifier(unlisten[1]) },
    )

  const set = SET_NOT_SESSION.test(statement) ? null : SET_SESSION.exec(statement)
  if (set) effects.push({ kind: 'set', name: settingName(set[1]), sql: statement })
  const reset = RESET.exec(statement)
  if (reset) {
    const name = settingName(reset[1])
    effects.push(name === 'all' ? { kind: 'reset-all' } : { kind: 'reset', name })
  }
  if (DISCARD_ALL.test(statement)) {
    // The real one would also drop what the other connections prepared and listen to.
    effects.push({ kind: 'reset-all' }, { kind: 'unlisten-all' }, { kind: 'close-statements' })
    return NOTHING
  }
  const prepared = SQL_STATEMENT.exec(statement)
  if (prepared) return renamePrepared(statement, prepared, names, effects)
  return statement
}

function renamePrepared(
  statement: string,
  match: RegExpExecArray,
  names: StatementNames,
  effects: SessionEffect[],
): string {
  const [whole, verb = '', given = ''] = match
  const name = identifier(given)
  if (/^prepare$/i.test(verb) && name === 'transaction') return statement
  if (/^deallocate/i.test(verb) && given.toLowerCase() === 'all') {
    effects.push({ kind: 'close-statements' })
    return NOTHING
  }
  return `${verb} ${names.translate(name)}${statement.slice(whole.length)}`
}

/** The name PostgreSQL makes of an identifier: unquoted ones are folded to lower case. */
function identifier(token: string | undefined): string {
  if (!token) return ''
  return token.startsWith('"') ? token.slice(1, -1).replaceAll('""', '"') : token.toLowerCase()
}

function settingName(token: string | undefined): string {
  const name = identifier(token).replace(/\s+/g, ' ')
  return name === 'time zone' ? 'timezone' : name
}
