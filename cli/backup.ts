import { loadConfig } from '../config.ts'
import { createBackup, restoreBackup } from './backup/files.ts'
import { run, UserError, usageError } from './run.ts'

await run({
  help: `
npm run backup -- create <directory> [--without-secrets]
npm run backup -- restore <directory>

create copies the embedded engine's data, the objects and the generated secrets of DATA_DIR into a new directory. It may run while
the platform runs: writes wait for as long as the database's files are copied, nothing is refused or lost. restore checks every file and
puts them into DATA_DIR, which must be empty or absent. A server (DATABASE_URL) is backed up with its own tools: docs/backup.md`,
  options: { 'without-secrets': { type: 'boolean', default: false } },
  async main(values, [action, directory, ...rest]) {
    if (rest.length > 0) usageError(`unexpected: ${rest.join(' ')}`)
    if (directory === undefined || (action !== 'create' && action !== 'restore'))
      usageError('create or restore, and a directory?')
    const config = loadConfig()
    if (config.DATABASE_URL)
      throw new UserError('DATABASE_URL is set: a server is backed up with pg_dump or pgBackRest, see docs/backup.md')
    const { files, bytes } =
      action === 'create'
        ? await createBackup(config, directory, { secrets: !values['without-secrets'] })
        : await restoreBackup(config, directory)
    console.log(`${action === 'create' ? 'copied' : 'restored'} ${files} files, ${(bytes / 1024 ** 2).toFixed(1)} MiB`)
  },
})
