import { refreshTouched } from '../db/aggregates.ts'
import { foldDirty } from '../db/ledgers.ts'
import { bodies, newEvents } from './events.ts'
import { each, load, request } from './http-load.ts'
import { withPlatform } from './platform.ts'
import { type Bench, quantile, spread, timed } from './rounds.ts'

const BATCH = 500
const CONNECTIONS = 8
const ROUND_MS = 600_000

/** Goal 10. */
export const ledgers: Bench = {
  name: 'ledgers',
  title: 'folding of events into ledgers : their ingest over HTTP (events per second)',
  run: ({ rounds, size, log }) =>
    withPlatform({}, async ({ url, pool, sender, kind }) => {
      const count = size(30_000, 500_000)
      const ratios: number[] = []
      const rates: number[] = []
      const refreshes: number[] = []
      const began = Date.now() - (rounds + 1) * ROUND_MS
      for (let round = 0; round <= rounds; round += 1) {
        const requests = bodies(newEvents(count, { now: began + (round + 1) * ROUND_MS, spanMs: ROUND_MS }), BATCH).map(
          (body) => request(url, 'POST', sender, body, '/api/analytics/events'),
        )
        const stored = (await load({ url, connections: CONNECTIONS, next: each(requests) })).ms
        const folded = await timed(async () => {
          while ((await foldDirty(pool)).members > 0);
        })
        const refreshed = await timed(() => refreshTouched(pool))
        log(
          `round ${round}: stored ${stored.toFixed(0)} ms, folded ${folded.toFixed(0)} ms, refreshed ${refreshed.toFixed(0)} ms`,
        )
        if (round === 0) continue
        ratios.push(stored / folded)
        rates.push((count * 1000) / folded)
        refreshes.push(refreshed)
      }
      return {
        ratios: [spread('fold : ingest', ratios, { goal: 10, atLeast: 0.5 })],
        notes: [
          `${kind} engine, ${rounds} rounds of ${count} events of 2,000 members, each of the ten minutes after those of the round before; about ${quantile(rates, 0.5).toFixed(0)} events/s folded; the refresh after it took ${quantile(refreshes, 0.5).toFixed(0)} ms`,
        ],
      }
    }),
}
