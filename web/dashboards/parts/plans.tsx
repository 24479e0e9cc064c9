import type { z } from 'zod'
import type { revenueAnswerSchema } from '../../../api/schemas/revenue.ts'
import { Donut } from '../../charts/donut.tsx'
import { Panel } from '../../charts/panel.tsx'
import { useFormat } from '../../session/session.tsx'

const MAX_SLICES = 5

/** MRR by plan at the end of the range; small plans are one slice. */
export function Plans({ data }: { data: z.infer<typeof revenueAnswerSchema> }) {
  const format = useFormat()
  const { plans, unit } = data
  const sorted = plans.filter(({ mrr }) => (mrr ?? 0) > 0).sort((a, b) => (b.mrr ?? 0) - (a.mrr ?? 0))
  const total = sorted.reduce((sum, { mrr }) => sum + (mrr ?? 0), 0)
  const rest = sorted.slice(MAX_SLICES)
  const shown = sorted
    .slice(0, MAX_SLICES)
    .map(({ plan, name, mrr }) => ({ key: plan, title: name || plan, value: mrr ?? 0 }))
  if (rest.length > 0)
    shown.push({ key: '', title: `${rest.length} more`, value: rest.reduce((sum, { mrr }) => sum + (mrr ?? 0), 0) })
  return (
    <Panel
      title="MRR by plan"
      lead="At the end of the range"
      className="third"
      cells={() => [['Plan', 'MRR', 'Share'], ...plans.map(({ plan, name, mrr, share }) => [name || plan, mrr, share])]}
      shown={() => [
        ['Plan', 'MRR', 'Share'],
        ...plans.map(({ plan, name, mrr, share }) => [name || plan, format.value(mrr, unit), format.percent(share)]),
      ]}
    >
      <Donut
        slices={shown.map((slice) => ({
          ...slice,
          text: format.value(slice.value, unit),
          share: format.percent(total > 0 ? slice.value / total : null, 0),
        }))}
        total={format.short(total, unit)}
        label="MRR by plan; the list beside it has every value"
      />
    </Panel>
  )
}
