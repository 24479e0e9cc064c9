import { readFile } from 'node:fs/promises'
import { parse } from 'csv-parse/sync'
import { loadConfig } from '../config.ts'
import { type PeriodRow, periodRowSchema, stripeEventsOf } from '../sources/revenue/periods.ts'
import { billingIntake, describeStored, loadBillingEvents } from './billing-events.ts'
import { withDatabase } from './database.ts'
import { required, run, UserError, usageError } from './run.ts'

await run({
  help: `
npm run --silent simulate -- subscriptions --file periods.csv                       prints Stripe webhook events, one a line
npm run simulate -- subscriptions --file periods.csv --tenant <slug> --send         stores them as the tenant's webhooks

The file has one paid period a row: customer,start,end,amount,currency[,plan]. start and end are dates or instants, an empty
end is still running, amount is per month in whole units (49.90). A row that starts where another of the customer ends
continues it. Running it again changes nothing.`,
  options: { file: { type: 'string' }, tenant: { type: 'string' }, send: { type: 'boolean', default: false } },
  async main({ file, tenant, send }, [what, ...rest]) {
    if (what !== 'subscriptions') usageError('subscriptions?')
    if (rest.length > 0) usageError(`unexpected: ${rest.join(' ')}`)
    const events = stripeEventsOf(await readPeriods(required(file, 'file')))
    if (!send) {
      for (const event of events) console.log(JSON.stringify(event))
      return
    }
    const slug = required(tenant, 'tenant')
    const config = loadConfig()
    await withDatabase(config, async (database) => {
      const intake = await billingIntake(config, database, slug)
      console.log(describeStored(await loadBillingEvents(database, intake, 'stripe', events)))
    })
  },
})

async function readPeriods(path: string): Promise<PeriodRow[]> {
  const rows: unknown[] = parse(await readFile(path), { columns: true, skip_empty_lines: true, bom: true })
  return rows.map((row, index) => {
    const parsed = periodRowSchema.safeParse(row)
    if (parsed.success) return parsed.data
    const [issue] = parsed.error.issues
    throw new UserError(`row ${index + 1}: ${issue?.path.join('.')}: ${issue?.message}`)
  })
}
