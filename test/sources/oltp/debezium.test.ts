import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readDebezium } from '../../../sources/oltp/debezium.ts'
import { hasRealData, realData } from './support.ts'

const change = (payload: object) => ({
  before: null,
  after: { id: 1 },
  source: { schema: 'app', table: 'goals', ts_ms: 1_700_000_000_000 },
  op: 'c',
  ...payload,
})

describe('Debezium messages', () => {
  it('read the same with and without the schema envelope, as text and as JSON', () => {
    const expected = {
      kind: 'change',
      change: {
        schema: 'app',
        table: 'goals',
        op: 'c',
        before: null,
        after: { id: 1 },
        committedAt: 1_700_000_000_000,
      },
    }
    for (const value of [
      change({}),
      { schema: null, payload: change({}) },
      { schema: { type: 'struct' }, payload: change({}) },
    ]) {
      expect(readDebezium(value)).toEqual(expected)
      expect(readDebezium(JSON.stringify(value))).toEqual(expected)
    }
  })

  it('tombstones, heartbeats, transaction marks and messages are nothing to do', () => {
    for (const value of [
      null,
      'null',
      '',
      'default',
      { schema: null, payload: null },
      { ts_ms: 1 },
      { status: 'BEGIN', id: '571:53195829', ts_ms: 1, event_count: null },
      change({ op: 'm', message: { prefix: 'foo', content: 'Ymfy' } }),
    ])
      expect(readDebezium(value).kind).toBe('ignored')
    expect(readDebezium(change({ op: 't', after: null }))).toEqual({ kind: 'truncate', schema: 'app', table: 'goals' })
  })

  it('a message without a source block is named by its topic', () => {
    expect(readDebezium(change({ source: null, ts_ms: '12' }), 'upcoach.public.goals')).toMatchObject({
      change: { schema: 'public', table: 'goals', committedAt: 12 },
    })
  })

  it('what is no change event says why, and never throws', () => {
    for (const value of [
      '{',
      '[]',
      7,
      true,
      [],
      { id: 1 },
      change({ op: 'x' }),
      change({ after: null }),
      change({ after: 7 }),
      change({ source: { table: '' } }),
      { payload: 'x' },
    ])
      expect(readDebezium(value), JSON.stringify(value)).toMatchObject({
        kind: 'unreadable',
        message: expect.any(String),
      })
  })

  it('NUMERIC as bytes is decoded where the schema says its scale', () => {
    const schema = {
      type: 'struct',
      fields: [
        {
          field: 'after',
          fields: [
            {
              type: 'bytes',
              name: 'org.apache.kafka.connect.data.Decimal',
              parameters: { scale: '2' },
              field: 'progress',
            },
          ],
        },
      ],
    }
    expect(readDebezium({ schema, payload: change({ after: { id: 1, progress: 'C+o=' } }) })).toMatchObject({
      change: { after: { id: 1, progress: '30.50' } },
    })
  })
})

describe.skipIf(!hasRealData)('published Debezium samples (skipped without UPCOACH_REAL_DATA)', () => {
  const files = hasRealData ? readdirSync(realData).filter((name) => /^\d\d_/.test(name)) : []
  const read = (name: string): unknown => JSON.parse(readFileSync(join(realData, name), 'utf8')) as unknown

  it.each(files)('%s is understood', (name) => {
    const kinds: Record<string, string> = { create: 'change', update: 'change', delete: 'change', truncate: 'truncate' }
    const expected = Object.entries(kinds).find(([word]) => name.includes(word))?.[1]
    const messages = [read(name)].flat()
    for (const message of messages) {
      const { kind } = readDebezium(message, 'server.s1.a')
      if (expected) expect(kind).toBe(expected)
      else if (name.includes('keys')) expect(kind).toBe('unreadable')
      else expect(['ignored', 'change']).toContain(kind)
    }
  })

  it('a recorded stream of one table ends in the published final table', () => {
    const table = new Map<unknown, unknown>()
    for (const line of readFileSync(join(realData, 'flink', 'schema_exclude.ndjson'), 'utf8')
      .split('\n')
      .filter(Boolean)) {
      const reading = readDebezium(line)
      if (reading.kind !== 'change') throw new Error(reading.kind)
      const { op, before, after } = reading.change
      expect(reading.change).toMatchObject({ schema: 'inventory', table: 'products' })
      if (op === 'd') table.delete(before?.id)
      else table.set(after?.id, after)
    }
    const { final_rows } = read('flink/expected_final_table.json') as { final_rows: { id: number }[] }
    expect([...table.values()].sort((a, b) => (a as { id: number }).id - (b as { id: number }).id)).toEqual(final_rows)
  })
})
