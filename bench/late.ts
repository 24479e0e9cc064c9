import { DateTime } from 'luxon'
import { acceptEvents } from '../db/accept-events.ts'
import { createTenant } from '../db/tenant.ts'
import { newEvents } from './events.ts'
import { dayBefore, fillEvents } from './fill.ts'
import { type Bench, quantile, spread, timed, withScratchDatabase } from './rounds.ts'

const BATCH = 500
const DAY_MS = 86_400_000
const COMPRESSED_DAYS = 4

/** Goal 9. */
export const late: Bench = {
  name: 'late',
  title: 'rows that arrive late, for compressed chunks : rows for open chunks',
  run: ({ rounds, size, log }) =>
    withScratchDatabase(async (database) => {
      const { pool } = database
      const count = size(10_000, 100_000)
      const stored = count * 20
      const days = 2 * COMPRESSED_DAYS
      const tenant = await createTenant(pool, { slug: 'bench', timezone: 'UTC', currency: 'EUR' })
      const today = DateTime.utc().toISODate()
      await fillEvents(pool, tenant.id, { rows: stored, days, members: 2_000, to: today })
      const border = dayBefore(today, COMPRESSED_DAYS)
      const { rows: chunks } = await pool.query<{ chunk: string }>(
        `select c::text as chunk from show_chunks('analytics.events', older_than => $1::timestamptz) c`,
        [border],
      )
      for (const { chunk } of chunks) await pool.query('select compress_chunk($1::regclass)', [chunk])
      log(`${stored} rows in ${days} chunks, ${chunks.length} of them compressed`)
      const intake = { tenant, piiKey: Buffer.alloc(32, 1) }
      /** Rows spread evenly over the days before `end`. */
      const send = (end: string) => {
        const events = newEvents(count, { now: Date.parse(end) - 1, spanMs: COMPRESSED_DAYS * DAY_MS })
        return timed(async () => {
          for (let i = 0; i < count; i += BATCH) {
            const answer = await acceptEvents(pool, intake, { events: events.slice(i, i + BATCH) })
            if (answer.accepted !== Math.min(BATCH, count - i)) throw new Error('a late row was not stored')
          }
        })
      }
      const ratios: number[] = []
      const rates: number[] = []
      for (let round = 0; round <= rounds; round += 1) {
        const open = await send(today)
        const compressed = await send(border)
        log(`round ${round}: open ${open.toFixed(0)} ms, compressed ${compressed.toFixed(0)} ms`)
        if (round === 0) continue
        ratios.push(open / compressed)
        rates.push((count * 1000) / compressed)
      }
      return {
        ratios: [spread('late rows into compressed : open chunks', ratios, { goal: 9, atLeast: 0.2 })],
        notes: [
          `${database.kind} engine, ${rounds} rounds of ${count} rows over ${COMPRESSED_DAYS} days of ${stored / days} rows each, about ${quantile(rates, 0.5).toFixed(0)} late rows/s`,
        ],
      }
    }),
}
