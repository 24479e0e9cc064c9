/** How much may be waiting, and for how long. */
export interface AdmissionOptions {
  /** What is admitted is expected to be done within this time; a single tenant may fill half of it. */
  readonly maxWaitSeconds: number
  /** In-flight bytes of all tenants together: bounds memory, however fast the database is. */
  readonly maxBytes: number
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
}

export type Verdict = 'admitted' | 'overloaded' | 'tenant_busy'

/** Requests that a tenant may always have in flight: nobody is shut out by others, and recovery is noticed. */
const ALWAYS_PER_TENANT = 4
/** The rate is measured over at least this time. */
const WINDOW_MS = 250
/** Weight of the newest window in the moving average. */
const NEWEST = 0.3
/** Bytes per second, before anything was measured. */
const FIRST_GUESS = 4_000_000
/** Even an empty request costs a statement. */
const LEAST_BYTES = 512

/**
 * Decides which requests are let in, so that what is let in is answered soon. It measures how many bytes per second are
 * done while any are in flight, and refuses what would wait for longer than the bound. When nothing gets done (the
 * database stalls) the measured rate falls, and only the few requests that are always let in are waiting.
 */
export class Admission {
  readonly #options: Required<AdmissionOptions>
  readonly #tenants = new Map<string, { bytes: number; requests: number }>()
  #bytes = 0
  #rate = FIRST_GUESS
  #windowBegan = 0
  #doneInWindow = 0

  constructor(options: AdmissionOptions) {
    this.#options = { now: () => performance.now(), ...options }
  }

  /** `bytes`: the size of the body. What is admitted must `leave` with the same size. */
  enter(tenant: string, bytes: number): Verdict {
    const weight = Math.max(bytes, LEAST_BYTES)
    const own = this.#tenants.get(tenant) ?? { bytes: 0, requests: 0 }
    if (own.requests >= ALWAYS_PER_TENANT || this.#bytes + weight > this.#options.maxBytes) {
      const perSecond = this.#currentRate()
      const { maxWaitSeconds, maxBytes } = this.#options
      if (own.bytes + weight > Math.min((perSecond * maxWaitSeconds) / 2, maxBytes / 2)) return 'tenant_busy'
      if (this.#bytes + weight > Math.min(perSecond * maxWaitSeconds, maxBytes)) return 'overloaded'
    }
    if (this.#bytes === 0) this.#beginWindow()
    this.#bytes += weight
    this.#tenants.set(tenant, { bytes: own.bytes + weight, requests: own.requests + 1 })
    return 'admitted'
  }

  /** The request has been dealt with, successfully or not. */
  leave(tenant: string, bytes: number): void {
    const weight = Math.max(bytes, LEAST_BYTES)
    const own = this.#tenants.get(tenant)
    if (!own) return
    this.#bytes -= weight
    if (own.requests === 1) this.#tenants.delete(tenant)
    else this.#tenants.set(tenant, { bytes: own.bytes - weight, requests: own.requests - 1 })
    this.#doneInWindow += weight
    const elapsed = this.#options.now() - this.#windowBegan
    if (elapsed < WINDOW_MS) return
    this.#rate += NEWEST * ((this.#doneInWindow * 1000) / elapsed - this.#rate)
    this.#beginWindow()
  }

  /** Bytes per second. A window that has been open for long tells of a stall before it ends. */
  #currentRate(): number {
    const elapsed = this.#options.now() - this.#windowBegan
    return elapsed < 4 * WINDOW_MS ? this.#rate : Math.min(this.#rate, (this.#doneInWindow * 1000) / elapsed)
  }

  #beginWindow(): void {
    this.#windowBegan = this.#options.now()
    this.#doneInWindow = 0
  }
}
