import { setTimeout as wait } from 'node:timers/promises'
import { bodies, newEvents } from './events.ts'
import { each, load, request } from './http-load.ts'
import { peaks } from './memory.ts'
import { type Platform, withPlatform } from './platform.ts'
import { type Bench, spread } from './rounds.ts'

const BATCH = 500
const CONNECTIONS = 8

const POLL_MS = 50

/** Resolves once a fold has taken what was waiting: until then the workers are starting, which is not their work. */
async function foldsBegin({ pool }: Platform): Promise<void> {
  const marks = async () =>
    (await pool.query<{ count: number }>('select count(*)::integer as count from analytics.dirty_members')).rows[0]
      ?.count
  const waiting = (await marks()) ?? 0
  while (waiting > 0 && ((await marks()) ?? 0) >= waiting) await wait(POLL_MS)
}

/** Goal 8. */
export const background: Bench = {
  name: 'background',
  title: 'HTTP ingest while the workers fold, refresh and run policies : without workers',
  run: ({ rounds, size, log }) =>
    withPlatform({}, async (platform) => {
      const count = size(100_000, 1_000_000)
      const post = async () => {
        const next = each(
          bodies(newEvents(count), BATCH).map((body) =>
            request(platform.url, 'POST', platform.sender, body, '/api/analytics/events'),
          ),
        )
        return (await load({ url: platform.url, connections: CONNECTIONS, next })).ms
      }
      const ratios: number[] = []
      let memory = {}
      for (let round = 0; round <= rounds; round += 1) {
        await platform.setWorkers(false)
        const alone = await post()
        await platform.setWorkers(true)
        await foldsBegin(platform)
        const beside = await post()
        memory = { ...memory, ...peaks(await platform.memory()) }
        log(`round ${round}: alone ${alone.toFixed(0)} ms, with workers ${beside.toFixed(0)} ms`)
        if (round > 0) ratios.push(alone / beside)
      }
      return {
        ratios: [spread('ingest with workers : without', ratios, { goal: 8, atLeast: 0.7 })],
        memory,
        notes: [
          `${platform.kind} engine, ${rounds} rounds of ${count} events of 2,000 members each; the aggregates are there on both sides`,
        ],
      }
    }),
}
