/**
 * Named prepared statements of one connection. All connections share one PostgreSQL session and therefore one name space, so
 * every name a client chooses is replaced by one of ours: two clients may both prepare `q1`.
 * Portals need no such care: they end with their transaction, and a transaction never shares the session.
 */
export class StatementNames {
  readonly #prefix: string
  readonly #names = new Map<string, string>()
  #created = 0

  constructor(connectionId: number) {
    this.#prefix = `c${connectionId}_`
  }

  /** Our name for the client's; the unnamed statement keeps its empty name. */
  translate(clientName: string): string {
    if (clientName === '') return ''
    let name = this.#names.get(clientName)
    if (!name) {
      name = `${this.#prefix}${++this.#created}`
      this.#names.set(clientName, name)
    }
    return name
  }

  /** Every name handed out and not forgotten, whether or not a statement exists under it. */
  all(): string[] {
    return [...this.#names.values()]
  }

  /** The client closed it; the next use of the name is another statement. */
  forget(clientName: string): void {
    this.#names.delete(clientName)
  }
}
