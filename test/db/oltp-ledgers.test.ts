import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { acceptEvents } from '../../db/accept-events.ts'
import { foldDirty } from '../../db/ledgers.ts'
import { createTenant } from '../../db/tenant.ts'
import type { RowChange } from '../../sources/oltp/change.ts'
import { defaultMapping } from '../../sources/oltp/default-mapping.ts'
import { eventsOfChange } from '../../sources/oltp/to-events.ts'
import { arrivals, interruptions, steps, withoutIdentity, written } from '../sources/oltp/oltp-model.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { ledgerRows, ledgerTables } from '../support/ledger-rows.ts'

const SEED = 20_261_123
const RUNS = 8

describe('ledgers of rows that arrive by change data capture', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await openTestDatabase()
  })
  afterAll(() => database.close())

  let tenants = 0
  /** Sends the changes in portions, as a source does, and folds; `events` differ by repeated statements, ledgers must not. */
  const ledgersOf = async (changes: readonly RowChange[]) => {
    const { pool } = database
    tenants += 1
    const tenant = await createTenant(pool, { slug: `cdc-${tenants}`, timezone: 'Europe/Berlin', currency: 'EUR' })
    const intake = { tenant, piiKey: Buffer.alloc(32, 1) }
    for (let at = 0; at < changes.length; at += 7) {
      const events = changes.slice(at, at + 7).flatMap((change) => eventsOfChange(change, defaultMapping))
      const { rejected } = await acceptEvents(pool, intake, { events })
      expect(rejected).toBe(0)
    }
    while ((await foldDirty(pool)).members > 0);
    const tables = (await ledgerTables(pool)).filter((name) => name !== 'events')
    return ledgerRows(pool, tables, tenant.id)
  }

  it.each([
    ['REPLICA IDENTITY FULL', (change: RowChange) => change],
    ['REPLICA IDENTITY DEFAULT', withoutIdentity],
  ])(
    'are the same for the stream alone and for any interleaving with snapshots and replays (%s)',
    async (_name, identity) => {
      const samples = fc.sample(fc.tuple(steps, interruptions), { seed: SEED, numRuns: RUNS })
      let compared = 0
      for (const [all, breaks] of samples) {
        const log = written(all)
        const plain = await ledgersOf(log.changes.map(identity))
        const mixed = await ledgersOf(arrivals(log, breaks).map(identity))
        expect(mixed).toEqual(plain)
        compared += Object.values(plain).flat().length
      }
      expect(compared).toBeGreaterThan(100)
    },
  )
})
