import { expect, test } from 'vitest'
import { poll } from '../support/poll.ts'
import { testApp } from '../support/test-app.ts'

const UUID = /^[0-9a-f-]{36}$/

test('every answer carries a request id, errors included', async () => {
  const { app } = await testApp()
  for (const url of ['/health/live', '/nothing', '/x/%E0%A4%A', '/documentation/json']) {
    expect((await app.inject(url)).headers['x-request-id']).toMatch(UUID)
  }
})

test('a safe inbound id is kept, and the log knows it', async () => {
  const { app, lines } = await testApp()
  const response = await app.inject({ url: '/health/live', headers: { 'x-request-id': 'edge-01.AB_9' } })
  expect(response.headers['x-request-id']).toBe('edge-01.AB_9')
  await poll(() => lines.join('')).toContain('"request_id":"edge-01.AB_9"')
})

test.each(['alice@example.com', 'a b', '<script>', '../x', '', 'x'.repeat(65), '{"a":1}', 'id\u0000', 'ünïcode'])(
  'an unsafe inbound id is replaced: %j',
  async (given) => {
    const { app, lines } = await testApp()
    const response = await app.inject({ url: '/health/live', headers: { 'x-request-id': given } })
    expect(response.headers['x-request-id']).toMatch(UUID)
    if (given) expect(lines.join('')).not.toContain(JSON.stringify(given))
  },
)
