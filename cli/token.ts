import { loadConfig } from '../config.ts'
import { tenantBySlug, withDatabase } from './database.ts'
import { durationSeconds, isRole, mintToken } from './mint-token.ts'
import { required, run, usageError } from './run.ts'

await run({
  help: `
npm run --silent token -- --tenant <slug> --role <role> [--coach <id>] [--ttl 12h] [--subject <name>]

Prints an access token and nothing else.

  --tenant   slug of the tenant
  --role     admin, coach, finance or service (service may only send events)
  --coach    the coach's id; needed with --role coach: such a token sees this coach's members only
  --ttl      how long it is valid: 90m, 12h (default), 30d
  --subject  who holds it, as the audit log names them; default cli:<role>`,
  options: {
    tenant: { type: 'string' },
    role: { type: 'string' },
    coach: { type: 'string' },
    ttl: { type: 'string', default: '12h' },
    subject: { type: 'string' },
  },
  async main({ tenant, role, coach, ttl, subject }) {
    const slug = required(tenant, 'tenant')
    const asked = required(role, 'role')
    if (!isRole(asked)) usageError('--role must be admin, coach, finance or service')
    if (asked === 'coach' && coach === undefined) usageError('--role coach needs --coach <id>')
    if (asked !== 'coach' && coach !== undefined) usageError('--coach goes with --role coach only')
    const ttlSeconds = durationSeconds(ttl, 'ttl')
    const config = loadConfig()
    const { id } = await withDatabase(config, (database) => tenantBySlug(database, slug))
    const request = { tenantId: id, role: asked, coachId: coach, ttlSeconds, subject: subject ?? `cli:${asked}` }
    console.log(await mintToken(config, request))
  },
})
