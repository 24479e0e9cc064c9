/** A worker process for tests: reads sources until it is killed, or kills itself at the batch that CRASH names. */
import { attachOrOpen } from '../../../db/attach.ts'
import { sources } from '../../../workers/sources/catalog.ts'
import type { Source } from '../../../workers/sources/source.ts'
import { startSources } from '../../../workers/sources/start.ts'
import { masterKey } from './worker-process-env.ts'

const { DATA_DIR = '', DATABASE_URL, CRASH = '' } = process.env
const [when, at] = CRASH.split(':')
let batches = 0
const dieAt = (moment: string) => {
  if (when === moment && batches === Number(at)) process.kill(process.pid, 'SIGKILL')
}

const crashing = (source: Source): Source => ({
  ...source,
  run: (run) =>
    source.run({
      ...run,
      async accept(batch) {
        batches += 1
        dieAt('before')
        const answer = await run.accept(batch)
        dieAt('after')
        return answer
      },
    }),
})

const database = await attachOrOpen({ dataDir: DATA_DIR, DATABASE_URL, DATABASE_POOL_SIZE: 3 })
const log = (fields: object, message: string) => {
  if (process.env.VERBOSE) console.error(message, fields)
}
await startSources({
  database,
  masterKey,
  logger: { info: log, warn: log, error: log },
  accepted: () => undefined,
  sources: sources.map(crashing),
  scanMs: 100,
  leaseSeconds: 1,
  backoffMs: 50,
})
setInterval(() => undefined, 60_000)
