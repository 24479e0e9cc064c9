import { describe, expect, test } from 'vitest'
import { bearer, tenantA } from '../support/harness.ts'
import { testApp } from '../support/test-app.ts'

describe('/metrics', () => {
  test('counts answers by method, pattern and status, never by path', async () => {
    const { app } = await testApp(
      (scope) => void scope.get('/x/:id', { config: { roles: ['admin'] } }, async () => 'x'),
    )
    await app.inject({ url: '/x/alice', headers: await bearer() })
    await app.inject({ url: '/x/bob', headers: await bearer() })
    await app.inject('/x/carol')
    await app.inject('/nothing/dave')
    const response = await app.inject('/metrics')
    expect(response.headers['content-type']).toMatch(/^text\/plain/)
    expect(response.body).toContain('http_request_duration_seconds_count{method="GET",route="/x/:id",status="200"} 2')
    expect(response.body).toContain('http_request_duration_seconds_count{method="GET",route="/x/:id",status="401"} 1')
    expect(response.body).toContain(
      'http_request_duration_seconds_count{method="GET",route="unmatched",status="404"} 1',
    )
    expect(response.body).toContain('process_cpu_user_seconds_total')
    expect(response.body).not.toMatch(/alice|bob|carol|dave/)
    expect(response.body).not.toContain(tenantA)
  })

  test('reads collectors at each scrape', async () => {
    let waiting = 1
    const collector = {
      name: 'upcoach_queue_waiting_jobs',
      help: 'Jobs waiting.',
      labels: ['queue'],
      collect: async () => [{ value: waiting, labels: { queue: 'ledger' } }],
    }
    const { app } = await testApp(undefined, { collectors: [collector] })
    expect((await app.inject('/metrics')).body).toContain('upcoach_queue_waiting_jobs{queue="ledger"} 1')
    waiting = 5
    expect((await app.inject('/metrics')).body).toContain('upcoach_queue_waiting_jobs{queue="ledger"} 5')
  })

  test('survives a collector that fails, and says so', async () => {
    let broken = false
    const collect = async () => {
      if (broken) throw new Error('down')
      return [{ value: 1 }]
    }
    const { app } = await testApp(undefined, { collectors: [{ name: 'upcoach_x_total', help: 'x', collect }] })
    expect((await app.inject('/metrics')).body).toContain('upcoach_x_total 1')
    broken = true
    const { body, statusCode } = await app.inject('/metrics')
    expect(statusCode).toBe(200)
    expect(body).not.toMatch(/^upcoach_x_total /m)
    expect((await app.inject('/metrics')).body).toContain(
      'upcoach_collector_failures_total{collector="upcoach_x_total"}',
    )
  })
})
