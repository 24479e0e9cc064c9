/** What the engine's child process is started with, as one JSON argument. */
export interface ChildOptions {
  readonly dataDir: string
  readonly socketDirectory: string
  readonly tcpPort?: number
  readonly idleInTransactionMs: number
  readonly hardLimitMs: number
  readonly durable: boolean
}

export type ToChild = { readonly kind: 'stop' }

export type FromChild =
  | { readonly kind: 'ready' }
  /** The child is about to exit because of this; `heldBy`: the process that has the data directory open. */
  | { readonly kind: 'failed'; readonly message: string; readonly heldBy?: number }

export type LogLevel = 'info' | 'warn' | 'error'
