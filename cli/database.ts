import type { Config } from '../config.ts'
import { type AttachedDatabase, attachOrOpen } from '../db/attach.ts'
import { migrate, pendingMigrations } from '../db/migrate.ts'
import { findTenant, type Tenant } from '../db/tenant.ts'
import { UserError } from './run.ts'

/**
 * Does something with the database, whether or not the server runs. A database that this command itself starts under
 * DATA_DIR is brought up to date first; on a server that is `npm run migrate`'s job.
 */
export async function withDatabase<T>(config: Config, work: (database: AttachedDatabase) => Promise<T>): Promise<T> {
  const database = await attachOrOpen(config)
  try {
    if (!database.attached) await migrate(database.connection)
    else {
      const pending = await pendingMigrations(database.pool)
      if (pending.length > 0)
        throw new UserError(`the database lacks ${pending.length} migrations: npm run migrate (or wait for the start)`)
    }
    return await work(database)
  } finally {
    await database.close()
  }
}

/** The tenant of a slug; a user error that says how to make one otherwise. */
export async function tenantBySlug(database: Pick<AttachedDatabase, 'pool'>, slug: string): Promise<Tenant> {
  const tenant = await findTenant(database.pool, { slug })
  if (tenant) return tenant
  throw new UserError(`there is no tenant ${slug}: npm run tenant -- create ${slug} --timezone <IANA> --currency <ISO>`)
}
