import type { FastifyInstance } from 'fastify'

export type ListenOptions = {
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  /** Closed after the last answer is out: workers, database. */
  readonly onClosed?: (() => Promise<void>) | undefined
  /** After this long a shutdown is cut short and the process exits with 1. */
  readonly graceMs?: number | undefined
}

export type Listening = {
  readonly url: string
  /** Stops accepting, finishes what is in flight, closes. Every call returns the same promise. */
  stop(): Promise<void>
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** Starts listening and shuts down gracefully on SIGTERM and SIGINT; a second signal ends the process at once. */
export async function listen(app: FastifyInstance, options: ListenOptions): Promise<Listening> {
  const url = await app.listen({ host: options.host, port: options.port })
  let stopping: Promise<void> | undefined

  const close = async () => {
    for (const signal of SIGNALS) process.off(signal, onSignal)
    await app.close()
    await options.onClosed?.()
  }
  const stop = () => {
    stopping ??= close()
    return stopping
  }
  function onSignal(signal: NodeJS.Signals) {
    app.log.info({ signal }, 'shutting down')
    // `once` is not enough: with no listener left, the next signal kills the process, which is what we want.
    const timer = setTimeout(() => {
      app.log.error('the shutdown took too long; requests in flight were cut off')
      process.exit(1)
    }, options.graceMs ?? 25_000)
    timer.unref()
    stop().then(
      () => process.exit(0),
      (err: unknown) => {
        app.log.error({ err }, 'the shutdown failed')
        process.exit(1)
      },
    )
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return { url, stop }
}
