import { loadConfig } from '../config.ts'
import { listParked, retryParked } from '../db/parked.ts'
import { tenantBySlug, withDatabase } from './database.ts'
import { run, usageError } from './run.ts'

await run({
  help: `
npm run parked -- list [--tenant <slug>] [--json]
npm run parked -- retry [--tenant <slug>]

Members and provider events whose fold failed for their own data are set aside, so that nobody behind them waits; their
numbers stand still meanwhile. list shows them with the error; retry queues them again, after a fix.`,
  options: { tenant: { type: 'string' }, json: { type: 'boolean', default: false } },
  async main({ tenant, json }, [action, ...rest]) {
    if (action !== 'list' && action !== 'retry') usageError('list or retry?')
    if (rest.length > 0) usageError(`unexpected: ${rest.join(' ')}`)
    await withDatabase(loadConfig(), async (database) => {
      const id = tenant === undefined ? undefined : (await tenantBySlug(database, tenant)).id
      if (action === 'retry') return console.log(`${await retryParked(database.pool, id)} queued again`)
      const parked = await listParked(database.pool, id)
      for (const one of parked)
        console.log(
          json ? JSON.stringify(one) : `${one.marked_at}  ${one.kind}  ${one.key}  ${one.failures} times  ${one.error}`,
        )
      if (!json) console.log(`${parked.length} parked`)
    })
  },
})
