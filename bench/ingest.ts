import { randomBytes } from 'node:crypto'
import { buildApp } from '../api/app.ts'
import { memoryCache } from '../api/cache/memory.ts'
import { analytics } from '../api/routes/analytics/index.ts'
import { verificationKeys } from '../api/security/keys.ts'
import { signToken } from '../api/security/tokens.ts'
import { loadConfig } from '../config.ts'
import type { Database } from '../db/database.ts'
import { createTenant, type Tenant } from '../db/tenant.ts'
import { openObjectStore } from '../objects/open.ts'
import { type Bench, spread, timed, withScratchDatabase } from './rounds.ts'

const BATCH = 500
const BATCHES = 40
const MEMBERS = 2_000

let n = 0
function batch(now: number) {
  return Array.from({ length: BATCH }, () => {
    n += 1
    return {
      event_id: `b-${n}`,
      type: 'screen_viewed',
      occurred_at: new Date(now - (n % 3_600_000)).toISOString(),
      user_id: `member-${n % MEMBERS}`,
      session_id: `s-${n % 5_000}`,
      source: 'bench',
      properties: { screen: `screen-${n % 40}`, version: '4.2.0' },
    }
  })
}

/** The same rows into a table of the same shape and unique key, with nothing around it. */
async function plainTable(database: Database): Promise<void> {
  await database.pool.query('create table plain_events (like analytics.events including defaults)')
  await database.pool.query('alter table plain_events add unique (tenant_id, event_id, occurred_at)')
  await database.pool.query(
    `select create_hypertable('plain_events', by_range('occurred_at', interval '1 day'), create_default_indexes => false)`,
  )
  await database.pool.query('create index on plain_events (tenant_id, user_id, occurred_at)')
}

async function plainInsert(database: Database, tenant: Tenant, events: ReturnType<typeof batch>): Promise<void> {
  await database.pool.query(
    `insert into plain_events (tenant_id, event_id, occurred_at, local_hour, type, user_id, session_id, source, is_action, properties, content_hash)
     select $1, event_id, occurred_at, date_trunc('hour', occurred_at at time zone 'UTC'), type, user_id, session_id, source, true, properties, 0
     from jsonb_to_recordset($2::jsonb) as x (event_id text, occurred_at timestamptz, type text, user_id text, session_id text, source text, properties jsonb)`,
    [tenant.id, JSON.stringify(events)],
  )
}

/** HTTP ingest of 500-event batches against plain insertion of the same rows on the same engine. */
export const ingest: Bench = {
  name: 'ingest',
  title:
    'HTTP ingest of 500-event batches (validated, deduplicated, enriched, durable) : plain insert of the same rows',
  run: ({ rounds, log }) =>
    withScratchDatabase(async (database) => {
      const secret = randomBytes(32)
      const config = loadConfig({ NODE_ENV: 'test', LOG_LEVEL: 'silent' })
      const app = await buildApp({
        config,
        database,
        keys: verificationKeys(config, secret),
        cache: memoryCache(),
        objects: await openObjectStore(config, { masterKey: secret, origin: 'http://127.0.0.1' }),
      })
      await app.register(analytics, { masterKey: randomBytes(32) })
      const url = await app.listen({ port: 0, host: '127.0.0.1' })
      const tenant = await createTenant(database.pool, { slug: 'bench', timezone: 'Europe/Berlin', currency: 'EUR' })
      await plainTable(database)
      const token = await signToken({ sub: 'bench', tenantId: tenant.id, role: 'service', ttl: '1h' }, { secret })
      const post = async (events: unknown): Promise<void> => {
        const response = await fetch(`${url}/api/analytics/events`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ events }),
        })
        if (!response.ok) throw new Error(`ingest answered ${response.status}`)
        await response.arrayBuffer()
      }
      const first: number[] = []
      const again: number[] = []
      const rates: number[] = []
      for (let round = 0; round <= rounds; round++) {
        const batches = Array.from({ length: BATCHES }, () => batch(Date.now()))
        const http = await timed(async () => {
          for (const events of batches) await post(events)
        })
        const plain = await timed(async () => {
          for (const events of batches) await plainInsert(database, tenant, events)
        })
        const repeated = await timed(async () => {
          for (const events of batches) await post(events)
        })
        log(
          `round ${round}: http ${http.toFixed(0)} ms, plain ${plain.toFixed(0)} ms, re-sent ${repeated.toFixed(0)} ms`,
        )
        // the first round warms both sides up
        if (round === 0) continue
        first.push(plain / http)
        again.push(http / repeated)
        rates.push((BATCH * BATCHES * 1000) / http)
      }
      await app.close()
      const rate = spread('', rates).median
      return {
        ratios: [spread('ingest : plain insert', first), spread('re-send : first send', again)],
        notes: [
          `${database.kind} engine, ${rounds} rounds of ${BATCH * BATCHES} events, about ${rate.toFixed(0)} events/s over HTTP`,
        ],
      }
    }),
}
