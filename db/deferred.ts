/** Runs `work` once, `afterMs` after it was first asked for; never twice at a time. `work` must not reject. */
export function deferred(afterMs: number, work: () => Promise<void>) {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()

  async function run(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    await work()
  }
  const now = (): Promise<void> => {
    running = running.then(run)
    return running
  }
  return {
    schedule(): void {
      timer ??= setTimeout(() => void now(), afterMs).unref()
    },
    /** At once, after what runs already. */
    now,
    /** At once, and nothing any more that was scheduled. */
    async close(): Promise<void> {
      await now()
      clearTimeout(timer)
    },
  }
}
