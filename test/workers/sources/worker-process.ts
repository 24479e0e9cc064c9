/** A worker process for tests: reads sources until it is killed, or kills itself at the batch it is told. */
import { attachOrOpen } from '../../../db/attach.ts'
import { sources } from '../../../workers/sources/catalog.ts'
import type { Source } from '../../../workers/sources/source.ts'
import { startSources } from '../../../workers/sources/start.ts'
import type { CrashOrder } from './support.ts'
import { masterKey } from './worker-process-env.ts'

const { DATA_DIR = '', DATABASE_URL, VERBOSE } = process.env
let order: CrashOrder | undefined
process.on('message', (given: CrashOrder) => {
  order = given
})
const passed = (moment: CrashOrder['when']) => {
  if (order?.when !== moment) return
  if (order.after === 0) process.kill(process.pid, 'SIGKILL')
  order = { ...order, after: order.after - 1 }
}

const crashing = (source: Source): Source => ({
  ...source,
  run: (run) =>
    source.run({
      ...run,
      async accept(batch) {
        passed('before')
        const answer = await run.accept(batch)
        passed('after')
        return answer
      },
    }),
})

const database = await attachOrOpen({ dataDir: DATA_DIR, DATABASE_URL, DATABASE_POOL_SIZE: 3 })
const log = (fields: object, message: string) => {
  if (VERBOSE) console.error(process.pid, message, fields)
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
process.send?.('ready')
setInterval(() => undefined, 60_000)
