import { setTimeout as wait } from 'node:timers/promises'

/** Waits, but not longer than until the signal is aborted. Never rejects. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal, ref: false }).catch(() => undefined)
}
