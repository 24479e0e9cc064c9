import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newEvents } from './events.ts'
import { each, load, request } from './http-load.ts'
import { peaks } from './memory.ts'
import { type Platform, withPlatform } from './platform.ts'
import { pgbench } from './psql.ts'
import { type Bench, quantile, spread, timed } from './rounds.ts'

const CONNECTIONS = 64

/** One row of the same table, as plainly as it can be stored. */
const insert = (tenant: string) => `insert into analytics.events
  (tenant_id, event_id, occurred_at, local_hour, type, user_id, session_id, source, is_action, properties, content_hash)
  values ('${tenant}', gen_random_uuid()::text, now(), date_trunc('hour', now() at time zone 'Europe/Berlin'),
    'screen_viewed', 'member-7', 's-7', 'bench', true, '{"screen": "screen-1", "version": "4.2.0"}', 0)`

/** Rows per second of pgbench over as many connections, prepared statements, each row a commit. */
async function pgbenchRate(databaseUrl: string, rows: number): Promise<number> {
  const script = join(tmpdir(), `upcoach-bench-${randomUUID()}.sql`)
  await writeFile(script, `${insert(randomUUID())};\n`)
  try {
    const perClient = String(Math.ceil(rows / CONNECTIONS))
    const output = await pgbench([
      '-n',
      '-M',
      'prepared',
      '-c',
      String(CONNECTIONS),
      '-j',
      '2',
      '-t',
      perClient,
      '-f',
      script,
      databaseUrl,
    ])
    return Number(/tps = ([\d.]+)/.exec(output)?.[1])
  } finally {
    await rm(script, { force: true })
  }
}

async function plainRate({ pool }: Platform, rows: number): Promise<number> {
  const text = insert(randomUUID())
  const ms = await timed(() => Promise.all(Array.from({ length: rows }, () => pool.query(text))))
  return (rows * 1000) / ms
}

/** Goal 3. */
export const single: Bench = {
  name: 'single',
  title: `one event per POST over ${CONNECTIONS} connections, durable : single-row inserts by pgbench (server) or node (embedded)`,
  run: ({ rounds, size, log }) =>
    withPlatform({ env: { DATABASE_POOL_SIZE: '10' } }, async (platform) => {
      const count = size(10_000, 200_000)
      const { databaseUrl } = platform
      const ratios: number[] = []
      const late: number[] = []
      const rates: number[] = []
      for (let round = 0; round <= rounds; round += 1) {
        const requests = newEvents(count).map((event) =>
          request(platform.url, 'POST', platform.sender, JSON.stringify({ events: [event] }), '/api/analytics/events'),
        )
        const { ms, latencies } = await load({ url: platform.url, connections: CONNECTIONS, next: each(requests) })
        const rate = (count * 1000) / ms
        const p99 = quantile(latencies, 0.99)
        const rival = databaseUrl ? await pgbenchRate(databaseUrl, count) : await plainRate(platform, count)
        log(`round ${round}: http ${rate.toFixed(0)}/s, p99 ${p99.toFixed(0)} ms; single inserts ${rival.toFixed(0)}/s`)
        if (round === 0) continue
        ratios.push(rate / rival)
        late.push(p99)
        rates.push(rate)
      }
      return {
        ratios: [
          spread(`single events : ${databaseUrl ? 'pgbench' : 'plain inserts'}`, ratios, { goal: 3, atLeast: 0.8 }),
          spread('p99 of single events', late, { goal: 3, atMost: 50 }, 'ms'),
        ],
        memory: peaks(await platform.memory()),
        notes: [
          `${platform.kind} engine, ${rounds} rounds of ${count} events, about ${quantile(rates, 0.5).toFixed(0)} events/s`,
        ],
      }
    }),
}
