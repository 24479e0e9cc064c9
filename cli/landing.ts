import { loadSecrets } from '../api/security/secrets.ts'
import { loadConfig } from '../config.ts'
import { landedFiles } from '../db/landing/books.ts'
import { currentKey } from '../db/secrets.ts'
import { listTenants } from '../db/tenant.ts'
import { openObjectStore } from '../objects/open.ts'
import { landTenant } from '../workers/landing/land.ts'
import type { Landing } from '../workers/landing/store.ts'
import { verifyTenant } from '../workers/landing/verify.ts'
import { localUrl } from './compose.ts'
import { tenantBySlug, withDatabase } from './database.ts'
import { progress } from './progress.ts'
import { run, UserError, usageError } from './run.ts'

await run({
  help: `
npm run landing -- run [--tenant <slug>]              lands every day that is over and not landed as it is now
npm run landing -- verify [--tenant <slug>] [--deep]  compares files, manifests and database; exits with 1 on a difference
npm run landing -- list [--tenant <slug>] [--json]    what has landed

Parquet under landing/tenant=<slug>/ in the object store (DATA_DIR/objects, or S3). Workers land every few hours by
themselves. --deep also reads every row of every file. docs/warehouse.md shows how to read them.`,
  options: { tenant: { type: 'string' }, deep: { type: 'boolean' }, json: { type: 'boolean' } },
  async main({ tenant: slug, deep, json }, [action, ...rest]) {
    if (action !== 'run' && action !== 'verify' && action !== 'list') usageError('run, verify or list?')
    if (rest.length > 0) usageError(`unexpected: ${rest.join(' ')}`)
    const config = loadConfig()
    await withDatabase(config, async (database) => {
      const { masterKey } = await loadSecrets(config)
      const objects = await openObjectStore(config, { masterKey: currentKey(masterKey), origin: localUrl(config) })
      try {
        const { pool } = database
        const tenants = slug === undefined ? await listTenants(pool) : [await tenantBySlug(database, slug)]
        let problems = 0
        for (const tenant of tenants) {
          const landing: Landing = { pool, objects, tenant }
          if (action === 'run') await land(landing)
          else if (action === 'list') await list(landing, json === true)
          else problems += await verify(landing, deep === true)
        }
        if (problems > 0) throw new UserError(`${problems} differences`)
      } finally {
        await objects.close()
      }
    })
  },
})

async function land(landing: Landing): Promise<void> {
  const shown = progress(`${landing.tenant.slug}: files`)
  let done = 0
  const { files, rows } = await landTenant(landing, () => {
    shown.update(done++, undefined)
    return true
  })
  shown.finish()
  console.log(`${landing.tenant.slug}: ${files} files, ${rows} rows`)
}

async function list({ pool, tenant }: Landing, asJson: boolean): Promise<void> {
  for (const file of await landedFiles(pool, tenant.id))
    console.log(
      asJson
        ? JSON.stringify({ tenant: tenant.slug, ...file })
        : `${file.object_key}  ${file.rows} rows  ${file.bytes} bytes  ${file.verified_at === null ? 'not verified' : 'verified'}`,
    )
}

async function verify(landing: Landing, deep: boolean): Promise<number> {
  const findings = await verifyTenant(landing, { deep })
  for (const { object_key, problem } of findings) console.log(`${landing.tenant.slug}: ${object_key}: ${problem}`)
  if (findings.length === 0) console.log(`${landing.tenant.slug}: all as it should be`)
  return findings.length
}
