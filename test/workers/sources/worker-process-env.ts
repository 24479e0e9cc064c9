import type { TestDatabase } from '../../support/database.ts'

export const masterKey = Buffer.alloc(32, 3)

/** What a worker process needs to work on the test's database. */
export const databaseEnvironment = ({ dataDir, url }: TestDatabase): Record<string, string> =>
  url === undefined ? { DATA_DIR: dataDir } : { DATABASE_URL: url }
