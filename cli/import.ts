import { loadConfig } from '../config.ts'
import { oldestTaken } from '../db/accept-events.ts'
import { countPushed } from '../db/sources/runners.ts'
import { tenantBySlug, withDatabase } from './database.ts'
import { findApi, tokenFor } from './replay/api.ts'
import { dryRun } from './replay/dry-run.ts'
import { type Mapping, readMapping } from './replay/mapping.ts'
import { openInput } from './replay/read-file.ts'
import { type Replayed, replay } from './replay/send.ts'
import { replayState } from './replay/state.ts'
import { required, run, usageError } from './run.ts'

const shown = { onProblem: (line: string) => console.error(line), problemsShown: 20 }

await run({
  help: `
npm run import -- csv --tenant <slug> --file data.csv --map mapping.json --dry-run    reads all of it, stores nothing
npm run import -- csv --tenant <slug> --file data.csv --map mapping.json              stores it

Shows the first rejected rows with their line, reason and what to do; ends with 1 when there are any. Stops and goes on where it
was; importing a file again changes no number. docs/sources/csv.md has the mapping file.

  --file       CSV with a header, UTF-8; .gz is decompressed
  --map        which column becomes which field; without it the header must speak our names (event_id, type, occurred_at, …)
  --delimiter  between the fields: default a comma; "tab" is one as well
  --url        an API elsewhere; default PUBLIC_URL or http://HOST:PORT, or one that is started for this when none runs`,
  options: {
    tenant: { type: 'string' },
    file: { type: 'string' },
    map: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
    delimiter: { type: 'string' },
    url: { type: 'string' },
  },
  async main(values, [format, ...rest]) {
    if (rest.length > 0) usageError(`unexpected: ${rest.join(' ')}`)
    if (format !== 'csv') usageError('csv?')
    const slug = required(values.tenant, 'tenant')
    const path = required(values.file, 'file')
    const mapping = values.map === undefined ? undefined : await readMapping(values.map)
    const delimiter = values.delimiter === 'tab' ? '\t' : values.delimiter
    if (delimiter?.length !== undefined && delimiter.length !== 1) usageError('--delimiter is one character, or tab')
    const given = { slug, path, mapping, delimiter, url: values.url }
    const rejected = values['dry-run'] ? await tryOut(given) : await store(given)
    if (rejected > 0) process.exitCode = 1
  },
})

interface Given {
  readonly slug: string
  readonly path: string
  readonly mapping: Mapping | undefined
  readonly delimiter: string | undefined
  readonly url: string | undefined
}

async function tryOut({ slug, path, mapping, delimiter }: Given): Promise<number> {
  const tenant = await withDatabase(loadConfig(), (database) => tenantBySlug(database, slug))
  const now = Date.now()
  const options = { mapping, delimiter, now, oldest: oldestTaken(tenant, now), ...shown }
  const { records, rejected, example } = await dryRun(await openInput(path, 'csv'), options)
  if (example !== undefined) console.log(`The first row becomes ${JSON.stringify(example)}`)
  console.log(`${records} rows: ${records - rejected} would be taken, ${rejected} rejected. Nothing was stored.`)
  return rejected
}

async function store({ slug, path, mapping, delimiter, url }: Given): Promise<number> {
  const config = loadConfig()
  const input = await openInput(path, 'csv')
  const token = await tokenFor(config, slug, 'cli:import')
  const api = await findApi(config, url)
  let totals: Replayed
  try {
    const about = JSON.stringify([url ?? 'local', 'csv', mapping, delimiter])
    const state = await replayState(config.dataDir, path, slug, about)
    const options = { mapping, delimiter, rate: undefined, ...shown }
    totals = await replay({ url: api.url, token }, input, state, options)
    await api.finish()
  } finally {
    await api.close()
  }
  const { records, accepted, duplicates, rejected, newestAt } = totals
  console.log(`${records} rows: ${accepted} accepted, ${duplicates} duplicates, ${rejected} rejected`)
  if (rejected > 0) console.log('Correct the rows and import the file again: what is stored counts once.')
  await withDatabase(config, async (database) => {
    const { id } = await tenantBySlug(database, slug)
    const counts = { processed: records, accepted, duplicates, failed: rejected, newestAt }
    await countPushed(database.pool, id, 'csv_import', counts)
  })
  return rejected
}
