/** A top-level statement inside a query text: `sql.slice(start, end)` without leading blanks, comments or the semicolon. */
export interface Span {
  readonly start: number
  readonly end: number
}

const TOKEN = /'|"|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|--|\/\*|;/g

/**
 * Splits a query text at its top-level semicolons. Knows strings (also E'…' with backslashes), quoted identifiers, dollar
 * quotes and nested comments, which is all that is needed to see each statement's first word. Linear in the text's length.
 */
export function splitStatements(sql: string): Span[] {
  const spans: Span[] = []
  let from = 0
  let at = 0
  const close = (end: number) => {
    const start = skipBlanks(sql, from)
    if (start < end) spans.push({ start, end })
  }
  for (;;) {
    TOKEN.lastIndex = at
    const token = TOKEN.exec(sql)
    if (!token) break
    const [text] = token
    const after = token.index + text.length
    if (text === ';') {
      close(token.index)
      from = after
      at = after
    } else if (text === '--' || text === '/*') at = skipComment(sql, token.index)
    else if (text === "'") at = skipString(sql, after, isEscapeString(sql, token.index))
    else if (text === '"') at = indexAfter(sql, '"', after)
    else at = isInsideIdentifier(sql, token.index) ? after : indexAfter(sql, text, after)
  }
  close(sql.length)
  return spans
}

function indexAfter(sql: string, needle: string, from: number): number {
  const found = sql.indexOf(needle, from)
  return found < 0 ? sql.length : found + needle.length
}

/** `E'…'` reads backslashes as escapes; the E must not be the end of a longer word. */
function isEscapeString(sql: string, quote: number): boolean {
  return /[eE]/.test(sql[quote - 1] ?? '') && !/[\w$]/.test(sql[quote - 2] ?? '')
}

/** `a$b$c` is one identifier, not a dollar quote. */
function isInsideIdentifier(sql: string, dollar: number): boolean {
  return dollar > 0 && /[\w\u0080-\uffff]/.test(sql[dollar - 1] ?? '')
}

function skipString(sql: string, from: number, escapes: boolean): number {
  if (!escapes) return indexAfter(sql, "'", from)
  for (let at = from; at < sql.length; at++) {
    if (sql[at] === '\\') at++
    else if (sql[at] === "'") return at + 1
  }
  return sql.length
}

function skipComment(sql: string, from: number): number {
  if (sql.startsWith('--', from)) return indexAfter(sql, '\n', from)
  let depth = 0
  let at = from
  do {
    if (sql.startsWith('/*', at)) {
      depth++
      at += 2
    } else if (sql.startsWith('*/', at)) {
      depth--
      at += 2
    } else at++
  } while (depth > 0 && at < sql.length)
  return at
}

function skipBlanks(sql: string, from: number): number {
  let at = from
  for (;;) {
    while (/\s/.test(sql[at] ?? '')) at++
    if (!sql.startsWith('--', at) && !sql.startsWith('/*', at)) return at
    at = skipComment(sql, at)
  }
}
