import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { bodies, newEvents } from './events.ts'
import { each, load, request } from './http-load.ts'
import { peaks } from './memory.ts'
import { withPlatform } from './platform.ts'
import { type Bench, quantile, spread } from './rounds.ts'

const POLL_MS = 20
const GIVE_UP_MS = 60_000
const PAUSE_MS = 1_500

const answer = z.object({ series: z.array(z.object({ points: z.array(z.object({ value: z.number().nullable() })) })) })

/** Goal 13. */
export const freshness: Bench = {
  name: 'freshness',
  title: 'from the acknowledgement of an event until the hourly metric counts it, through the API',
  run: ({ rounds, size, log }) =>
    withPlatform({ workers: true }, async ({ url, sender, reader, kind, memory }) => {
      const perRound = size(10, 100)
      // the tenant's wall clock; a range around now needs no care about zones
      const today = new Date().toISOString().slice(0, 10)
      const path = `/api/analytics/metrics/active_members?granularity=hour&from=${today}&to=${new Date(Date.parse(today) + 86_400_000).toISOString().slice(0, 10)}`
      const active = async (): Promise<number> => {
        const response = await fetch(`${url}${path}`, { headers: { authorization: reader } })
        const { series } = answer.parse(await response.json())
        return series.flatMap(({ points }) => points).reduce((sum, { value }) => sum + (value ?? 0), 0)
      }
      const post = (body: string) =>
        load({ url, connections: 1, next: each([request(url, 'POST', sender, body, '/api/analytics/events')]) })
      await post(bodies(newEvents(500, { spanMs: 60_000 }), 500)[0] ?? '')
      const took: number[] = []
      for (let i = 0; i <= rounds * perRound; i += 1) {
        await wait(PAUSE_MS * Math.random())
        const before = await active()
        const [event] = newEvents(1, { spanMs: 1 })
        // a member nobody has seen before, so that the number must change
        await post(
          JSON.stringify({
            events: [{ ...event, user_id: `fresh-${i}`, type: 'screen_viewed', properties: { screen: 'x' } }],
          }),
        )
        const acknowledged = performance.now()
        while ((await active()) <= before) {
          if (performance.now() - acknowledged > GIVE_UP_MS) throw new Error('an event did not appear within a minute')
          await wait(POLL_MS)
        }
        const ms = performance.now() - acknowledged
        if (i % perRound === 0) log(`event ${i}: ${ms.toFixed(0)} ms`)
        if (i > 0) took.push(ms / 1000)
      }
      return {
        ratios: [spread('acknowledged until counted', took, { goal: 13, atMost: 2 }, 's')],
        memory: peaks(await memory()),
        notes: [
          `${kind} engine, ${took.length} events one by one, polled every ${POLL_MS} ms; 95 of 100 within ${quantile(took, 0.95).toFixed(2)} s`,
        ],
      }
    }),
}
