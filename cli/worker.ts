import { loadConfig } from '../config.ts'
import { beat } from '../workers/heartbeat.ts'
import { openPlatform, openWorkers } from './compose.ts'
import { run } from './run.ts'

/** Longer than a job may take to come to its next safe point. */
const GRACE_MS = 30_000

await run({
  help: `
npm run worker

The workers alone, for production: ledgers, aggregates, policies, reconciliation. Any number of them may run.
Needs DATABASE_URL to share a database with the API. Settings come from the environment, see config.ts.`,
  options: {},
  async main() {
    const platform = await openPlatform(loadConfig())
    try {
      await openWorkers(platform)
    } catch (error) {
      await platform.close()
      throw error
    }
    platform.logger.info({}, 'working')
    const heart = new AbortController()
    void beat(platform.database.pool, platform.queues, heart.signal)
    const stop = (signal: NodeJS.Signals) => {
      platform.logger.info({ signal }, 'shutting down')
      heart.abort()
      setTimeout(() => process.exit(1), GRACE_MS).unref()
      void platform.close().then(() => process.exit(0))
    }
    // A second signal finds no listener and ends the process at once.
    process.once('SIGTERM', stop).once('SIGINT', stop)
  },
})
