import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bigintArray, booleanArray, instantArray, integerArray, jsonbArray, textArray } from '../../db/pg-arrays.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

let db: TestDatabase
beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db.close())

/** What the database reads, as JSON. */
async function read(type: string, array: Buffer, element = 'x'): Promise<unknown> {
  const { rows } = await db.pool.query<{ read: unknown }>(
    `select coalesce(json_agg(${element} order by i), '[]') as read from unnest($1::${type}[]) with ordinality as t (x, i)`,
    [array],
  )
  return rows[0]?.read
}
const anyText = fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', ''))
const runs = { numRuns: 30 }

test('texts arrive as they are, null and nothing too', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(anyText)), async (texts) => {
      expect(await read('text', textArray(texts))).toEqual(texts)
    }),
    runs,
  )
})

test('JSON arrives as it is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.dictionary(anyText, anyText)), async (objects) => {
      expect(await read('jsonb', jsonbArray(objects.map((object) => JSON.stringify(object))))).toEqual(objects)
    }),
    runs,
  )
})

test('numbers, flags and instants arrive to the last bit', async () => {
  const integer = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
  const bytes = fc.uint8Array({ minLength: 8, maxLength: 32 }).map((array) => Buffer.from(array).toString('latin1'))
  const instant = fc.integer({ min: 0, max: Date.parse('9999-12-31T23:59:59.999Z') })
  await fc.assert(
    fc.asyncProperty(
      fc.array(integer),
      fc.array(bytes),
      fc.array(fc.boolean()),
      fc.array(instant),
      async (integers, hashes, flags, instants) => {
        expect(await read('integer', integerArray(integers))).toEqual(integers)
        expect(await read('bigint', bigintArray(hashes), 'x::text')).toEqual(
          hashes.map((hash) => Buffer.from(hash, 'latin1').readBigInt64BE().toString()),
        )
        expect(await read('boolean', booleanArray(flags))).toEqual(flags)
        expect(await read('timestamptz', instantArray(instants), '(extract(epoch from x) * 1000)::bigint')).toEqual(
          instants,
        )
      },
    ),
    runs,
  )
})
