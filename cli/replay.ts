import { loadConfig } from '../config.ts'
import { findApi, tokenFor } from './replay/api.ts'
import { readMapping } from './replay/mapping.ts'
import { openInput } from './replay/read-file.ts'
import { replay } from './replay/send.ts'
import { noState, replayState } from './replay/state.ts'
import { required, run, usageError, wholeNumber } from './run.ts'

await run({
  help: `
npm run replay -- --tenant <slug> --file <path|-> [--rate n] [--map mapping.json] [--format ndjson|csv] [--url <origin>] [--token <token>]

Streams events into the running API, or into one that is started for this when none runs. Stops and goes on where it was
(state under DATA_DIR/replay); running the same file again changes no number, because an event counts once.

  --file    NDJSON (one event per line) or CSV with a header; .gz is decompressed; - is standard input
  --rate    events per second at most
  --map     JSON: which column (or dotted path) becomes which field:
            {"event_id": "id", "type": {"value": "action"}, "occurred_at": {"column": "ts", "format": "unix_seconds"},
             "user_id": "user", "properties": {"name": {"column": "event", "map": {"Signed Up": "signed_up"}}}}
            formats: text, number, boolean, json, instant, utc, local (docs/sources/csv.md), unix_seconds, unix_milliseconds
            Without event_id one is made of the record, so equal records count once.
  --url     an API elsewhere; default PUBLIC_URL or http://HOST:PORT
  --token   a token of role service; default: one is made with this installation's key`,
  options: {
    tenant: { type: 'string' },
    file: { type: 'string' },
    rate: { type: 'string' },
    map: { type: 'string' },
    format: { type: 'string' },
    url: { type: 'string' },
    token: { type: 'string' },
  },
  async main(values) {
    const slug = required(values.tenant, 'tenant')
    const path = required(values.file, 'file')
    const { format } = values
    if (format !== undefined && format !== 'ndjson' && format !== 'csv') usageError('--format is ndjson or csv')
    const rate = values.rate === undefined ? undefined : wholeNumber(values.rate, 'rate', 1)
    const mapping = values.map === undefined ? undefined : await readMapping(values.map)
    const input = await openInput(path, format)
    const config = loadConfig()
    const token = values.token ?? (await tokenFor(config, slug, 'cli:replay'))
    const api = await findApi(config, values.url)
    try {
      const state = path === '-' ? noState : await replayState(config.dataDir, path, slug, values.url ?? 'local')
      const onProblem = (line: string) => console.error(line)
      const totals = await replay({ url: api.url, token }, input, state, { mapping, rate, onProblem })
      await api.finish()
      const { records, accepted, duplicates, rejected } = totals
      console.log(`${records} records: ${accepted} accepted, ${duplicates} duplicates, ${rejected} rejected`)
      if (rejected > 0) console.log(`Rejected events are kept: npm run quarantine -- list --tenant ${slug}`)
    } finally {
      await api.close()
    }
  },
})
