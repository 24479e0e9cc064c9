import { loadConfig } from '../config.ts'
import { run } from './run.ts'
import { serve } from './serve.ts'

await run({
  help: `
npm start

API, workers and, without DATABASE_URL, the embedded TimescaleDB, in one go. Settings come from the environment:
  PORT (3000), HOST (127.0.0.1), DATA_DIR (.data), LOG_LEVEL (info), and all others of config.ts.

Ctrl-C finishes what is in flight and stops everything.`,
  options: {},
  async main() {
    const { url, platform } = await serve(loadConfig(), { workers: true })
    platform.logger.info({ url, documentation: `${url}/documentation` }, 'ready')
  },
})
