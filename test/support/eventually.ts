import { setTimeout as wait } from 'node:timers/promises'

/** Repeats `check` until it passes; after `timeoutMs` its last failure is thrown. */
export async function eventually<T>(check: () => Promise<T>, timeoutMs = 20_000): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (Date.now() > deadline) throw error
      await wait(50)
    }
  }
}
