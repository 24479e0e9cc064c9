import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import { rawBody } from '../../../api/plugins/body-types.ts'
import { testApp } from '../support/test-app.ts'

const open = { public: true, database: false } as const
const routes = async (app: FastifyInstance) => {
  app.post('/lines', { config: { ...open, ndjson: true } }, async (request) => ({
    isBuffer: Buffer.isBuffer(request.body),
    text: String(request.body),
  }))
  app.post('/json', { config: open }, async (request) => ({ got: request.body }))
  await app.register(async (webhooks) => {
    await webhooks.register(rawBody)
    webhooks.post('/hook', { config: open }, async (request) => ({ text: (request.body as Buffer).toString('latin1') }))
  })
}
const post = (app: FastifyInstance, url: string, type: string | undefined, payload: string | Buffer) =>
  app.inject({ method: 'POST', url, headers: type ? { 'content-type': type } : {}, payload })

describe('NDJSON', () => {
  test('reaches a route that asks for it as bytes', async () => {
    const { app } = await testApp(routes)
    const response = await post(app, '/lines', 'application/x-ndjson; charset=utf-8', '{"a":1}\n{"a":2}\n')
    expect(response.json()).toEqual({ isBuffer: true, text: '{"a":1}\n{"a":2}\n' })
  })

  test('gets 415 elsewhere', async () => {
    const { app } = await testApp(routes)
    const response = await post(app, '/json', 'application/x-ndjson', '{"a":1}\n')
    expect(response.statusCode).toBe(415)
    expect(response.json()).toMatchObject({ code: 'unsupported_media_type' })
  })
})

describe('JSON', () => {
  test.each([
    ['broken', '{"secret":"hunter2"'],
    ['empty', ''],
    ['prototype poison', '{"__proto__":{"admin":true}}'],
    ['constructor poison', '{"constructor":{"prototype":{"admin":true}}}'],
  ])('that is %s gets 400 without being quoted', async (_name, payload) => {
    const { app } = await testApp(routes)
    const response = await post(app, '/json', 'application/json', payload)
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ code: 'malformed_body' })
    expect(response.body).not.toContain('hunter2')
  })

  test.each(['text/plain', 'application/xml', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded'])(
    'sent as %s gets 415',
    async (type) => {
      const { app } = await testApp(routes)
      expect((await post(app, '/json', type, '{"a":1}')).statusCode).toBe(415)
    },
  )
})

describe('raw bodies of webhooks', () => {
  test.each(['application/json', 'text/plain; charset=UTF-8', 'application/octet-stream', undefined])(
    'arrive byte for byte (%s)',
    async (type) => {
      const { app } = await testApp(routes)
      const payload = Buffer.from('{ "a" : 1,\r\n"b":"\u00ff\u0000" }', 'latin1')
      expect((await post(app, '/hook', type, payload)).json()).toEqual({ text: payload.toString('latin1') })
    },
  )

  test('leave the JSON routes beside them alone', async () => {
    const { app } = await testApp(routes)
    expect((await post(app, '/json', 'application/json', '{"a":1}')).json()).toEqual({ got: { a: 1 } })
  })
})
