import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { signToken } from '../api/security/tokens.ts'
import { createTenant, type Tenant } from '../db/tenant.ts'
import { bodies, newEvents } from './events.ts'
import { each, load, request } from './http-load.ts'
import { withPlatform } from './platform.ts'
import { type Bench, quantile, spread } from './rounds.ts'

const BATCH = 100
const MAX_WAIT_SECONDS = 2
/** Few enough that none is ever refused: a tenant may always have four requests in flight. */
const CALM_CONNECTIONS = 4
const FLOOD_CONNECTIONS = 384
const GENTLE_CONNECTIONS = 2

/** More than can be done, from one tenant, beside another that sends little. */
export const overload: Bench = {
  name: 'overload',
  title: `a flood from one tenant, of requests of ${BATCH} events: what is refused, how long the accepted take, and what another tenant notices`,
  run: ({ rounds, size, log }) => {
    const secret = randomBytes(32).toString('hex')
    const env = { JWT_SECRET: secret, INGEST_MAX_WAIT_SECONDS: String(MAX_WAIT_SECONDS) }
    return withPlatform({ workers: true, env }, async ({ url, pool, kind }) => {
      const seconds = size(8, 60)
      const tenants = [await createTenant(pool, own('flood')), await createTenant(pool, own('gentle'))] as const
      const token = async ({ id }: Tenant): Promise<string> =>
        `Bearer ${await signToken({ sub: 'bench', tenantId: id, role: 'service', ttl: '24h' }, { secret: Buffer.from(secret) })}`
      const [flood, gentle] = await Promise.all(tenants.map(token))
      let sent = 0
      /** New events without an end, until the time is over. */
      const until = (ms: number, authorization = '', perBody = BATCH) => {
        let deadline: number | undefined
        const make = stamped(request(url, 'POST', authorization, bodyOf(perBody), '/api/analytics/events'))
        return () => {
          deadline ??= performance.now() + ms
          if (performance.now() > deadline) return undefined
          sent += 1
          return make()
        }
      }
      const send = async (connections: number, authorization: string | undefined, ms: number, perBody = BATCH) => {
        const accepted: number[] = []
        let refused = 0
        const result = await load({
          url,
          connections,
          opening: request(url, 'GET', '', undefined, '/health/live'),
          next: until(ms, authorization, perBody),
          onOther: (status) => {
            if (status !== 429 && status !== 503) throw new Error(`the API answered ${status}`)
            refused += 1
          },
        })
        for (const [i, status] of result.order.entries()) if (status === 200) accepted.push(result.latencies[i] ?? 0)
        return { accepted, refused, perSecond: (accepted.length * 1000) / result.ms, ms: result.ms }
      }
      const figures: Record<'offered' | 'goodput' | 'p99' | 'others' | 'gentle' | 'recovery', number[]> = {
        offered: [],
        goodput: [],
        p99: [],
        others: [],
        gentle: [],
        recovery: [],
      }
      let events = 0
      for (let round = 0; round <= rounds; round += 1) {
        const calm = await send(CALM_CONNECTIONS, flood, seconds * 500)
        const alone = await send(GENTLE_CONNECTIONS, gentle, seconds * 250, 5)
        const [flooded, beside] = await Promise.all([
          send(FLOOD_CONNECTIONS, flood, seconds * 1000),
          wait(200).then(() => send(GENTLE_CONNECTIONS, gentle, seconds * 1000, 5)),
        ])
        const began = performance.now()
        const again = await load({
          url,
          connections: 1,
          next: each([request(url, 'POST', flood ?? '', bodyOf(BATCH), '/api/analytics/events')]),
        })
        events += (calm.accepted.length + flooded.accepted.length + again.latencies.length) * BATCH
        events += (alone.accepted.length + beside.accepted.length) * 5
        if (round === 0) continue
        figures.offered.push((flooded.accepted.length + flooded.refused) / (flooded.ms / 1000) / calm.perSecond)
        figures.goodput.push(flooded.perSecond / calm.perSecond)
        figures.p99.push(quantile(flooded.accepted, 0.99) / 1000)
        figures.others.push(beside.accepted.length / (beside.accepted.length + beside.refused))
        figures.gentle.push(quantile(beside.accepted, 0.99) / quantile(alone.accepted, 0.99))
        figures.recovery.push((performance.now() - began) / 1000)
        log(
          `round ${round}: calm ${calm.perSecond.toFixed(0)}/s; flood ${flooded.accepted.length} accepted, ${flooded.refused} refused, p99 ${quantile(flooded.accepted, 0.99).toFixed(0)} ms; other tenant ${beside.accepted.length} accepted, ${beside.refused} refused, p99 ${quantile(beside.accepted, 0.99).toFixed(0)} ms`,
        )
      }
      const { rows } = await pool.query<{ stored: number; identities: number }>(
        `select count(*)::integer as stored, count(distinct (tenant_id, event_id))::integer as identities
         from analytics.events where tenant_id = any($1)`,
        [tenants.map(({ id }) => id)],
      )
      const { stored = 0, identities = 0 } = rows[0] ?? {}
      if (stored !== events || identities !== events)
        throw new Error(`${events} events were acknowledged, ${stored} are stored (${identities} identities)`)
      return {
        ratios: [
          spread('offered : what four connections get done', figures.offered),
          spread('done under the flood : done without', figures.goodput),
          spread('p99 of accepted requests', figures.p99, undefined, 's'),
          spread('another tenant’s requests that were accepted', figures.others),
          spread('another tenant’s p99 under the flood : alone', figures.gentle),
          spread('first request after the flood', figures.recovery, undefined, 's'),
        ],
        notes: [
          `${kind} engine, workers running, INGEST_MAX_WAIT_SECONDS=${MAX_WAIT_SECONDS}; ${FLOOD_CONNECTIONS} connections that come back at once when refused, client on the same machine`,
          `${sent} requests in all; all ${events} acknowledged events are stored, each once`,
        ],
      }
    })
  },
}

const own = (slug: string) => ({ slug, timezone: 'UTC', currency: 'USD' })

function bodyOf(count: number): string {
  const [body = ''] = bodies(newEvents(count), count)
  return body
}

let stamps = 0

/**
 * Copies of a request whose events have ids never used before. Made anew, the events would keep the client busy for longer
 * than the answers take, and that is what would be measured.
 */
function stamped(template: Buffer): () => Buffer {
  const marker = '"event_id":"'
  const places: number[] = []
  for (let at = template.indexOf(marker); at >= 0; at = template.indexOf(marker, at + 1))
    places.push(at + marker.length)
  const run = randomBytes(4).toString('hex')
  return () => {
    const copy = Buffer.from(template)
    for (const at of places) {
      stamps += 1
      // as long as the UUID that stands there
      copy.write(`${run}-${stamps.toString(16).padStart(27, '0')}`, at)
    }
    return copy
  }
}
