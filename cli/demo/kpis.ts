import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { unitSchema } from '../../api/schemas/unit.ts'
import { formatValue } from '../../workers/exports/format-value.ts'
import { UserError } from '../run.ts'
import type { Target } from '../send-events.ts'

const overviewSchema = z.object({
  cards: z.array(
    z.object({
      name: z.string(),
      title: z.string(),
      value: z.number().nullable(),
      target: z.object({ value: z.number() }).optional(),
      status: z.string().nullable(),
      unit: unitSchema,
    }),
  ),
})
export type Overview = z.infer<typeof overviewSchema>

const PAUSE_MS = 500
const PATIENCE_MS = 10 * 60_000

/** What the API itself answers to somebody who looks at the overview. */
export async function readOverview({ url, token }: Target): Promise<Overview> {
  const response = await fetch(`${url}/api/analytics/overview`, { headers: { authorization: `Bearer ${token}` } })
  if (!response.ok) throw new UserError(`the overview answers ${response.status}`)
  return overviewSchema.parse(await response.json())
}

/** Waits until the overview shows numbers; the heavy-read limit and a busy engine are waited out. */
export async function firstFilledOverview(target: Target): Promise<Overview> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const overview = await readOverview(target).catch(() => undefined)
    if (overview?.cards.some(({ value }) => value !== null && value > 0)) return overview
    if (Date.now() > deadline) throw new UserError('no KPI was filled in time: see the log for failed jobs')
    await wait(PAUSE_MS * 4)
  }
}

/** Name, value and how it stands against its target, in aligned columns. */
export function table({ cards }: Overview): string {
  const width = Math.max(...cards.map(({ title }) => title.length))
  return cards
    .map(({ title, value, target, status, unit }) => {
      const shown = value === null ? 'no data yet' : formatValue(value, unit)
      const aim = target && status ? `  ${status.replace('_', ' ')}` : ''
      return `  ${title.padEnd(width)}  ${shown}${aim}`
    })
    .join('\n')
}
