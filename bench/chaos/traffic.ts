import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import type { RawEvent } from '../../sources/envelope.ts'
import type { Random } from '../../sources/simulator/random.ts'

/** Clients that send at the same time. */
const LANES = 4
const ANSWER_TIMEOUT_MS = 15_000
const PAUSE_MS = 300
const DEADLINE_MS = 180_000

const answerSchema = z.object({ accepted: z.int(), duplicates: z.int(), rejected: z.literal(0) })

export interface Sent {
  /** Events of batches that were answered with 200: each must be stored exactly once. */
  readonly acknowledged: ReadonlySet<string>
  /** Batches that their client gave up after a failure: each is stored as a whole or not at all. */
  readonly abandoned: readonly (readonly string[])[]
  /** Answers that asked to come back later, and connections that were lost. */
  readonly failures: number
}

export interface TrafficOptions {
  readonly url: string
  readonly token: string
  readonly batches: readonly (readonly RawEvent[])[]
  readonly random: Random
  /** Begins when so many batches have been taken from the queue, and is over before the traffic is. */
  readonly midway: { readonly after: number; begin(): Promise<void> }
}

/**
 * Sends all batches through several lanes, again and again until each is acknowledged, as a client with a queue of its
 * own does; a few clients lose patience after a failure. Throws when the API refuses what is valid, or never recovers.
 */
export async function sendAll({ url, token, batches, random, midway }: TrafficOptions): Promise<Sent> {
  const waiting = batches.map((events) => ({ events, patient: !random.chance(0.1) }))
  const acknowledged = new Set<string>()
  const abandoned: string[][] = []
  let failures = 0
  let taken = 0
  const begun: Promise<void>[] = []
  const deadline = Date.now() + DEADLINE_MS

  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      if (taken++ === midway.after) begun.push(midway.begin())
      const ids = next.events.map(({ event_id }) => event_id)
      for (;;) {
        if (await sendOnce(url, token, next.events)) {
          for (const id of ids) acknowledged.add(id)
          break
        }
        failures += 1
        if (!next.patient) {
          abandoned.push(ids)
          break
        }
        if (Date.now() > deadline) throw new Error('the API did not recover: a batch was never acknowledged')
        await wait(PAUSE_MS)
      }
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  await Promise.all(begun)
  return { acknowledged, abandoned, failures }
}

/** true: acknowledged. false: nobody knows, or not now. */
async function sendOnce(url: string, token: string, events: readonly RawEvent[]): Promise<boolean> {
  let response: Response
  let text: string
  try {
    response = await fetch(`${url}/api/analytics/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ events }),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    })
    text = await response.text()
  } catch {
    return false
  }
  if (response.status === 429 || response.status >= 500) return false
  if (response.status !== 200) throw new Error(`the API refused a valid batch: ${response.status} ${text}`)
  answerSchema.parse(JSON.parse(text))
  return true
}
