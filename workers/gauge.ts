export interface Gauge {
  readonly name: string
  readonly help: string
  readonly labels?: readonly string[]
  collect(): Promise<readonly { readonly value: number; readonly labels?: Readonly<Record<string, string>> }[]>
}

/** Gauges read within this time belong to one scrape. */
const SCRAPE_MS = 1000

/** One read for all gauges of a scrape. */
export function sharedRead<T>(read: () => Promise<T>): () => Promise<T> {
  let last: { readonly at: number; readonly value: Promise<T> } | undefined
  return () => {
    if (!last || performance.now() - last.at > SCRAPE_MS) last = { at: performance.now(), value: read() }
    return last.value
  }
}
