import { setTimeout as wait } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { refreshTouched } from '../../db/aggregates.ts'
import { openPlatform, type Platform } from '../support/platform.ts'

// The embedded engine has one session: nothing there runs at the same time.
describe.skipIf(inject('template').kind === 'embedded')('refreshes of one aggregate at the same time (server)', () => {
  let platform: Platform
  beforeAll(async () => {
    platform = await openPlatform()
  })
  afterAll(() => platform.close())

  it('wait for each other instead of failing, and every number is there', async () => {
    const { pool } = platform.db
    const tenant = await platform.createTenant({ slug: 'races' })
    const at = (i: number) => new Date(Date.now() - (3 + (i % 60)) * 86_400_000).toISOString()
    const event = (i: number) => ({
      event_id: `e-${i}`,
      type: 'screen_viewed',
      occurred_at: at(i),
      user_id: `m-${i % 20}`,
      properties: { screen: 'home' },
    })
    await platform.send(
      tenant,
      Array.from({ length: 600 }, (_, i) => event(i)),
    )
    let sent = 600
    const call =
      "call refresh_continuous_aggregate('analytics.events_hourly', now() - interval '80 days', now(), force => true)"
    let refused = 0
    let isOver = false
    /** The pool, counting how often TimescaleDB refused a refresh. */
    const counting: pg.Pool = Object.create(pool, {
      query: {
        value: async (text: string, values?: unknown[]) => {
          try {
            return await pool.query(text, values)
          } catch (error) {
            if ((error as { code?: string }).code === '55P03') refused += 1
            throw error
          }
        },
      },
    })
    const policy = async () => {
      while (!isOver) {
        await counting.query(call).catch((error: { code?: string }) => {
          if (error.code !== '55P03') throw error
        })
        await wait(200)
      }
    }
    const ours = async () => {
      // Until they have met, which a quick machine may need a few rounds for.
      for (let i = 0; i < 3 || (refused === 0 && i < 200); i += 1) {
        await platform.send(tenant, [event(1000 + i)])
        sent += 1
        await refreshTouched(counting)
      }
      isOver = true
    }
    await Promise.all([policy(), ours()])
    expect(refused).toBeGreaterThan(0)
    const { rows } = await pool.query<{ total: number }>(
      'select sum(events)::integer as total from analytics.events_hourly where tenant_id = $1',
      [tenant.id],
    )
    expect(rows).toEqual([{ total: sent }])
  })
})
