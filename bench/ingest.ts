import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bodies, newEvents, type SentEvent } from './events.ts'
import { each, load, request } from './http-load.ts'
import { peaks } from './memory.ts'
import { type Platform, withPlatform } from './platform.ts'
import { openPsql } from './psql.ts'
import { type Bench, quantile, spread, timed } from './rounds.ts'

const BATCH = 500
const CONNECTIONS = 8

const columns =
  'tenant_id, event_id, occurred_at, local_hour, type, user_id, session_id, subject_id, source, is_action, properties, content_hash'

/** Stores the rows that arrived over HTTP once more, in the same hypertable, for another tenant. Returns ms. */
type Rival = (events: readonly SentEvent[]) => Promise<number>

/** psql COPY from a file, as one stream: the rows are those that were just stored. */
async function copyRival({ tenant }: Platform, databaseUrl: string): Promise<{ store: Rival; close(): Promise<void> }> {
  const psql = await openPsql(databaseUrl)
  const file = join(tmpdir(), `upcoach-bench-${randomUUID()}.copy`)
  let since = '-infinity'
  return {
    async store() {
      const rows = `select ${columns.replace('tenant_id', `'${randomUUID()}'::uuid`)} from analytics.events where tenant_id = '${tenant.id}' and received_at > '${since}' order by event_id`
      await psql.run(`\\copy (${rows}) to '${file}'`)
      since = new Date().toISOString()
      return timed(() => psql.run(`\\copy analytics.events (${columns}) from '${file}'`))
    },
    async close() {
      await psql.close()
      await rm(file, { force: true })
    },
  }
}

/** What an application would write itself: one insert of a JSON parameter per batch. */
function plainRival({ pool }: Platform): Rival {
  const tenant = randomUUID()
  return async (events) => {
    const batches: string[] = []
    for (let i = 0; i < events.length; i += BATCH) batches.push(JSON.stringify(events.slice(i, i + BATCH)))
    return timed(async () => {
      for (const batch of batches)
        await pool.query(
          `insert into analytics.events (tenant_id, event_id, occurred_at, local_hour, type, user_id, session_id, source, is_action, properties, content_hash)
           select $1, event_id, occurred_at, date_trunc('hour', occurred_at at time zone 'Europe/Berlin'), type, user_id, session_id, source, true, properties, 0
           from jsonb_to_recordset($2::jsonb) as x (event_id text, occurred_at timestamptz, type text, user_id text, session_id text, source text, properties jsonb)`,
          [tenant, batch],
        )
    })
  }
}

/** Goals 1, 2 and 4. */
export const ingest: Bench = {
  name: 'ingest',
  title: `HTTP ingest of ${BATCH}-event batches : the same rows by psql COPY (server) or a plain insert (embedded); re-send : first send`,
  run: ({ rounds, size, log }) =>
    withPlatform({}, async (platform) => {
      const count = size(30_000, 500_000)
      const { databaseUrl } = platform
      const copy = databaseUrl === undefined ? undefined : await copyRival(platform, databaseUrl)
      const store = copy?.store ?? plainRival(platform)
      const post = async (requests: readonly Buffer[]) =>
        (await load({ url: platform.url, connections: CONNECTIONS, next: each(requests) })).ms
      const first: number[] = []
      const again: number[] = []
      const rates: number[] = []
      // the first round warms both sides up
      for (let round = 0; round <= rounds; round += 1) {
        const events = newEvents(count)
        const requests = bodies(events, BATCH).map((body) =>
          request(platform.url, 'POST', platform.sender, body, '/api/analytics/events'),
        )
        const http = await post(requests)
        const rival = await store(events)
        const repeated = await post(requests)
        log(
          `round ${round}: http ${http.toFixed(0)} ms, rival ${rival.toFixed(0)} ms, re-sent ${repeated.toFixed(0)} ms`,
        )
        if (round === 0) continue
        first.push(rival / http)
        again.push(http / repeated)
        rates.push((count * 1000) / http)
      }
      await copy?.close()
      const goal = copy ? 1 : 2
      return {
        ratios: [
          spread(copy ? 'ingest : psql COPY' : 'ingest : plain insert', first, { goal, atLeast: 0.6 }),
          spread('re-send : first send', again, { goal: 4, atLeast: 0.7 }),
        ],
        memory: peaks(await platform.memory()),
        notes: [
          `${platform.kind} engine, ${rounds} rounds of ${count} events over ${CONNECTIONS} connections, about ${quantile(rates, 0.5).toFixed(0)} events/s`,
        ],
      }
    }),
}
