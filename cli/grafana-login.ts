import { randomBytes } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { loadConfig } from '../config.ts'
import { saveGrafanaLogin } from '../db/grafana-logins.ts'
import { tenantBySlug, withDatabase } from './database.ts'
import { run, UserError, usageError } from './run.ts'

await run({
  help: `
npm run --silent grafana:login -- <login> --tenant <slug>     a database login that reads this tenant, whatever it sets
npm run --silent grafana:login -- <login> --operator          one that reads every tenant and the platform's own state

Makes the login or changes its password and binding, and prints a new password. --password - takes it from standard input
instead and prints nothing. Needs a server (DATABASE_URL): on the embedded engine every client is a superuser.`,
  options: { tenant: { type: 'string' }, operator: { type: 'boolean' }, password: { type: 'string' } },
  async main({ tenant, operator, password }, [name, ...rest]) {
    if (name === undefined || rest.length > 0) usageError('one login name')
    if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) usageError('a login name has 1–63 lower-case letters, digits and _')
    if ((tenant === undefined) === (operator !== true)) usageError('either --tenant <slug> or --operator')
    if (password !== undefined && password !== '-') usageError('--password takes only -, which reads standard input')
    const given = password === '-' ? (await text(process.stdin)).replace(/\r?\n$/, '') : undefined
    const secret = given ?? randomBytes(24).toString('base64url')
    await withDatabase(loadConfig(), async (database) => {
      if (database.kind === 'embedded') throw new UserError('logins need a server: set DATABASE_URL')
      await saveGrafanaLogin(database.pool, {
        name,
        password: secret,
        tenant: tenant === undefined ? null : await tenantBySlug(database, tenant),
      })
    })
    if (given === undefined) console.log(secret)
  },
})
