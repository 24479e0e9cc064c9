import { loadConfig } from '../config.ts'
import { run } from './run.ts'
import { serve } from './serve.ts'

await run({
  help: `
npm run api

The API alone, for production: workers run elsewhere (npm run worker), migrations have run before (npm run migrate).
Needs DATABASE_URL to share a database with workers. Settings come from the environment, see config.ts.`,
  options: {},
  async main() {
    const { url, platform } = await serve(loadConfig(), { workers: false })
    platform.logger.info({ url }, 'ready')
  },
})
