import type { Delivery } from '../../sources/simulator/deliveries.ts'
import { deliveryBody } from '../../sources/simulator/deliveries.ts'
import { progress } from '../progress.ts'
import { sendEvents, type Target } from '../send-events.ts'

/** Requests under way at a time: one is stored while the next is parsed. */
const IN_FLIGHT = 2

export interface LoadTotals {
  readonly sent: number
  readonly accepted: number
  readonly duplicates: number
  readonly rejected: number
}

/** Sends deliveries as their senders would: in order of arrival, with repeats, late sessions and wrong clocks. */
export async function loadDeliveries(target: Target, deliveries: readonly Delivery[]): Promise<LoadTotals> {
  const total = deliveries.reduce((sum, { events }) => sum + events.length, 0)
  const totals = { sent: 0, accepted: 0, duplicates: 0, rejected: 0 }
  const shown = progress('events sent')
  const queue = deliveries.values()
  const sender = async () => {
    for (const delivery of queue) {
      const answer = await sendEvents(target, JSON.stringify(deliveryBody(delivery, Date.now())))
      totals.sent += delivery.events.length
      totals.accepted += answer.accepted
      totals.duplicates += answer.duplicates
      totals.rejected += answer.rejected
      shown.update(totals.sent, total)
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, sender))
  shown.finish()
  return totals
}
