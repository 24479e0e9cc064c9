import { loadConfig } from '../config.ts'
import { attachOrOpen } from '../db/attach.ts'
import { migrate } from '../db/migrate.ts'
import { run } from './run.ts'

await run({
  help: `
npm run migrate

Brings the database's schema up to date and prints what was applied. Safe to run twice and from two places at once.
Uses DATABASE_URL, else the embedded engine under DATA_DIR.`,
  options: {},
  async main() {
    const database = await attachOrOpen(loadConfig())
    try {
      const applied = await migrate(database.connection)
      for (const name of applied) console.log(name)
      console.log(applied.length === 0 ? 'up to date' : `${applied.length} applied`)
    } finally {
      await database.close()
    }
  },
})
