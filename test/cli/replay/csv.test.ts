import { Readable } from 'node:stream'
import { stringify } from 'csv-stringify/sync'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dryRun } from '../../../cli/replay/dry-run.ts'
import { type Mapping, mappingSchema, parseMapping } from '../../../cli/replay/mapping.ts'
import { type Input, readEvents } from '../../../cli/replay/read-file.ts'

const csv = (text: string): Input => ({
  stream: Readable.from([Buffer.from(text)]),
  format: 'csv',
  size: text.length,
  bytesRead: () => text.length,
})
const mapping = (over: object = {}): Mapping =>
  mappingSchema.parse({
    timezone: 'Europe/Berlin',
    type: { value: 'action' },
    occurred_at: { column: 'When', format: 'local' },
    user_id: 'Member',
    properties: { name: 'What' },
    ...over,
  })
const read = async (text: string, over?: object, delimiter?: string) =>
  listOf(readEvents(csv(text), { mapping: mapping(over), delimiter }))
async function listOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}
const timesOf = async (times: string[], format: object) => {
  const text = stringify([['When', 'Member', 'What'], ...times.map((time) => [time, 'm', 'x'])])
  const records = await read(text, { occurred_at: { column: 'When', ...format } })
  return records.map((record) => ('event' in record ? Reflect.get(record.event as object, 'occurred_at') : record))
}
const judged = async (text: string, over?: object, now = Date.parse('2026-06-01T00:00:00Z')) => {
  const lines: string[] = []
  const options = { now, oldest: Date.parse('2024-06-01T00:00:00Z'), problemsShown: 3 }
  const found = await dryRun(csv(text), { mapping: mapping(over), ...options, onProblem: (line) => lines.push(line) })
  return { ...found, lines }
}

