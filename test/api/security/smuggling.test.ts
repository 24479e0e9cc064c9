import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { problemSchema } from '../../../api/schemas/problem.ts'
import { bootApp, type TestApp } from '../support/harness.ts'
import { say } from './support/say.ts'

let booted: TestApp
let smuggled = 0
const open = { public: true, database: false } as const
const routes = (app: FastifyInstance) => {
  app.post('/front', { config: open }, async () => 'front')
  app.get('/front', { config: open }, async () => 'front')
  app.get('/smuggled', { config: open }, async () => {
    smuggled += 1
    return 'smuggled'
  })
}

beforeAll(async () => {
  booted = await bootApp(routes)
  await booted.app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(() => booted.app.close())
beforeEach(() => {
  smuggled = 0
})

const inner = 'GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n'
const lines = (...all: string[]): string => all.join('\r\n')

describe('two readings of one request', () => {
  test.each([
    [
      'content-length beside transfer-encoding',
      lines('POST /front HTTP/1.1', 'host: x', 'content-length: 5', 'transfer-encoding: chunked', '', '0', '', inner),
    ],
    [
      'transfer-encoding beside content-length',
      lines(
        'POST /front HTTP/1.1',
        'host: x',
        'transfer-encoding: chunked',
        `content-length: ${inner.length + 5}`,
        '',
        '0',
        '',
        inner,
      ),
    ],
    [
      'two different content-lengths',
      lines('POST /front HTTP/1.1', 'host: x', 'content-length: 0', `content-length: ${inner.length}`, '', inner),
    ],
    [
      'a list of content-lengths',
      lines('POST /front HTTP/1.1', 'host: x', `content-length: 0, ${inner.length}`, '', inner),
    ],
    ['a signed content-length', lines('POST /front HTTP/1.1', 'host: x', 'content-length: +0', '', inner)],
    ['a negative content-length', lines('POST /front HTTP/1.1', 'host: x', 'content-length: -1', '', inner)],
    ['a hexadecimal content-length', lines('POST /front HTTP/1.1', 'host: x', 'content-length: 0x0', '', inner)],
    [
      'transfer-encoding that does not end in chunked',
      lines('POST /front HTTP/1.1', 'host: x', 'transfer-encoding: chunked, identity', '', '0', '', inner),
    ],
    [
      'a transfer-encoding nobody knows',
      lines('POST /front HTTP/1.1', 'host: x', 'transfer-encoding: xchunked', '', '0', '', inner),
    ],
    [
      'a blank before the colon',
      lines('POST /front HTTP/1.1', 'host: x', 'transfer-encoding : chunked', '', '0', '', inner),
    ],
    [
      'a folded header',
      lines('POST /front HTTP/1.1', 'host: x', 'transfer-encoding:', ' chunked', 'content-length: 0', '', inner),
    ],
    [
      'a chunk size that is no number',
      lines('POST /front HTTP/1.1', 'host: x', 'transfer-encoding: chunked', '', '0x0', '', inner),
    ],
    [
      'a chunk size past every number',
      lines('POST /front HTTP/1.1', 'host: x', 'transfer-encoding: chunked', '', 'fffffffffffffffff', '', inner),
    ],
    ['NUL in a header', lines('GET /front HTTP/1.1', 'host: x', 'a: b\u0000c', '', inner)],
    ['a carriage return in a header', lines('GET /front HTTP/1.1', 'host: x', `a: b\rGET /smuggled HTTP/1.1`, '', '')],
    ['a header without a colon', lines('GET /front HTTP/1.1', 'host: x', 'GET /smuggled', '', '')],
    ['another protocol', lines('PRI * HTTP/2.0', '', 'SM', '', inner)],
    ['a version that is none', lines('GET /front HTTP/9.9', 'host: x', '', inner)],
    ['a method nobody knows', lines('SMUGGLE /front HTTP/1.1', 'host: x', '', inner)],
  ])('ends the connection, and what follows is never a request: %s', async (_name, bytes) => {
    const { text, closed } = await say(booted.app, bytes)
    expect(closed).toBe(true)
    expect(smuggled).toBe(0)
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).toHaveLength(1)
    expect(text).toMatch(/^HTTP\/1\.1 4\d\d /)
  })

  test('a request that names no host is refused', async () => {
    expect((await say(booted.app, 'GET /front HTTP/1.1\r\n\r\n')).text).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('an honest pipeline is answered in its order', async () => {
    const { text } = await say(booted.app, `POST /front HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n${inner}`)
    expect(text.match(/front|smuggled/g)).toEqual(['front', 'smuggled'])
  })
})

describe('what is too large before it is a request', () => {
  test.each([
    ['one header', lines('GET /front HTTP/1.1', 'host: x', `a: ${'a'.repeat(20_000)}`, '', '')],
    [
      'many headers',
      lines('GET /front HTTP/1.1', 'host: x', ...Array.from({ length: 3_000 }, (_, i) => `a${i}: b`), '', ''),
    ],
    ['a URL', lines(`GET /front?${'a'.repeat(20_000)} HTTP/1.1`, 'host: x', '', '')],
    ['a cookie', lines('GET /front HTTP/1.1', 'host: x', `cookie: ${'a=b; '.repeat(5_000)}`, '', '')],
    ['a token', lines('GET /front HTTP/1.1', 'host: x', `authorization: Bearer ${'a'.repeat(20_000)}.b.c`, '', '')],
  ])('%s is refused with a problem', async (_name, bytes) => {
    const { text, closed } = await say(booted.app, bytes)
    expect(closed).toBe(true)
    expect(text).toMatch(/^HTTP\/1\.1 431 /)
    expect(problemSchema.parse(JSON.parse(text.split('\r\n\r\n')[1] ?? ''))).toMatchObject({
      code: 'headers_too_large',
    })
  })

  test('a chunked body without an end is cut off at the limit of the route', async () => {
    const chunk = `${(64 * 1024).toString(16)}\r\n${'a'.repeat(64 * 1024)}\r\n`
    const head = lines(
      'POST /front HTTP/1.1',
      'host: x',
      'content-type: application/json',
      'transfer-encoding: chunked',
      '',
      '',
    )
    const { text } = await say(booted.app, head + chunk.repeat(20))
    expect(text).toMatch(/^HTTP\/1\.1 413 /)
  })

  test('a client that never ends its headers or its body holds its connection for a minute at most', () => {
    expect(booted.app.server.headersTimeout).toBeLessThanOrEqual(60_000)
    expect(booted.app.server.requestTimeout).toBeLessThanOrEqual(60_000)
    expect(booted.app.server.headersTimeout).toBeGreaterThan(0)
    expect(booted.app.server.requestTimeout).toBeGreaterThan(0)
  })
})
