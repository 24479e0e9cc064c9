import { z } from 'zod'
import {
  type ChangeStream,
  formatLsn,
  type Lsn,
  type OltpDatabase,
  openOltp,
  type PublishedTable,
  parseLsn,
  streamChanges,
} from '../../db/sources/oltp.ts'
import type { RowChange } from '../../sources/oltp/change.ts'
import { type OltpMapping, tableMapping } from '../../sources/oltp/mapping.ts'
import { eventsOrRejection, mappingOf, mappingSetting, oldestToTell } from './oltp.ts'
import { defineSource, type RejectedMessage, requireSecret, type SourceRun } from './source.ts'

const settings = z.strictObject({
  publication: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,62}$/)
    .default('upcoach_analytics'),
  slot: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,62}$/)
    .default('upcoach_analytics'),
  batch: z.int().min(1).max(10_000).default(1000),
  mapping: mappingSetting,
})
/** Where the stream goes on; there is one only after the first snapshot is complete. */
const position = z.strictObject({ lsn: z.string() })

type Run = SourceRun<z.infer<typeof settings>, z.infer<typeof position>>

/** How long changes of small transactions are gathered before they are stored. */
const GATHER_MS = 100
/** How often the server hears where we are, and the lag is measured. */
const REPORT_MS = 5000

/** The product's database, read straight from its log (pgoutput), for installations without Debezium. */
export const oltpReplication = defineSource({
  name: 'oltp_replication',
  docs: 'docs/sources/postgres-oltp.md',
  settings,
  secrets: ['url'],
  position,
  async run(run) {
    const url = requireSecret(run, 'oltp_replication', 'url')
    const database = await openOltp(url)
    try {
      const mapping = mappingOf(run.settings.mapping)
      const published = await database.published(run.settings.publication)
      const { made } = await database.ensureSlot(run.settings.slot)
      if (run.position !== undefined && made)
        run.logger.warn(
          { tenant: run.tenant.slug },
          'the slot was gone: tables are read again, changes in between are seen as they ended',
        )
      const from =
        run.position !== undefined && !made
          ? parseLsn(run.position.lsn)
          : await readTables(database, published, mapping, run)
      if (from !== undefined) await follow(url, database, from, mapping, run)
    } finally {
      await database.close()
    }
    return undefined
  },
})

/**
 * Reads all tables once. The slot is older than the snapshot, so nothing is missing between the two, and what is in both
 * counts once. Interrupted, it begins again. Undefined: it was told to stop.
 */
async function readTables(
  database: OltpDatabase,
  published: readonly PublishedTable[],
  mapping: OltpMapping,
  run: Run,
): Promise<Lsn | undefined> {
  const { signal, tenant, settings: chosen } = run
  const tables = published.filter(({ schema, table }) => tableMapping(mapping, schema, table) !== undefined)
  const notBefore = oldestToTell(tenant)
  for await (const rows of database.snapshot(tables, chosen.batch)) {
    if (signal.aborted) return undefined
    const told = rows.map((row) => eventsOrRejection(row, mapping, notBefore))
    await run.accept({
      events: told.flatMap(({ events }) => events),
      rejected: told.flatMap(({ rejected }) => rejected),
      messages: rows.length,
    })
  }
  // The slot itself knows where the stream begins.
  await run.accept({ events: [], messages: 0, position: { lsn: '0/0' } })
  return 0n
}

/** Follows the log until the signal is aborted. Positions are acknowledged after their events are durable. */
async function follow(url: string, database: OltpDatabase, from: Lsn, mapping: OltpMapping, run: Run): Promise<void> {
  const { slot, publication, batch } = run.settings
  const nothing = () => ({ events: [] as unknown[], rejected: [] as RejectedMessage[], changes: 0 })
  let gathered = nothing()
  let safe: { lsn: Lsn; at: number } | undefined
  let durable = from
  let timer: NodeJS.Timeout | undefined
  let storing: Promise<void> = Promise.resolve()
  let stream: ChangeStream | undefined

  const stop = () => void stream?.stop()

  const store = async () => {
    clearTimeout(timer)
    timer = undefined
    const { events, rejected, changes } = gathered
    const end = safe
    if (changes === 0 && end === undefined) return
    gathered = nothing()
    safe = undefined
    // In the middle of a large transaction there is no position yet: its changes come again if we stop here.
    await run.accept({
      events,
      rejected,
      messages: changes,
      ...(end === undefined
        ? {}
        : { position: { lsn: formatLsn(end.lsn) }, lagSeconds: Math.max(0, (Date.now() - end.at) / 1000) }),
    })
    if (end === undefined) return
    durable = end.lsn
    await stream?.acknowledge(durable)
  }
  const storeInTurn = () => {
    storing = storing.then(store)
    return storing
  }

  const add = (change: RowChange) => {
    const { events, rejected } = eventsOrRejection(change, mapping)
    gathered.events.push(...events)
    gathered.rejected.push(...rejected)
    gathered.changes += 1
  }
  stream = streamChanges(
    url,
    { slot, publication, from },
    {
      async change(change) {
        await storing
        add(change)
        if (gathered.changes >= batch) await storeInTurn()
      },
      async committed(lsn, at) {
        await storing
        safe = { lsn, at }
        if (gathered.changes >= batch) await storeInTurn()
        // A rejection ends the stream through the next message or the report.
        else timer ??= setTimeout(() => void storeInTurn().catch(() => undefined), GATHER_MS)
      },
      truncated({ schema, table }) {
        run.logger.warn(
          { tenant: run.tenant.slug, table: `${schema}.${table}` },
          'a table was truncated; its events stay',
        )
      },
      caughtUp(lsn) {
        // Log of other tables and databases is passed over, or the server would keep it for us for ever.
        if (safe === undefined && gathered.changes === 0 && lsn > durable) durable = lsn
        if (durable === lsn) run.lag(0)
      },
    },
  )
  const report = setInterval(() => {
    storing
      .then(() => stream?.acknowledge(durable))
      .then(() => database.slotBacklog(slot))
      .then((bytes) => run.backlog(bytes ?? 0))
      .catch(stop)
  }, REPORT_MS)
  run.signal.addEventListener('abort', stop, { once: true })
  if (run.signal.aborted) stop()
  try {
    await stream.ended
    // What ended the work, if not the signal: it rejects here.
    await storing
  } finally {
    clearInterval(report)
    clearTimeout(timer)
    run.signal.removeEventListener('abort', stop)
    await stream.stop()
  }
}
