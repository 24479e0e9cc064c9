import { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { LogicalReplicationService, type Pgoutput, PgoutputPlugin } from 'pg-logical-replication'
import type { RowChange } from '../../sources/oltp/change.ts'
import type { Row } from '../../sources/oltp/values.ts'

/** A position in the other database's log: 64 bits. */
export type Lsn = bigint

export function parseLsn(text: string): Lsn {
  const [high = '0', low = '0'] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

export const formatLsn = (lsn: Lsn): string =>
  `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`

const BOOL = 16
/** Values as PostgreSQL writes them, the same from a table and from the log; only booleans become booleans. */
const parserOf = (oid: number) => (oid === BOOL ? (text: string) => text === 't' : (text: string) => text)
const types: pg.CustomTypesConfig = { getTypeParser: (oid: number) => parserOf(oid) as never }
/** What these texts look like must not depend on how the other database is set up. */
const textForms = '-c datestyle=ISO -c timezone=UTC -c bytea_output=hex -c extra_float_digits=1'
const CONNECT_MS = 20_000
const FAREWELL_MS = 2000
const configOf = (url: string): pg.ClientConfig => ({
  connectionString: url,
  application_name: 'upcoach-analytics',
  options: textForms,
  connectionTimeoutMillis: CONNECT_MS,
  keepAlive: true,
})

const identifier = /^[a-z_][a-z0-9_]{0,62}$/

export interface PublishedTable {
  readonly schema: string
  readonly table: string
}

/** The product's database, beside its log: slot, publication, tables. */
export interface OltpDatabase {
  /** Tables of the publication; throws, with the statement to run, when there is none. */
  published(publication: string): Promise<PublishedTable[]>
  /** Makes sure that the slot is there. `made`: it was not, or had been lost: the log from before is gone. */
  ensureSlot(slot: string): Promise<{ made: boolean }>
  /** Bytes of log that the slot still holds back; undefined when there is no slot. */
  slotBacklog(slot: string): Promise<number | undefined>
  /** All rows of the tables as they are at one moment, in portions. */
  snapshot(tables: readonly PublishedTable[], portion: number): AsyncGenerator<RowChange[]>
  close(): Promise<void>
}

export async function openOltp(url: string): Promise<OltpDatabase> {
  const client = new pg.Client({ ...configOf(url), types })
  // 'error' of a lost connection: the next query rejects.
  client.on('error', () => undefined)
  await client.connect()
  return {
    async published(publication) {
      const { rows } = await client.query<PublishedTable>(
        'select schemaname as schema, tablename as table from pg_publication_tables where pubname = $1 order by 1, 2',
        [publication],
      )
      if (rows.length > 0) return rows
      throw new Error(
        `the database has no publication ${publication} with tables: create publication ${publication} for table goals, habits, …`,
      )
    },
    async ensureSlot(slot) {
      if (!identifier.test(slot)) throw new Error('a slot name has lower-case letters, digits and underscores')
      const { rows } = await client.query<{ status: string; plugin: string; active: boolean }>(
        'select coalesce(wal_status, $2) as status, plugin, active from pg_replication_slots where slot_name = $1',
        [slot, 'reserved'],
      )
      const [found] = rows
      if (found && found.plugin !== 'pgoutput')
        throw new Error(`the slot ${slot} belongs to ${found.plugin}: choose another name`)
      if (found && found.status !== 'lost') return { made: false }
      if (found) await client.query('select pg_drop_replication_slot($1)', [slot])
      await client.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [slot])
      return { made: true }
    },
    async slotBacklog(slot) {
      const { rows } = await client.query<{ bytes: string }>(
        'select pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::text as bytes from pg_replication_slots where slot_name = $1',
        [slot],
      )
      return rows[0] && Number(rows[0].bytes)
    },
    snapshot: (tables, portion) => snapshot(client, tables, portion),
    close: () => client.end().catch(() => undefined),
  }
}

async function* snapshot(
  client: pg.Client,
  tables: readonly PublishedTable[],
  portion: number,
): AsyncGenerator<RowChange[]> {
  await client.query('begin isolation level repeatable read read only')
  try {
    for (const { schema, table } of tables) {
      const name = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)}`
      await client.query(`declare rows_of_table no scroll cursor for select * from ${name}`)
      for (;;) {
        const { rows } = await client.query<Row>(`fetch ${Math.trunc(portion)} from rows_of_table`)
        if (rows.length === 0) break
        yield rows.map((row) => ({ schema, table, op: 'r', before: null, after: row, committedAt: undefined }))
      }
      await client.query('close rows_of_table')
    }
  } finally {
    await client.query('rollback').catch(() => undefined)
  }
}

/** Values of the log as text: the library would turn dates into the process's time zone. */
class TextPgoutput extends PgoutputPlugin {
  /** Messages that have arrived, handed over or still queued. */
  received = 0
  override parse(buffer: Buffer): Pgoutput.Message {
    this.received += 1
    const message = super.parse(buffer)
    if (message.tag === 'relation') for (const column of message.columns) column.parser = parserOf(column.typeOid)
    return message
  }
}

export interface ChangeHandlers {
  change(change: RowChange): void | Promise<void>
  truncated(table: PublishedTable): void
  /** A transaction ended: everything up to `end` was handed over. */
  committed(end: Lsn, at: number): void | Promise<void>
  /** The server has nothing for us before `end` that was not handed over and committed. */
  caughtUp(end: Lsn): void
}

export interface ChangeStream {
  /** Rejects when the connection is lost or a handler throws; resolves after `stop`. */
  readonly ended: Promise<void>
  /** Everything before this position is durable: the server may forget it. */
  acknowledge(lsn: Lsn): Promise<void>
  stop(): Promise<void>
}

/** Streams the changes of a publication from `from` (or, if that is later, from what the slot has confirmed). */
export function streamChanges(
  url: string,
  { slot, publication, from }: { slot: string; publication: string; from: Lsn },
  handlers: ChangeHandlers,
): ChangeStream {
  const socket = new Socket()
  // Its own timer acknowledges what was merely received: a crash would lose that. Positions are acknowledged by us only.
  const service = new LogicalReplicationService(
    { ...configOf(url), stream: () => socket },
    {
      acknowledge: { auto: false, timeoutSeconds: 0 },
      flowControl: { enabled: true },
    },
  )
  const plugin = new TextPgoutput({ protoVersion: 1, publicationNames: [publication] })
  let isStopped = false
  let committedAt = 0
  let handled = 0
  let isInTransaction = false
  let fail: (error: unknown) => void = () => undefined
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })

  const handle = async (message: Pgoutput.Message): Promise<void> => {
    switch (message.tag) {
      case 'begin':
        isInTransaction = true
        committedAt = Number(BigInt(message.commitTime.toString()) / 1000n)
        return
      case 'commit':
        isInTransaction = false
        if (message.commitEndLsn !== null) await handlers.committed(parseLsn(message.commitEndLsn), committedAt)
        return
      case 'insert':
      case 'update':
      case 'delete':
        return handlers.change(changeOf(message, committedAt))
      case 'truncate':
        for (const { schema, name } of message.relations) handlers.truncated({ schema, table: name })
    }
  }
  service.on('data', async (_lsn: string, message: Pgoutput.Message) => {
    try {
      if (!isStopped) await handle(message)
      handled += 1
    } catch (error) {
      fail(error)
    }
  })
  service.on('heartbeat', (lsn: string) => {
    // It overtakes messages that are queued, and comes in the middle of large transactions.
    if (!isInTransaction && handled === plugin.received) handlers.caughtUp(parseLsn(lsn))
  })
  service.on('error', (error: Error) => fail(error))
  const subscribed = service.subscribe(plugin, slot, formatLsn(from)).then(() => {
    if (!isStopped) throw new Error('the database ended the replication')
  })
  const stop = async () => {
    isStopped = true
    // A paused connection does not hear the server's farewell.
    await Promise.race([service.destroy().catch(() => undefined), wait(FAREWELL_MS)])
    socket.destroy()
  }
  return {
    ended: Promise.race([subscribed, failed]).catch(async (error: unknown) => {
      const wasStopped = isStopped
      await stop()
      if (!wasStopped) throw error
    }),
    async acknowledge(lsn) {
      // The library adds 1. Confirming a byte more than the end of a transaction would skip the next one when that
      // commits right behind it.
      if (!isStopped && lsn > 0n) await service.acknowledge(formatLsn(lsn - 1n))
    },
    stop,
  }
}

function changeOf(
  message: Pgoutput.MessageInsert | Pgoutput.MessageUpdate | Pgoutput.MessageDelete,
  committedAt: number,
): RowChange {
  const { schema, name: table } = message.relation
  const named = { schema, table, committedAt }
  switch (message.tag) {
    case 'insert':
      return { ...named, op: 'c', before: null, after: message.new }
    case 'update':
      return { ...named, op: 'u', before: message.old ?? message.key, after: message.new }
    case 'delete':
      return { ...named, op: 'd', before: message.old ?? message.key, after: null }
  }
}
