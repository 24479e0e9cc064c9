import type { Socket } from 'node:net'
import {
  authenticationOk,
  backendKeyData,
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
  readonly #events: ConnectionEvents
  readonly #parameters: ReadonlyMap<string, string>
  #started = false
  #waitingBytes = 0

  constructor(id: number, socket: Socket, parameters: ReadonlyMap<string, string>, events: ConnectionEvents) {
    this.id = id
    this.names = new StatementNames(id)
    this.#builder = new UnitBuilder(this.names)
    this.#socket = socket
    this.#parameters = parameters
    this.#events = events
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

  end(): void {
    this.#socket.end()
  }

  /** Ends the connection with an error the client can show. */
  fail(code: string, message: string): void {
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
      while (this.open && !this.#started) {
        const packet = this.#reader.nextStartup()
        if (!packet) return
        this.#start(readStartup(packet))
      }
      for (let bytes = this.#reader.nextMessage(); bytes; bytes = this.#reader.nextMessage()) this.#accept(bytes)
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
    this.#events.runnable(this)
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
        this.open = false
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
      this.open = false
      this.fail('3D000', `database "${packet.database}" does not exist: the embedded engine has one, named postgres`)
      return
    }
    this.#started = true
    this.user = packet.user
    this.startup = packet.settings
    const hello = [authenticationOk]
    if (packet.minor > 0 || packet.protocolOptions.length > 0)
      hello.unshift(negotiateProtocolVersion(packet.protocolOptions))
    for (const [name, value] of this.#parameters) {
      const given = [...packet.settings].find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1]
      hello.push(parameterStatus(name, given ?? value))
    }
    hello.push(backendKeyData(this.id), readyForQuery('I'))
    this.send(Buffer.concat(hello))
  }
}
