import { type QueueName, type Queues, queueNames } from './queues.ts'

const LOOK_MS = 5_000

/** How long the end of a job may take to be recorded before nobody believes in it any more. */
const RECORDING_MS = 10_000

/**
 * What this process runs. A job whose work is over stays until its end is recorded, but not for ever: where that is
 * refused (a full disk) BullMQ leaves the job as it is, and nobody would take it up before its lock ends.
 */
export class RunningJobs {
  /** When the work ended, on the monotonic clock; undefined while it goes on. */
  readonly #ended = new Map<string, number | undefined>()

  begin(queue: QueueName, id: string | undefined): void {
    this.#ended.set(`${queue} ${id}`, undefined)
  }

  end(queue: QueueName, id: string | undefined): void {
    this.#ended.set(`${queue} ${id}`, performance.now())
  }

  recorded(queue: QueueName, id: string | undefined): void {
    this.#ended.delete(`${queue} ${id}`)
  }

  has(queue: QueueName, id: string): boolean {
    const key = `${queue} ${id}`
    if (!this.#ended.has(key)) return false
    const ended = this.#ended.get(key)
    return ended === undefined || performance.now() - ended < RECORDING_MS
  }
}

/**
 * Gives back jobs that are active though this process does not run them: the answer that handed one out was lost with its
 * connection, or with the process before this one. Only where this process is the only one; elsewhere a lock expires.
 * A job is given back when two looks in a row find it so, since it may be on its way to us, or its end on its way to the database.
 */
export function giveBackLostJobs(
  queues: Queues,
  isRunning: (queue: QueueName, id: string) => boolean,
  { everyMs = LOOK_MS, onError }: { everyMs?: number; onError: (error: Error) => void },
): { stop(): void } {
  let suspects = new Set<string>()
  let isLooking = false
  const look = async () => {
    const found = new Set<string>()
    for (const name of queueNames) {
      const queue = queues.get(name)
      for (const { id, attemptsStarted } of await queue.getActive()) {
        if (id === undefined || isRunning(name, id)) continue
        const claim = JSON.stringify([name, id, attemptsStarted])
        if (suspects.has(claim)) await queue.getBackend().moveJobFromActiveToWait(id)
        else found.add(claim)
      }
    }
    suspects = found
  }
  const timer = setInterval(() => {
    if (isLooking) return
    isLooking = true
    look()
      .catch(onError)
      .finally(() => {
        isLooking = false
      })
  }, everyMs)
  return { stop: () => clearInterval(timer) }
}

/** At the start of the only process, before any worker: whatever is active has lost its process. */
export async function giveBackAll(queues: Queues): Promise<void> {
  for (const name of queueNames) {
    const queue = queues.get(name)
    for (const { id } of await queue.getActive()) {
      if (id !== undefined) await queue.getBackend().moveJobFromActiveToWait(id)
    }
  }
}
