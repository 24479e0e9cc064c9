import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DateTime } from 'luxon'
import { z } from 'zod'
import { type MixpanelReading, readMixpanelExport } from '../../sources/mixpanel/export-event.ts'
import type { Totals } from '../replay/state.ts'
import { UserError } from '../run.ts'
import { type Loaded, type Loading, loadEvents } from './load-events.ts'
import { CutShort, exportDay, type MixpanelApi } from './mixpanel-api.ts'

/** A day may still get late events for a while after it has ended; until then it is read again by the next run. */
const SETTLED_AFTER_DAYS = 2
const TRIES_PER_DAY = 4

export interface Days {
  readonly from: string
  /** Exclusive. */
  readonly to: string
}

/** Days `[from, to)` from the export API, one request a day, going on after the last day that was finished. */
export async function loadDays(
  api: MixpanelApi,
  { from, to }: Days,
  reading: MixpanelReading,
  loading: Loading,
  finished: FinishedDays,
): Promise<Loaded> {
  const total = { records: 0, accepted: 0, duplicates: 0, rejected: 0, skipped: new Map<string, number>() }
  const done = await finished.read()
  const settled = DateTime.utc().minus({ days: SETTLED_AFTER_DAYS }).toISODate()
  for (const day of daysOf(from, to)) {
    if (done.has(day)) continue
    const loaded = await loadDay(api, day, reading, loading)
    for (const count of ['records', 'accepted', 'duplicates', 'rejected'] as const) total[count] += loaded[count]
    for (const [why, count] of loaded.skipped) total.skipped.set(why, (total.skipped.get(why) ?? 0) + count)
    if (day <= settled) await finished.add(day)
  }
  return total
}

function* daysOf(from: string, to: string): Generator<string> {
  const utc = (day: string) => DateTime.fromISO(day, { zone: 'utc' })
  for (let day = utc(from); day < utc(to); day = day.plus({ days: 1 })) yield day.toFormat('yyyy-MM-dd')
}

async function loadDay(api: MixpanelApi, day: string, reading: MixpanelReading, loading: Loading): Promise<Loaded> {
  for (let attempt = 1; ; attempt += 1) {
    let totals: Totals | undefined
    const state = {
      read: async () => undefined,
      write: async (written: Totals) => {
        totals = written
      },
    }
    const records = async function* () {
      for await (const line of exportDay(api, day)) yield [readMixpanelExport(parsed(line), reading)]
    }
    try {
      return await loadEvents(records(), loading, state)
    } catch (error) {
      if (!(error instanceof CutShort)) throw error
      if (attempt === TRIES_PER_DAY) throw new UserError(`${day} was cut short ${attempt} times: ${error.message}`)
      // What was stored of it counts once.
      api.onWait?.(`${day} was cut short after ${totals?.records ?? 0} records, asking again`, 0)
    }
  }
}

/** A line that is no JSON is rejected as the text it is: it lands in the quarantine instead of getting lost. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return line
  }
}

export interface FinishedDays {
  read(): Promise<ReadonlySet<string>>
  add(day: string): Promise<void>
}

/** Which days of an export are through, kept under the data directory for one tenant, project and mapping. */
export function finishedDays(dataDir: string, about: readonly unknown[]): FinishedDays {
  const id = createHash('sha256').update(JSON.stringify(about)).digest('hex').slice(0, 24)
  const directory = join(dataDir, 'backfill')
  const file = join(directory, `mixpanel-${id}.json`)
  const schema = z.object({ days: z.array(z.iso.date()) })
  const read = async (): Promise<Set<string>> => {
    try {
      return new Set(schema.parse(JSON.parse(await readFile(file, 'utf8'))).days)
    } catch {
      return new Set()
    }
  }
  return {
    read,
    async add(day) {
      const days = [...(await read()).add(day)].sort()
      await mkdir(directory, { recursive: true, mode: 0o700 })
      await writeFile(`${file}.part`, JSON.stringify({ days }))
      await rename(`${file}.part`, file)
    },
  }
}
