import { loadConfig } from '../config.ts'
import { attachOrOpen } from '../db/attach.ts'
import { markDeploy, saveGrafanaLogin } from '../db/grafana-logins.ts'
import { migrate } from '../db/migrate.ts'
import packageJson from '../package.json' with { type: 'json' }
import { run } from './run.ts'

await run({
  help: `
npm run migrate

Brings the database's schema up to date and prints what was applied. Safe to run twice and from two places at once.
Uses DATABASE_URL, else the embedded engine under DATA_DIR. Marks RELEASE on the dashboards and, with
GRAFANA_DATABASE_PASSWORD on a server, makes Grafana's login grafana_operator.`,
  options: {},
  async main() {
    const config = loadConfig()
    const database = await attachOrOpen(config)
    try {
      const applied = await migrate(database.connection)
      for (const name of applied) console.log(name)
      console.log(applied.length === 0 ? 'up to date' : `${applied.length} applied`)
      await markDeploy(database.pool, config.RELEASE ?? packageJson.version)
      if (config.GRAFANA_DATABASE_PASSWORD !== undefined && database.kind === 'server')
        await saveGrafanaLogin(database.pool, {
          name: 'grafana_operator',
          password: config.GRAFANA_DATABASE_PASSWORD,
          tenant: null,
        })
    } finally {
      await database.close()
    }
  },
})
