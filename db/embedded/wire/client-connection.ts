import { timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import {
  askCleartextPassword,
  authenticationOk,
  backendKeyData,
  cString,
  errorResponse,
  negotiateProtocolVersion,
  parameterStatus,
  readyForQuery,
} from './backend-messages.ts'
import { FrameReader, MAX_MESSAGE_BYTES, MessageTooLarge } from './frame-reader.ts'
import { readStartup, type StartupPacket } from './startup.ts'
import { StatementNames } from './statement-names.ts'
import { type Unit, UnitBuilder } from './unit-builder.ts'

/** Bytes of unread answers above which a client that only listens is dropped. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024
/** Whole units waiting for the engine above which no more is read from the socket. */
const MAX_WAITING_UNITS = 64
const MAX_WAITING_BYTES = 16 * 1024 * 1024
const PASSWORD = 0x70

export interface ConnectionOptions {
  readonly id: number
  readonly socket: Socket
  /** Settings reported at the start of the connection. */
  readonly parameters: ReadonlyMap<string, string>
  /** Asked for before anything else; null where the socket itself is guarded. */
  readonly password: string | null
  readonly events: ConnectionEvents
}

export interface ConnectionEvents {
  /** A unit was added to `units`, or the socket can be written to again. */
  runnable(connection: ClientConnection): void
  closed(connection: ClientConnection): void
}

/** One client: its socket, the start-up exchange, and the units it has sent that the engine has not run yet. */
export class ClientConnection {
  readonly id: number
  readonly names: StatementNames
  readonly units: Unit[] = []
  readonly listens = new Set<string>()
  /** Settings of the start-up packet. */
  startup: ReadonlyMap<string, string> = new Map()
  user = 'postgres'
  /** `SET` statements the client has committed, by setting, to be repeated when the session comes back. */
  readonly settings = new Map<string, string>()
  /** True while the client has not read what was sent; it then gets no turn. */
  congested = false
  open = true

  readonly #socket: Socket
  readonly #reader = new FrameReader()
  readonly #builder: UnitBuilder
  readonly #options: ConnectionOptions
  #phase: 'startup' | 'password' | 'ready' = 'startup'
  #hello = Buffer.alloc(0)
  #waitingBytes = 0

  constructor(options: ConnectionOptions) {
    const { id, socket, events } = options
    this.id = id
    this.names = new StatementNames(id)
    this.#builder = new UnitBuilder(this.names)
    this.#socket = socket
    this.#options = options
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('drain', () => {
      this.congested = false
      events.runnable(this)
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.open = false
      events.closed(this)
    })
  }

  /** Sends the answer to a unit; afterwards the connection may be congested. */
  send(bytes: Buffer): void {
    if (this.#socket.writable && bytes.length > 0) this.congested = !this.#socket.write(bytes)
  }

  /** Sends something the client did not ask for just now; a client that never reads is dropped. */
  notify(bytes: Buffer): void {
    this.send(bytes)
    if (this.#socket.writableLength > MAX_UNREAD_BYTES) this.#socket.destroy()
  }

  /** The next unit to run; reading goes on when the queue has become short. */
  takeUnit(): Unit | undefined {
    const unit = this.units.shift()
    if (unit) this.#waitingBytes -= unit.bytes
    if (!this.#isFull() && this.#socket.isPaused()) this.#socket.resume()
    return unit
  }

  /** Closes once everything sent has left. */
  end(): void {
    this.#socket.destroySoon()
  }

  /** Ends the connection with an error the client can show. */
  fail(code: string, message: string): void {
    this.open = false
    this.units.length = 0
    this.#socket.end(errorResponse('FATAL', { code, message }))
    this.#socket.destroySoon()
  }

  #isFull(): boolean {
    return this.units.length >= MAX_WAITING_UNITS || this.#waitingBytes > MAX_WAITING_BYTES
  }

  #receive(chunk: Buffer): void {
    this.#reader.push(chunk)
    try {
      while (this.open && this.#phase === 'startup') {
        const packet = this.#reader.nextStartup()
        if (!packet) return
        this.#start(readStartup(packet))
      }
      for (let bytes = this.#reader.nextMessage(); bytes && this.open; bytes = this.#reader.nextMessage())
        if (this.#phase === 'password') this.#checkPassword(bytes)
        else this.#accept(bytes)
    } catch (error) {
      if (!(error instanceof MessageTooLarge)) throw error
      this.fail('54000', `message longer than the ${MAX_MESSAGE_BYTES} bytes the embedded engine accepts`)
    }
    if (this.#isFull()) this.#socket.pause()
  }

  #accept(bytes: Buffer): void {
    const unit = this.#builder.add(bytes)
    if (unit === null) return
    if (unit === 'unknown') {
      this.fail('08P01', `unexpected message of type ${JSON.stringify(String.fromCharCode(bytes[0] ?? 0))}`)
      return
    }
    this.units.push(unit)
    this.#waitingBytes += unit.bytes
    this.#options.events.runnable(this)
  }

  #start(packet: StartupPacket): void {
    switch (packet.kind) {
      case 'encryption':
        this.#socket.write('N')
        return
      case 'cancel':
        // One session and no timers: nothing can be cancelled. Closing is the documented answer to any CancelRequest.
        this.open = false
        this.#socket.end()
        return
      case 'unsupported':
        this.fail('0A000', `unsupported frontend protocol ${packet.version}: the embedded engine speaks 3.0`)
        return
      case 'start':
        this.#welcome(packet)
        return
      default:
        packet satisfies never
    }
  }

  #welcome(packet: Extract<StartupPacket, { kind: 'start' }>): void {
    if (packet.database !== 'postgres') {
      this.fail('3D000', `database "${packet.database}" does not exist: the embedded engine has one, named postgres`)
      return
    }
    this.user = packet.user
    this.startup = packet.settings
    const hello = [authenticationOk]
    for (const [name, value] of this.#options.parameters) {
      const given = [...packet.settings].find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1]
      hello.push(parameterStatus(name, given ?? value))
    }
    hello.push(backendKeyData(this.id), readyForQuery('I'))
    this.#hello = Buffer.concat(hello)
    if (packet.minor > 0 || packet.protocolOptions.length > 0)
      this.send(negotiateProtocolVersion(packet.protocolOptions))
    if (this.#options.password === null) this.#admit()
    else {
      this.#phase = 'password'
      this.send(askCleartextPassword)
    }
  }

  #checkPassword(bytes: Buffer): void {
    const given = Buffer.from(bytes[0] === PASSWORD ? cString(bytes, 5) : '')
    const expected = Buffer.from(this.#options.password ?? '')
    if (given.length === expected.length && timingSafeEqual(given, expected)) this.#admit()
    else this.fail('28P01', 'password authentication failed: the password is in DATA_DIR/tcp-password')
  }

  #admit(): void {
    this.#phase = 'ready'
    this.send(this.#hello)
  }
}
