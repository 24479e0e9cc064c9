import {
  extendedQuery,
  query,
  readBindStatement,
  readParse,
  readTarget,
  withBindStatement,
  withParse,
  withTarget,
} from './frontend-messages.ts'
import { isNestedTooDeeply } from './nesting.ts'
import { adaptSql, REFUSE_NESTING, type SessionEffect } from './shared-session-sql.ts'
import type { StatementNames } from './statement-names.ts'

const CLOSE = 0x43

/** The smallest piece of work the engine is handed: what must not be mixed with another connection's messages. */
export interface Unit {
  /** `flush`: extended messages without Sync; the session stays with the connection. `terminate`: the client says goodbye. */
  readonly kind: 'query' | 'sync' | 'flush' | 'terminate'
  /** Messages to run one after the other; a Query never shares a run with extended messages. */
  readonly runs: readonly Buffer[]
  readonly bytes: number
  readonly effects: readonly SessionEffect[]
  /** It binds the unnamed statement of an earlier unit, which another connection may have overwritten since. */
  readonly needsUnnamed: Buffer | null
}

/** Collects the messages of one connection into units: a simple Query, or extended messages up to Sync or Flush. */
export class UnitBuilder {
  readonly #names: StatementNames
  #messages: Buffer[] = []
  #effects: SessionEffect[] = []
  /** The last Parse of the unnamed statement in an earlier unit. */
  #unnamed: Buffer | null = null
  #parsedUnnamed: Buffer | null = null
  #needsUnnamed = false

  constructor(names: StatementNames) {
    this.#names = names
  }

  /** A finished unit, null while more messages must follow, or 'unknown' for a message type that has no place here. */
  add(message: Buffer): Unit | null | 'unknown' {
    const type = String.fromCharCode(message[0] ?? 0)
    switch (type) {
      case 'Q':
        return this.#query(message)
      case 'P':
        this.#messages.push(this.#parse(message))
        return null
      case 'B':
        this.#messages.push(this.#bind(message))
        return null
      case 'D':
      case 'C':
        this.#messages.push(this.#target(message))
        return null
      case 'E':
        this.#messages.push(message)
        return null
      case 'S':
        this.#messages.push(message)
        return this.#finish('sync')
      case 'H':
        this.#messages.push(message)
        return this.#finish('flush')
      case 'X':
        return this.#finish('terminate')
      case 'd':
      case 'c':
      case 'f':
        // Rest of a COPY that was refused: ignored, as the protocol asks.
        return null
      default:
        return 'unknown'
    }
  }

  #query(message: Buffer): Unit {
    const pending = this.#messages
    const sql = message.toString('utf8', 5, message.length - 1)
    const adapted = adaptSql(sql, this.#names)
    this.#messages = [adapted && adapted.sql !== sql ? query(adapted.sql) : message]
    if (adapted) this.#effects.push(...adapted.effects)
    const unit = this.#finish('query')
    return pending.length === 0 ? unit : { ...unit, runs: [Buffer.concat(pending), ...unit.runs] }
  }

  #parse(message: Buffer): Buffer {
    const parse = readParse(message)
    const adapted = adaptSql(parse.sql, this.#names)
    if (adapted) this.#effects.push(...adapted.effects)
    const name = this.#names.translate(parse.name)
    const sql = adapted?.sql ?? parse.sql
    const rewritten = name === parse.name && sql === parse.sql ? message : withParse(message, { name, sql })
    if (name === '') this.#parsedUnnamed = rewritten
    return rewritten
  }

  #bind(message: Buffer): Buffer {
    if (isNestedTooDeeply(message)) {
      this.#parsedUnnamed = null
      this.#unnamed = null
      return extendedQuery(REFUSE_NESTING)
    }
    const name = readBindStatement(message)
    if (name !== '') return withBindStatement(message, this.#names.translate(name))
    this.#needsUnnamed ||= this.#parsedUnnamed === null
    return message
  }

  #target(message: Buffer): Buffer {
    const { kind, name } = readTarget(message)
    if (kind !== 'S') return message
    if (name !== '') {
      const rewritten = withTarget(message, this.#names.translate(name))
      if (message[0] === CLOSE) this.#names.forget(name)
      return rewritten
    }
    this.#needsUnnamed ||= this.#parsedUnnamed === null
    return message
  }

  #finish(kind: Unit['kind']): Unit {
    const runs = this.#messages.length === 0 ? [] : [Buffer.concat(this.#messages)]
    const unit: Unit = {
      kind,
      runs,
      bytes: runs[0]?.length ?? 0,
      effects: this.#effects,
      needsUnnamed: this.#needsUnnamed ? this.#unnamed : null,
    }
    this.#unnamed = this.#parsedUnnamed ?? this.#unnamed
    // A simple Query drops the unnamed statement.
    if (kind === 'query') this.#unnamed = null
    this.#messages = []
    this.#effects = []
    this.#parsedUnnamed = null
    this.#needsUnnamed = false
    return unit
  }
}
