import { describe, expect, test } from 'vitest'
import { adaptSql } from '../../../../db/embedded/wire/shared-session-sql.ts'
import { StatementNames } from '../../../../db/embedded/wire/statement-names.ts'

const adapt = (sql: string) => adaptSql(sql, new StatementNames(7))

describe('SQL of one client in the session all share', () => {
  test.each(['select 1', 'insert into copy_of_x values (1)', 'update t set_me', 'selection'])(
    'leaves %s alone without looking closer',
    (sql) => {
      expect(adapt(sql)).toBeNull()
    },
  )

  test('leaves the word set in an update alone', () => {
    expect(adapt('update t set a = 1')).toEqual({ sql: 'update t set a = 1', effects: [] })
  })

  test.each([
    ['listen jobs', [{ kind: 'listen', channel: 'jobs' }]],
    ['LISTEN Jobs', [{ kind: 'listen', channel: 'jobs' }]],
    ['/* hi */ listen "Jobs ""x"""', [{ kind: 'listen', channel: 'Jobs "x"' }]],
    ['unlisten jobs; unlisten *', [{ kind: 'unlisten', channel: 'jobs' }, { kind: 'unlisten-all' }]],
    ["set application_name = 'x'", [{ kind: 'set', name: 'application_name', sql: "set application_name = 'x'" }]],
    ['set session work_mem to 8', [{ kind: 'set', name: 'work_mem', sql: 'set session work_mem to 8' }]],
    ["set time zone 'UTC'", [{ kind: 'set', name: 'timezone', sql: "set time zone 'UTC'" }]],
    ['set role reader', [{ kind: 'set', name: 'role', sql: 'set role reader' }]],
    ["set app.tenant = 'a'", [{ kind: 'set', name: 'app.tenant', sql: "set app.tenant = 'a'" }]],
    [
      'set session authorization x',
      [{ kind: 'set', name: 'session authorization', sql: 'set session authorization x' }],
    ],
    ['set local work_mem = 8', []],
    ['set transaction read only', []],
    ['set constraints all deferred', []],
    ['reset all', [{ kind: 'reset-all' }]],
    ['reset role', [{ kind: 'reset', name: 'role' }]],
    ["select 'listen x'; select $$; listen y; $$", []],
  ])('%s', (sql, effects) => {
    expect(adapt(sql)).toEqual({ sql, effects })
  })

  test('gives prepared statements of SQL the names of the connection', () => {
    const names = new StatementNames(7)
    expect(adaptSql('PREPARE q (int) AS select $1; EXECUTE q(1)', names)?.sql).toBe(
      'PREPARE c7_1 (int) AS select $1; EXECUTE c7_1(1)',
    )
    expect(names.translate('q')).toBe('c7_1')
    expect(adaptSql('DEALLOCATE "q"', names)?.sql).toBe('DEALLOCATE c7_1')
    expect(adaptSql("PREPARE TRANSACTION 'x'", names)?.sql).toBe("PREPARE TRANSACTION 'x'")
  })

  test.each(['DEALLOCATE ALL', 'DISCARD ALL'])('%s ends only what the connection has prepared', (sql) => {
    const adapted = adapt(sql)
    expect(adapted?.sql).toBe('DO $upcoach$ BEGIN END $upcoach$')
    expect(adapted?.effects).toContainEqual({ kind: 'close-statements' })
  })

  test('turns COPY into an error of the transaction, wherever it stands', () => {
    for (const sql of ['copy t from stdin', 'select 1; COPY t TO STDOUT', '-- x\ncopy (select 1) to stdout'])
      expect(adapt(sql)?.sql).toContain('COPY is not available on the embedded engine')
  })
})
