import { type BackendOutput, readBackendOutput, type TransactionStatus } from './backend-messages.ts'
import type { ClientConnection, ConnectionEvents } from './client-connection.ts'
import { closeStatement, query, sync } from './frontend-messages.ts'
import { handOverSql, quoteIdentifier } from './hand-over.ts'
import type { SessionEffect } from './shared-session-sql.ts'
import type { Unit } from './unit-builder.ts'

/** Runs raw protocol messages and returns the raw answer; throws only when the engine itself is broken. */
export type Execute = (messages: Buffer) => Promise<Uint8Array>

export interface SharedSessionOptions {
  readonly execute: Execute
  /** A connection may hold the session inside a transaction without sending anything for this long, in milliseconds. */
  readonly idleInTransactionMs: number
  /** The engine failed in a way it cannot go on from. */
  readonly onBroken: (error: unknown) => void
}

/**
 * Shares the engine's one PostgreSQL session among connections: one unit at a time, in turn; while a transaction is open,
 * only its connection gets a turn. Between connections the session is handed over (see hand-over.ts).
 */
export class SharedSession implements ConnectionEvents {
  readonly #options: SharedSessionOptions
  readonly #connections = new Set<ClientConnection>()
  /** Connections with units to run, the longest waiting first. */
  readonly #waiting = new Set<ClientConnection>()
  /** Whose settings the session has now; null forces a hand-over. */
  #current: ClientConnection | null = null
  /** Whose transaction (or unfinished extended exchange) is open. */
  #owner: ClientConnection | null = null
  #status: TransactionStatus | null = 'I'
  /** Effects of the open transaction. */
  #uncommitted: SessionEffect[] = []
  /** A client's UNLISTEN may have taken a channel away from another. */
  #listenAgain = false
  readonly #closeStatementsOf = new Set<ClientConnection>()
  /** Closed connections that have to be cleaned up after. */
  readonly #gone = new Set<ClientConnection>()
  #running = false
  #stopped = false
  #idleTimer: NodeJS.Timeout | undefined

  constructor(options: SharedSessionOptions) {
    this.#options = options
  }

  add(connection: ClientConnection): void {
    this.#connections.add(connection)
  }

  runnable(connection: ClientConnection): void {
    if (connection.units.length > 0) this.#waiting.add(connection)
    this.#wake()
  }

  closed(connection: ClientConnection): void {
    this.#connections.delete(connection)
    this.#waiting.delete(connection)
    connection.units.length = 0
    this.#gone.add(connection)
    this.#wake()
  }