describe('a CSV with a mapping', () => {
  test('is read with byte order mark, CRLF, quotes, line ends in fields, empty lines and other delimiters', async () => {
    const text =
      '\uFEFFWhen;Member;What\r\n2026-03-01 10:00:00;m-1;"say ""hi""; twice"\r\n\r\n"2026-03-01 11:00:00";m-2;"two\r\nlines"\r\n2026-03-01 12:00:00;m-3;x'
    const records = await read(text, {}, ';')
    expect(records).toMatchObject([
      { place: 'line 2', event: { user_id: 'm-1', properties: { name: 'say "hi"; twice' } } },
      { place: 'line 4', event: { user_id: 'm-2', properties: { name: 'two\r\nlines' } } },
      { place: 'line 6', event: { user_id: 'm-3', occurred_at: '2026-03-01T11:00:00.000Z' } },
    ])
  })

  test('any table that was written is read back, each row with the line it begins on', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'ä', '"', ',', ';', '\n', '\r\n', ' ', '0') })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, cell)), fc.constantFrom('\n', '\r\n'), async (cells, end) => {
        const table = cells.map(([first, second], i) => [`m-${i}`, `${first}.`, `${second}.`])
        const text = stringify([['Member', 'What', 'Other'], ...table], {
          record_delimiter: end,
          quoted_match: /[\r\n]/,
        })
        const own = { occurred_at: { value: 'now' }, properties: { name: 'What', other: 'Other' } }
        const records = await read(text, own)
        expect(records).toMatchObject(
          table.map(([user_id, name, other]) => ({ event: { user_id, properties: { name, other } } })),
        )
        for (const [i, { place }] of records.entries()) {
          const before = text.slice(0, text.indexOf(`m-${i},`))
          expect(place).toBe(`line ${before.split(/\r\n|\n/).length}`)
        }
      }),
      { numRuns: 200 },
    )
  })

  test('times of a named zone become instants, across clock changes; what is no time stays as it is', async () => {
    const local = { format: 'local' }
    expect(await timesOf(['2026-01-10 08:00', '2026-07-10T08:00:00.5', '2026-07-10'], local)).toEqual([
      '2026-01-10T07:00:00.000Z',
      '2026-07-10T06:00:00.500Z',
      '2026-07-09T22:00:00.000Z',
    ])
    expect(await timesOf(['2026-03-29 02:30', '2026-10-25 02:30'], local)).toEqual([
      '2026-03-29T01:30:00.000Z',
      '2026-10-25T00:30:00.000Z',
    ])
    expect(await timesOf(['31.12.2025 14:05', '5.1.2026 9:00'], { ...local, pattern: 'd.M.yyyy H:mm' })).toEqual([
      '2025-12-31T13:05:00.000Z',
      '2026-01-05T08:00:00.000Z',
    ])
    expect(await timesOf(['12/31/2025 2:05 PM'], { ...local, pattern: 'M/d/yyyy h:mm a' })).toEqual([
      '2025-12-31T13:05:00.000Z',
    ])
    expect(await timesOf(['30.02.2026', ''], { ...local, pattern: 'd.M.yyyy' })).toEqual(['30.02.2026', undefined])
  })

  test('format instant wants a zone in the text: no machine’s clock is used', async () => {
    expect(
      await timesOf(['2026-01-10 08:00:00+01:00', '2026-01-10T08:00:00Z', '2026-01-10 08:00:00'], {
        format: 'instant',
      }),
    ).toEqual(['2026-01-10T07:00:00.000Z', '2026-01-10T08:00:00.000Z', '2026-01-10 08:00:00'])
  })

  test('ids are a column, a hash of columns, or a hash of the whole row', async () => {
    const text = 'When,Member,What,Id,Note\n2026-03-01,m,x,7,a\n2026-03-01,m,x,7,b\n2026-03-01,m,y,8,a\n'
    const ids = async (event_id: unknown) =>
      (await read(text, event_id === undefined ? {} : { event_id })).map((record) =>
        'event' in record ? Reflect.get(record.event as object, 'event_id') : '',
      )
    expect(await ids('Id')).toEqual(['7', '7', '8'])
    const [first, second, third] = await ids({ hash: ['When', 'Member', 'What'] })
    expect(first).toBe(second)
    expect(first).not.toBe(third)
    expect(new Set(await ids(undefined)).size).toBe(3)
  })

  test('a dry run says what would be rejected: line, column, reason, what to do, and no value', async () => {
    const found = await judged(
      [
        'When,Member,What',
        '2026-03-01 10:00,m-1,a',
        'soon,m-2,a',
        '2026-03-01 10:00,ada@example.com,a',
        '2026-03-01 10:00,m-3',
        '2019-03-01 10:00,m-4,a',
        '2026-03-01 10:00,m-5,b',
      ].join('\n'),
    )
    expect(found).toMatchObject({ records: 6, rejected: 4, example: { user_id: 'm-1' } })
    expect(found.lines).toEqual([
      expect.stringMatching(/^line 3: occurred_at \(column "When"\): This is not a time. Send RFC 3339/),
      expect.stringMatching(/^line 4: user_id \(column "Member"\): This identifier .* never an e-mail address/),
      'line 5: This row has more or fewer fields than the header. Is a quote or a delimiter missing?',
    ])
    expect(found.lines.join()).not.toMatch(/ada@|soon/)
    expect((await judged('When,Member,What\n2019-03-01,m,a\n')).lines[0]).toMatch(/older than the retention/)
    expect((await judged('When,Member,What\n2027-03-01,m,a\n')).lines[0]).toMatch(/more than 1 hour in the future/)
  })

  test('bytes that are no UTF-8 are told, not imported', async () => {
    const input = {
      ...csv(''),
      stream: Readable.from([Buffer.from('When,Member,What\n2026-03-01,m,'), Buffer.from([0xe4])]),
    }
    expect(await listOf(readEvents(input, { mapping: mapping() }))).toEqual([
      { place: 'line 2', problem: expect.stringMatching(/not UTF-8/) },
    ])
  })

  test.each([
    ['When,Member\n', /lacks columns that the mapping names: What$/],
    ['When;Member;What\n', /is --delimiter right/],
    ['When,Member,What,When\n', /names the column "When" twice/],
    ['When,Member,What\n2026-03-01,"m,x\n', /cannot be read: .*line 2/],
  ])('a file that cannot be meant is refused at once: %j', async (text, message) => {
    await expect(read(text)).rejects.toThrow(message)
  })

  test.each([
    [{ timezone: undefined }, /timezone: is missing: times of format local/],
    [{ timezone: 'CET+1' }, /must be an IANA zone/],
    [{ event_id: { hash: [] } }, /event_id/],
    [{ colour: 'x' }, /colour/],
  ])('a mapping that cannot be meant is refused with the place: %j', (over, message) => {
    const whole = { timezone: 'UTC', type: 'T', occurred_at: { column: 'W', format: 'local' }, user_id: 'M', ...over }
    expect(() => parseMapping(JSON.stringify(whole))).toThrow(message)
  })
})
