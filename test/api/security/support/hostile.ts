import fc from 'fast-check'

/** What has broken others: SQL, paths, templates, markup, formulas, numbers and text at the edge of every format. */
export const hostileStrings = [
  "'",
  '"',
  "' or '1'='1",
  "'; drop table analytics.events; --",
  "') union select null, table_name from information_schema.tables --",
  '1; select pg_sleep(5)',
  "' || (select current_setting('app.tenant_id')) || '",
  "\\'; copy (select 1) to program 'id'; --",
  '$1',
  '$$;select version();$$',
  ':tenant_id',
  'plan" from tenant.members --',
  '../../../../etc/passwd',
  '..\\..\\secrets.json',
  '....//....//secrets.json',
  '/etc/passwd',
  'file:///etc/passwd',
  '%2e%2e%2fsecrets.json',
  '%00',
  '\u0000',
  'a\u0000b',
  'line\r\nset-cookie: stolen=1',
  '\u001b[2J',
  '{{7*7}}$'.concat('{7*7}<%= 7*7 %>'),
  '<script>alert(1)</script>',
  '=cmd|\u0027 /C calc\u0027!A0',
  '@SUM(1+1)*cmd',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '\ud800',
  '\udfff\ud800',
  '\u202Egnp.exe',
  '\uFEFF',
  'ﬀ',
  'İ',
  'Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞',
  '9'.repeat(400),
  'a'.repeat(10_000),
  'null',
  'undefined',
  'NaN',
  '-Infinity',
  '1e400',
  '-1',
  '0x1F',
  '9223372036854775808',
  '2147483648',
  '1.5',
  '',
  ' ',
  'true',
  '[]',
  '{}',
  '0000-00-00',
  '0001-01-01',
  '2026-02-30',
  '9999-12-31',
  '10000-01-01',
  '+275760-09-13T00:00:00.000Z',
  '-000001-01-01T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:00:60Z',
  '294277-01-01',
  '4714-11-23 BC',
  'infinity',
  'epoch',
  'now',
  '2026-W54',
  '2026-W00',
  '9999-W53',
  '0000-13',
] as const

export const hostileString = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...hostileStrings) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }) },
)

const hostileNumber = fc.oneof(
  fc.constantFrom(0, -0, -1, 1.5, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, 2 ** 63, 1e308, 5e-324),
  fc.maxSafeInteger(),
)

/** Any JSON value, at any place: of the wrong type, too large, nested, or with names that objects already have. */
export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: hostileString },
  { weight: 2, arbitrary: hostileNumber },
  { weight: 1, arbitrary: fc.constantFrom(null, true, false, [], {}, [[]], [null], { length: -1 }) },
  { weight: 1, arbitrary: fc.array(hostileString, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.dictionary(hostileString, hostileString, { maxKeys: 3, noNullPrototype: true }) },
  { weight: 1, arbitrary: fc.constant(JSON.parse('{"__proto__":{"isAdmin":true},"constructor":{"prototype":1}}')) },
  { weight: 1, arbitrary: fc.integer({ min: 10, max: 2_000 }).map(nested) },
)

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value }
  return value
}

/** Bodies that are no JSON, or hardly. */
export const hostileBody: fc.Arbitrary<string | Buffer> = fc.oneof(
  fc.constantFrom('', ' ', '{', '[', '"', '\u0000', '{"a":1}{"b":2}', '{"events":[', '\uFEFF{}', '1e999', '-', 'null'),
  fc.constant('['.repeat(50_000)),
  fc.constant(`${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`),
  fc.constant(Buffer.from([0xff, 0xfe, 0x00, 0x7b])),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
)
