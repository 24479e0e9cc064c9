import { type ReactNode, useMemo } from 'react'
import { useFormat } from '../session/session.tsx'
import { Empty } from '../ui/state.tsx'
import { hasValues, type SeriesAnswer, timeTable } from './data.ts'
import { Panel, useTimeCells } from './panel.tsx'
import { Trend } from './trend.tsx'
import type { Kind } from './trend-colours.ts'

interface MetricPanelProps {
  readonly answers: readonly SeriesAnswer[]
  readonly title?: string
  readonly lead?: ReactNode
  readonly kind?: Kind
  readonly height?: number
  readonly fromZero?: boolean
  /** What to send so that there is something to see. */
  readonly send: ReactNode
  readonly className?: string
  readonly onPick?: (t: string) => void
}

/** One metric (or a few of one unit) over time, with everything a chart of ours has. */
export function MetricPanel({
  answers,
  title,
  lead,
  kind,
  height,
  fromZero,
  send,
  className,
  onPick,
}: MetricPanelProps) {
  const format = useFormat()
  const table = useMemo(() => timeTable(answers), [answers])
  const time = useTimeCells(table, kind ?? 'line')
  const [first] = answers
  // A metric that cannot be cut as asked is not answered.
  if (!first) return null
  const { metric } = first
  const name = title ?? metric.title
  const target =
    metric.target?.of === 'value'
      ? { value: metric.target.value, title: `Target ${format.value(metric.target.value, metric.unit)}` }
      : undefined
  return (
    <Panel
      title={name}
      lead={lead}
      definition={answers.map((answer) => answer.metric.definition).join('\n\n')}
      className={className ?? ''}
      {...time}
    >
      {hasValues(table) ? (
        <Trend
          table={table}
          target={target}
          label={`${name} by ${table.granularity}; the table has every value`}
          {...(kind ? { kind } : {})}
          {...(height ? { height } : {})}
          {...(fromZero === undefined ? {} : { fromZero })}
          {...(onPick ? { onPick } : {})}
        />
      ) : (
        <Empty>{send}</Empty>
      )}
    </Panel>
  )
}
