import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { splitStatements } from '../../../../db/embedded/wire/sql-statements.ts'

const split = (sql: string) => splitStatements(sql).map(({ start, end }) => sql.slice(start, end).trim())

describe('splitting a query text into statements', () => {
  test.each([
    ['select 1; select 2 ;', ['select 1', 'select 2']],
    ['  -- nothing here;\n ; /* nor ; /* here; */ */ ;', []],
    ['/* a; */ listen x; -- tail', ['listen x']],
    [`select ';', 'it''s;', "a;b""c;"; select 2`, [`select ';', 'it''s;', "a;b""c;"`, 'select 2']],
    [String.raw`select E'\';', 'x\'; select 2`, [String.raw`select E'\';', 'x\'`, 'select 2']],
    ['do $$ begin; copy; end $$; select 1', ['do $$ begin; copy; end $$', 'select 1']],
    ['do $a$ $$ ; $b$ ; $a$; select 1', ['do $a$ $$ ; $b$ ; $a$', 'select 1']],
    ['select a$1, b$2 ; select $1 ; select 3', ['select a$1, b$2', 'select $1', 'select 3']],
    ["select 'never closed; select 2", ["select 'never closed; select 2"]],
    ['select $$ never closed; select 2', ['select $$ never closed; select 2']],
    ['select 1 /* never closed; select 2', ['select 1 /* never closed; select 2']],
  ])('%s', (sql, expected) => {
    expect(split(sql)).toEqual(expected)
  })

  test('finds every statement whatever literals the statements carry', () => {
    const literal = fc.string().map((text) => `'${text.replaceAll("'", "''")}'`)
    const quoted = fc.string().map((text) => `$q$${text.replaceAll('$', '')}$q$`)
    const comment = fc.string().map((text) => `/* ${text.replaceAll(/[*/]/g, '')} */`)
    const statement = fc
      .array(fc.oneof(literal, quoted, comment), { maxLength: 4 })
      .map((parts) => `select ${parts.join(' , ')} 1`)
    fc.assert(
      fc.property(fc.array(statement), (statements) => {
        expect(split(statements.join(';'))).toEqual(statements)
      }),
    )
  })
})