  /** Lets the running unit finish and starts no other; resolves when the engine is at rest. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#idleTimer)
    while (this.#running) await new Promise((resolve) => setImmediate(resolve))
  }

  #wake(): void {
    if (this.#running || this.#stopped) return
    this.#running = true
    setImmediate(() => void this.#turn())
  }

  /** One unit of work, then back to the event loop, so that sockets are served between any two units. */
  async #turn(): Promise<void> {
    let more = false
    try {
      more = await this.#step()
    } catch (error) {
      this.#stopped = true
      this.#options.onBroken(error)
    } finally {
      this.#running = false
    }
    if (more) this.#wake()
  }

  async #step(): Promise<boolean> {
    const gone = this.#nextGone()
    if (gone) {
      this.#gone.delete(gone)
      await this.#cleanUpAfter(gone)
      return true
    }
    const connection = this.#next()
    if (!connection) return false
    const unit = connection.takeUnit()
    if (unit) await this.#run(connection, unit)
    if (connection.units.length > 0 && connection.open) this.#waiting.add(connection)
    return true
  }

  /** While a transaction is open, only its own connection can be cleaned up after: the rest would join the transaction. */
  #nextGone(): ClientConnection | null {
    if (this.#owner) return this.#gone.has(this.#owner) ? this.#owner : null
    for (const connection of this.#gone) return connection
    return null
  }

  #next(): ClientConnection | null {
    const able = (c: ClientConnection) => c.units.length > 0 && !c.congested
    if (this.#owner) {
      if (!this.#waiting.has(this.#owner) || !able(this.#owner)) return null
      this.#waiting.delete(this.#owner)
      return this.#owner
    }
    for (const connection of this.#waiting) {
      if (!able(connection)) continue
      this.#waiting.delete(connection)
      return connection
    }
    return null
  }

  async #run(connection: ClientConnection, unit: Unit): Promise<void> {
    if (unit.kind === 'terminate') {
      connection.end()
      return
    }
    clearTimeout(this.#idleTimer)
    if (this.#current !== connection && !(await this.#handOver(connection))) return
    if (unit.needsUnnamed && !this.#owner) await this.#execute(Buffer.concat([unit.needsUnnamed, sync]))
    const outputs: BackendOutput[] = []
    for (const run of unit.runs) outputs.push(await this.#execute(run))
    for (const output of outputs) connection.send(output.reply)
    const last = outputs.at(-1)
    if (last && unit.kind !== 'flush' && last.status === null) throw new Error('the engine gave no ReadyForQuery')
    this.#settle(connection, unit, outputs)
    await this.#listenForOthers()
  }

  async #handOver(connection: ClientConnection): Promise<boolean> {
    this.#current = null
    const { error } = await this.#execute(query(handOverSql(connection)))
    if (error !== null) {
      connection.fail('22023', `the settings of this connection were refused: ${error}`)
      return false
    }
    this.#current = connection
    return true
  }

  async #execute(messages: Buffer): Promise<BackendOutput> {
    const output = readBackendOutput(await this.#options.execute(messages))
    for (const { channel, bytes } of output.notifications)
      for (const connection of this.#connections) if (connection.listens.has(channel)) connection.notify(bytes)
    return output
  }

  /** Decides who owns the session now and whether the unit's effects hold. */
  #settle(connection: ClientConnection, unit: Unit, outputs: readonly BackendOutput[]): void {
    const failed = outputs.some((o) => o.error !== null)
    this.#status = outputs.at(-1)?.status ?? null
    if (!failed) this.#uncommitted.push(...unit.effects)
    if (this.#status !== 'I') {
      this.#owner = connection
      this.#idleTimer = setTimeout(() => this.#endIdle(connection), this.#options.idleInTransactionMs)
      return
    }
    this.#owner = null
    const rolledBack = failed || outputs.at(-1)?.tags.includes('ROLLBACK')
    if (!rolledBack) for (const effect of this.#uncommitted) this.#apply(connection, effect)
    this.#uncommitted = []
  }

  #endIdle(connection: ClientConnection): void {
    if (this.#owner !== connection) return
    const seconds = this.#options.idleInTransactionMs / 1000
    connection.fail(
      '25P03',
      `terminated: it held the only session of the embedded engine idle in a transaction for ${seconds} s`,
    )
  }

  #apply(connection: ClientConnection, effect: SessionEffect): void {
    switch (effect.kind) {
      case 'listen':
        connection.listens.add(effect.channel)
        return
      case 'unlisten':
        connection.listens.delete(effect.channel)
        this.#listenAgain = true
        return
      case 'unlisten-all':
        connection.listens.clear()
        this.#listenAgain = true
        return
      case 'set':
        // The latest SET comes last, whatever was set before.
        connection.settings.delete(effect.name)
        connection.settings.set(effect.name, effect.sql)
        return
      case 'reset':
        connection.settings.delete(effect.name)
        this.#current = null
        return
      case 'reset-all':
        connection.settings.clear()
        this.#current = null
        return
      case 'close-statements':
        this.#closeStatementsOf.add(connection)
        return
      default:
        effect satisfies never
    }
  }

  /** After an UNLISTEN the session listens again to what other connections still want. */
  async #listenForOthers(): Promise<void> {
    if (this.#owner) return
    for (const connection of this.#closeStatementsOf) await this.#closeStatements(connection)
    this.#closeStatementsOf.clear()
    if (!this.#listenAgain) return
    this.#listenAgain = false
    const wanted = new Set([...this.#connections].flatMap((c) => [...c.listens]))
    const statements = ['UNLISTEN *', ...[...wanted].map((channel) => `LISTEN ${quoteIdentifier(channel)}`)]
    await this.#execute(query(statements.join('; ')))
  }

  /** Rolls back what a connection left open and frees what it prepared and listened to. */
  async #cleanUpAfter(connection: ClientConnection): Promise<void> {
    if (this.#owner === connection) {
      clearTimeout(this.#idleTimer)
      if (this.#status === null) await this.#execute(sync)
      await this.#execute(query('ROLLBACK'))
      this.#owner = null
      this.#status = 'I'
      this.#uncommitted = []
    }
    if (this.#current === connection) this.#current = null
    await this.#closeStatements(connection)
    if (connection.listens.size > 0) this.#listenAgain = true
    await this.#listenForOthers()
  }

  async #closeStatements(connection: ClientConnection): Promise<void> {
    const names = connection.names.all()
    if (names.length > 0) await this.#execute(Buffer.concat([...names.map(closeStatement), sync]))
  }
}
