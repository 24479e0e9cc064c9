import { text } from 'node:stream/consumers'
import { loadSecrets } from '../api/security/secrets.ts'
import { type Config, loadConfig } from '../config.ts'
import type { AttachedDatabase } from '../db/attach.ts'
import { deleteSecret, listSecrets, reencryptSecrets, rotatePiiKey, writeSecret } from '../db/secrets.ts'
import { sourceStatus } from '../db/sources/runners.ts'
import { createTenant, listTenants, type Tenant } from '../db/tenant.ts'
import { updateTenant } from '../db/tenant-settings.ts'
import { tenantBySlug, withDatabase } from './database.ts'
import { required, run, UserError, usageError } from './run.ts'
import { type Assignment, readAssignment } from './tenant-settings.ts'

await run({
  help: `
npm run tenant -- create <slug> --timezone <IANA> --currency <ISO> [--name <text>]
npm run tenant -- set <slug> key=value …      an empty value removes; key=- reads the value from standard input
npm run tenant -- show <slug>                 with how each of its sources is doing; secrets are masked
npm run tenant -- list
npm run tenant -- rotate-pii-key <slug>       personal values are replaced under a new key from now on
npm run tenant -- rotate-master-key           every tenant's secrets under MASTER_KEY that are still under MASTER_KEY_PREVIOUS

Keys: name, timezone (applies to events from then on), currency, retention_months, sla_hours, session_gap_minutes,
locale (how dashboards write numbers and dates, such as de-DE), pii_keys (names, comma-separated), feature.<name> (true or false), revenue.<name> (JSON),
source.<name>.enabled (true or false) and source.<name>.<setting> as docs/sources describes, secrets of sources included,
and secrets, stored encrypted: stripe_webhook_secret, revenuecat_authorization, any other *_secret, *_authorization, *_token.

  printf %s "$SECRET" | npm run tenant -- set acme stripe_webhook_secret=-`,
  options: { timezone: { type: 'string' }, currency: { type: 'string' }, name: { type: 'string' } },
  async main({ timezone, currency, name }, [action, slug, ...pairs]) {
    const config = loadConfig()
    if (action === 'list') {
      return withDatabase(config, async ({ pool }) => {
        for (const tenant of await listTenants(pool)) console.log(tenant.slug)
      })
    }
    if (action === 'rotate-master-key' && slug === undefined) return rotateMasterKey(config)
    if (slug === undefined) usageError(action === undefined ? 'create, set, show or list?' : `${action} needs a slug`)
    if (action === 'set') return set(config, slug, pairs)
    if (pairs.length > 0) usageError(`unexpected: ${pairs.join(' ')}`)
    if (action === 'show')
      return withDatabase(config, async (database) => show(database, await tenantBySlug(database, slug)))
    if (action === 'rotate-pii-key') return rotate(config, slug)
    if (action !== 'create')
      usageError(`unknown action ${action}: create, set, show, rotate-pii-key, rotate-master-key or list`)
    if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(slug)) usageError('a slug has 1–63 lower-case letters, digits and dashes')
    const wanted = {
      slug,
      timezone: required(timezone, 'timezone'),
      currency: required(currency, 'currency'),
      ...(name === undefined ? {} : { name }),
    }
    await withDatabase(config, async (database) => show(database, await createTenant(database.pool, wanted)))
  },
})

async function set(config: Config, slug: string, pairs: readonly string[]): Promise<void> {
  if (pairs.length === 0) usageError('nothing to set: key=value')
  const changes = await readPairs(pairs)
  const settings: Record<string, unknown> = {}
  const columns: Partial<Record<'name' | 'timezone' | 'currency', string>> = {}
  for (const change of changes) {
    if (change.kind === 'setting') settings[change.name] = change.value
    if (change.kind === 'column') columns[change.name] = change.value
  }
  await withDatabase(config, async (database) => {
    const { id } = await tenantBySlug(database, slug)
    for (const change of changes) if (change.kind === 'secret') await setSecret(config, database, id, change)
    await show(database, await updateTenant(database.pool, slug, { ...columns, settings }))
  })
}

async function rotate(config: Config, slug: string): Promise<void> {
  await withDatabase(config, async (database) => {
    const { id } = await tenantBySlug(database, slug)
    await rotatePiiKey(database.pool, (await loadSecrets(config)).masterKey, id)
    console.log(
      'new values are replaced under the new key, in running servers within 5 seconds; stored ones keep theirs',
    )
  })
}

async function rotateMasterKey(config: Config): Promise<void> {
  const { masterKey } = await loadSecrets(config)
  if (!('current' in masterKey)) throw new UserError('set MASTER_KEY_PREVIOUS to the key before MASTER_KEY')
  await withDatabase(config, async ({ pool }) => {
    const { secrets, moved, unreadable } = await reencryptSecrets(pool, masterKey)
    console.log(`${secrets} secrets, ${moved} of them were under the previous key and are under MASTER_KEY now`)
    if (unreadable.length > 0)
      throw new UserError(`neither key decrypts ${unreadable.join(', ')}: they are as they were; set them again`)
    console.log('MASTER_KEY_PREVIOUS is needed no more, once no process writes under it')
  })
}

async function setSecret(
  config: Config,
  { pool }: AttachedDatabase,
  tenantId: string,
  { name, value }: Extract<Assignment, { kind: 'secret' }>,
): Promise<void> {
  if (value === undefined) await deleteSecret(pool, tenantId, name)
  else await writeSecret(pool, (await loadSecrets(config)).masterKey, tenantId, name, value)
}

async function readPairs(pairs: readonly string[]): Promise<Assignment[]> {
  const split = pairs.map((pair) => {
    const at = pair.indexOf('=')
    return at > 0 ? { key: pair.slice(0, at), value: pair.slice(at + 1) } : usageError(`${pair} is not key=value`)
  })
  if (split.filter(({ value }) => value === '-').length > 1) usageError('only one value can come from standard input')
  const changes: Assignment[] = []
  for (const { key, value } of split)
    changes.push(readAssignment(key, value === '-' ? await standardInput(key) : value))
  return changes
}

/** Without the line end that `echo` adds. */
async function standardInput(key: string): Promise<string> {
  const value = (await text(process.stdin)).replace(/\r?\n$/, '')
  if (value === '') throw new UserError(`standard input is empty; ${key}= without a value removes it`)
  return value
}

async function show({ pool }: AttachedDatabase, tenant: Tenant): Promise<void> {
  const secrets = await listSecrets(pool, tenant.id)
  const masked = Object.fromEntries(secrets.map(({ name, updated_at }) => [name, `•••••• (set ${updated_at})`]))
  const sources = (await sourceStatus(pool)).filter((status) => status.tenant === tenant.slug)
  const doing = Object.fromEntries(sources.map(({ tenant: _, source, ...status }) => [source, status]))
  console.log(JSON.stringify({ ...tenant, secrets: masked, sources: doing }, null, 2))
}
