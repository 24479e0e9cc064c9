import { IANAZone } from 'luxon'
import { loadSecrets } from '../../api/security/secrets.ts'
import { loadConfig } from '../../config.ts'
import { readSecret } from '../../db/secrets.ts'
import { readMixpanelExport } from '../../sources/mixpanel/export-event.ts'
import { hmac } from '../../sources/pii.ts'
import { readSegmentPayload } from '../../sources/segment/payload.ts'
import { billingIntake } from '../billing-events.ts'
import { withDatabase } from '../database.ts'
import { progress } from '../progress.ts'
import { required, UserError, usageError } from '../run.ts'
import { loadFile, readNames } from './event-file.ts'
import { describeLoaded, type Loaded, type Loading } from './load-events.ts'
import { finishedDays, loadDays } from './mixpanel.ts'

export interface EventOptions {
  readonly file?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly map?: string | undefined
  readonly project?: string | undefined
  readonly 'project-timezone'?: string | undefined
  readonly api?: string | undefined
  readonly again: boolean
}

const MIXPANEL = 'https://data.mixpanel.com'
const DAY = /^\d{4}-\d\d-\d\d$/

/** `backfill mixpanel` and `backfill segment`: what another tool has kept, through the one way in. */
export async function readEvents(source: 'mixpanel' | 'segment', slug: string, options: EventOptions): Promise<void> {
  const names = await readNames(options.map)
  const projectTimezone = options['project-timezone']
  if (projectTimezone !== undefined && !IANAZone.isValidZone(projectTimezone))
    usageError('--project-timezone must be an IANA name such as America/New_York')
  const config = loadConfig()
  const { file } = options
  if (source === 'segment') required(file, 'file')
  const days = file === undefined ? daysOf(options) : undefined
  await withDatabase(config, async (database) => {
    const intake = await billingIntake(config, database, slug)
    const shown = progress('records')
    const loading: Loading = {
      database,
      intake,
      source,
      onProblem: (line) => console.error(line),
      onProgress: ({ records, accepted, duplicates, rejected }) =>
        shown.update(records, undefined, ` (${accepted} new, ${duplicates} known, ${rejected} rejected)`),
    }
    const reading = { names, projectTimezone, pseudonym: (address: string) => hmac(address, intake.piiKey) }
    const { dataDir } = config
    let loaded: Loaded
    if (file !== undefined) {
      const read = (line: unknown) =>
        source === 'segment' ? readSegmentPayload(line, reading) : [readMixpanelExport(line, reading)]
      loaded = await loadFile({ path: file, read, dataDir, about: [slug, names, projectTimezone] }, loading)
    } else {
      const { masterKey } = await loadSecrets(config)
      const credentials = await readSecret(database.pool, masterKey, intake.tenant.id, 'mixpanel_api_secret')
      if (!credentials)
        throw new UserError('--file is missing, and the tenant has no mixpanel_api_secret to ask Mixpanel with')
      const { project, api: origin = MIXPANEL, again } = options
      const finished = finishedDays(dataDir, [slug, origin, project, names, projectTimezone])
      const api = {
        origin,
        project,
        credentials: credentials.toString('utf8'),
        onWait: (why: string, seconds: number) => console.error(`Mixpanel: ${why}; waiting ${Math.round(seconds)} s`),
      }
      const known = again ? { ...finished, read: async () => new Set<string>() } : finished
      loaded = await loadDays(api, days ?? daysOf(options), reading, loading, known)
    }
    shown.finish()
    console.log(describeLoaded(loaded))
    if (loaded.rejected > 0) console.log(`Rejected events are kept: npm run quarantine -- list --tenant ${slug}`)
  })
}

function daysOf(options: EventOptions): { from: string; to: string } {
  const from = required(options.from, 'from')
  const to = required(options.to, 'to')
  for (const day of [from, to])
    if (!DAY.test(day) || Number.isNaN(Date.parse(day))) usageError('--from and --to are days such as 2025-01-31')
  if (from >= to) usageError('--to is exclusive and must be after --from')
  return { from, to }
}
