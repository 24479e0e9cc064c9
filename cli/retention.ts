import { loadConfig } from '../config.ts'
import { requireLanding, retentionPlan, retentionState, runRetention } from '../db/landing/retention.ts'
import { withDatabase } from './database.ts'
import { run, usageError } from './run.ts'

await run({
  help: `
npm run retention -- plan [--json]                  what the next run drops, day by day, or why not
npm run retention -- run                            drops it now; workers, or the server's scheduler, do so once a day
npm run retention -- require-landing on|off         off: days are dropped without a verified copy in the landing zone

Raw events and everything else with a row per member is kept for retention_months (24); aggregates of tenants stay. Each
dropped day leaves a row retention.dropped in the tenant's audit log, with the file that has its events.`,
  options: { json: { type: 'boolean' } },
  async main({ json }, [action, value, ...rest]) {
    if (rest.length > 0) usageError(`unexpected: ${rest.join(' ')}`)
    await withDatabase(loadConfig(), async ({ pool }) => {
      if (action === 'plan' && value === undefined) {
        const days = await retentionPlan(pool)
        const state = await retentionState(pool)
        if (json) return console.log(JSON.stringify({ ...state, days }, null, 2))
        for (const { day, tenant, rows, reason } of days)
          console.log(`${day}  ${tenant}  ${rows} events  ${goes(reason, state.require_landing)}`)
        const blocked = state.require_landing ? days.find(({ reason }) => reason !== null)?.day : undefined
        console.log(`${state.chunks} chunks are older than ${state.cutoff}, in them ${days.length} days of tenants`)
        return console.log(
          days.length === 0
            ? 'nothing to drop'
            : blocked === undefined
              ? 'all of them go'
              : `days before ${blocked} go; it waits for its landing copy, and later days wait for it: npm run landing -- run`,
        )
      }
      if (action === 'run' && value === undefined) {
        const before = (await retentionPlan(pool)).length
        await runRetention(pool)
        const left = (await retentionPlan(pool)).length
        return console.log(`${before - left} days of tenants dropped, ${left} wait`)
      }
      if (action === 'require-landing' && (value === 'on' || value === 'off')) {
        await requireLanding(pool, value === 'on')
        return console.log(
          value === 'on' ? 'days wait for their landing copy' : 'days are dropped without a landing copy',
        )
      }
      usageError('plan, run or require-landing on|off?')
    })
  },
})

function goes(reason: string | null, isGated: boolean): string {
  if (reason === null) return 'goes: landed and verified'
  return isGated ? `stays: ${reason}` : `goes, although ${reason}`
}
