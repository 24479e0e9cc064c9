import fc from 'fast-check'
import { type Role, roles } from '../../../../api/security/principal.ts'
import { hostileBody, hostileString, hostileValue } from './hostile.ts'
import { type Schema, valuesOf } from './openapi-values.ts'

export interface Operation {
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly schema: Schema
  }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<Record<string, unknown>>
  readonly 'x-roles': readonly Role[]
}
export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}
export interface Attack {
  readonly url: string
  readonly payload: string | Buffer | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly as: Role | 'nobody' | 'forger'
}
/** Values that are right for the tenant, by parameter: with these the SQL behind a route runs. */
export type Known = Readonly<Record<string, readonly string[]>>

/** Lone surrogates cannot be written in a URL; the replacement can. */
const encoded = (value: string): string => encodeURIComponent(Buffer.from(value).toString())

/** Written as an attacker would, past a client's own encoding. */
const raw = ['..%2f..%2fetc%2fpasswd', '%2e%2e', '%00', '%ff%fe', '%', '%zz', '%c0%ae%c0%ae%2f', ';', '%0d%0aX: 1']
const hostilePart = fc.oneof(
  { weight: 4, arbitrary: hostileString.map(encoded) },
  { weight: 1, arbitrary: fc.constantFrom(...raw) },
)
const hostileName = fc.oneof(
  hostileString.map(encoded),
  fc.constantFrom('filter', 'filter[]', 'filter[plan][]', 'tenant_id', 'from[]', '__proto__'),
)
const hostileHeader = fc.constantFrom(
  ...['text/csv', '*/*', 'text/html', 'application/xml;q=2', ',;=', 'text/csv;q=0'].map((v) => ['accept', v] as const),
  ...['*', 'W/"x"', '"', 'a,b,c'].map((v) => ['if-none-match', v] as const),
  ...['k1', 'k2', "'; --", 'ü'.repeat(3), 'x'.repeat(200)].map((v) => ['idempotency-key', v] as const),
  ...['ok', "' or 1=1", 'x'.repeat(500)].map((v) => ['x-request-id', v] as const),
  ...['gzip', 'identity', 'br', 'gzip, gzip', ''].map((v) => ['content-encoding', v] as const),
  ...['127.0.0.1', "'", '::1, ::1'].map((v) => ['x-forwarded-for', v] as const),
  ...['t=1,v1=00', 't=,v1=', 'v1', `t=${'9'.repeat(40)},v1=x`].map((v) => ['stripe-signature', v] as const),
  ...['application/x-ndjson', 'text/plain', 'application/json;charset=utf-16', 'a', ''].map(
    (v) => ['content-type', v] as const,
  ),
)

/** What is done to a request that was right. */
const damage = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('value'), at: fc.nat(), value: hostilePart }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unknown'), name: hostileName, value: hostilePart }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('twice'), at: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('header'), header: hostileHeader }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('body'), body: hostileBody }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('inside'),
      at: fc.nat(),
      bad: hostileValue,
      key: fc.option(hostileString),
    }),
  },
) as fc.Arbitrary<
  | { kind: 'value'; at: number; value: string }
  | { kind: 'unknown'; name: string; value: string }
  | { kind: 'twice'; at: number }
  | { kind: 'header'; header: readonly [string, string] }
  | { kind: 'body'; body: string | Buffer }
  | { kind: 'inside'; at: number; bad: unknown; key: string | null }
>

/** Requests to a route: right ones by its schemas, with none to three things about them hostile. */
export function attacksOn(
  path: string,
  operation: Operation,
  { components }: Document,
  known: Known,
): fc.Arbitrary<Attack> {
  const right = (name: string, schema: Schema): fc.Arbitrary<string> =>
    fc.oneof(...(known[name] ? [{ weight: 3, arbitrary: fc.constantFrom(...known[name].map(encoded)) }] : []), {
      weight: 1,
      arbitrary: valuesOf(schema, components.schemas).map((value) => encoded(String(value))),
    })
  const parameters = operation.parameters ?? []
  const inPath = parameters.filter((one) => one.in === 'path')
  const inQuery = parameters.filter((one) => one.in === 'query')
  const required = inQuery.filter((one) => one.required === true).map(({ name }) => name)
  const schema = Object.values(operation.requestBody?.content ?? {})[0]?.schema
  const allowed = operation['x-roles'].length > 0 ? operation['x-roles'] : roles
  return fc
    .record({
      steps: fc.tuple(...inPath.map((one) => right(one.name, one.schema))),
      query: fc.tuple(...inQuery.map((one) => right(one.name, one.schema).map((value) => [one.name, value] as const))),
      some: fc.subarray(inQuery.map(({ name }) => name)),
      body: schema === undefined ? fc.constant(undefined) : valuesOf(schema, components.schemas),
      as: fc.oneof(
        { weight: 12, arbitrary: fc.constantFrom<Attack['as']>(...allowed) },
        { weight: 1, arbitrary: fc.constantFrom<Attack['as']>(...roles, 'nobody', 'forger') },
      ),
      damages: fc.array(damage, { maxLength: 3 }),
    })
    .map(({ steps, query, some, body, as, damages }) => {
      const places = [...steps]
      const pairs = query.filter(([name]) => some.includes(name) || required.includes(name)).map(([...pair]) => pair)
      let payload: string | Buffer | undefined = schema === undefined ? undefined : JSON.stringify(body)
      const headers: Record<string, string> = payload === undefined ? {} : { 'content-type': 'application/json' }
      for (const one of damages)
        switch (one.kind) {
          case 'value': {
            const at = one.at % Math.max(places.length + pairs.length, 1)
            const pair = pairs[at - places.length]
            if (at < places.length) places[at] = one.value
            else if (pair) pair[1] = one.value
            break
          }
          case 'unknown':
            pairs.push([one.name, one.value])
            break
          case 'twice': {
            const pair = pairs[one.at % Math.max(pairs.length, 1)]
            if (pair) pairs.push(pair)
            break
          }
          case 'header':
            headers[one.header[0]] = one.header[1]
            break
          case 'body':
            payload = one.body
            headers['content-type'] ??= 'application/json'
            break
          case 'inside':
            if (schema !== undefined) payload = JSON.stringify(changed(body, one.at, one.bad, one.key))
        }
      const filled = path.replace(/\{[^}]+\}/g, () => places.shift() ?? '')
      const search = pairs.map(([name, value]) => `${name.includes('%') ? name : encoded(name)}=${value}`).join('&')
      return { url: search === '' ? filled : `${filled}?${search}`, payload, headers, as }
    })
}

/** A copy of a value with something else at one place inside, or with one more key there. */
function changed(value: unknown, at: number, bad: unknown, key: string | null): unknown {
  const root: Record<string, unknown> = { root: structuredClone(value) }
  const places: { holder: Record<string, unknown>; name: string }[] = []
  const visit = (holder: Record<string, unknown>, name: string): void => {
    places.push({ holder, name })
    const child = holder[name]
    if (typeof child === 'object' && child !== null)
      for (const inner of Object.keys(child)) visit(child as Record<string, unknown>, inner)
  }
  visit(root, 'root')
  const { holder = root, name = 'root' } = places[at % places.length] ?? {}
  const target = holder[name]
  if (Array.isArray(target)) target.push(bad)
  else if (key !== null && typeof target === 'object' && target !== null) Object.assign(target, { [key]: bad })
  else holder[name] = bad
  return root.root ?? null
}
