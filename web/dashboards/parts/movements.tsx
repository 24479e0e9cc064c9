import { useState } from 'react'
import type { z } from 'zod'
import type { Bridge, revenueAnswerSchema } from '../../../api/schemas/revenue.ts'
import type { Step } from '../../charts/bridge.ts'
import { Panel } from '../../charts/panel.tsx'
import { Waterfall } from '../../charts/waterfall.tsx'
import { useFormat } from '../../session/session.tsx'
import { Choice } from '../../ui/controls.tsx'
import { openLedger } from './ledger.tsx'

const titles = {
  new: 'New',
  reactivation: 'Reactivation',
  expansion: 'Expansion',
  contraction: 'Contraction',
  churn: 'Churn',
} as const
type Movement = keyof typeof titles
const movements = Object.keys(titles) as Movement[]
const falls: readonly Movement[] = ['contraction', 'churn']

const signed = (row: Bridge, name: Movement): number => (falls.includes(name) ? -1 : 1) * (row[name] ?? 0)

/** From the MRR at a period's start to that at its end; a bar opens the ledger rows behind it. */
export function Movements({ data }: { data: z.infer<typeof revenueAnswerSchema> }) {
  const format = useFormat()
  const { bridge, unit, range } = data
  const { granularity } = range
  const [chosen, setChosen] = useState<string>()
  const last = bridge.findLast(({ partial }) => !partial) ?? bridge.at(-1)
  const row = bridge.find(({ t }) => t === chosen) ?? last
  if (!row) return null
  const other = (row.fx ?? 0) + (row.rounding ?? 0)
  const steps: Step[] = [
    { key: 'start', title: 'Start', value: row.start ?? 0, kind: 'total' },
    ...movements.map((name) => ({
      key: name,
      title: titles[name],
      value: signed(row, name),
      kind: falls.includes(name) ? ('down' as const) : ('up' as const),
    })),
    ...(other === 0
      ? []
      : [{ key: 'fx', title: 'Exchange', value: other, kind: other > 0 ? ('up' as const) : ('down' as const) }]),
    { key: 'end', title: 'End', value: row.end ?? 0, kind: 'total' },
  ]
  const pick = (key: string) => {
    const type = movements.find((name) => name === key)
    openLedger({ date: row.t, granularity, type })
  }
  const heads = ['Period', 'Start', ...movements.map((name) => titles[name]), 'Exchange', 'Rounding', 'End']
  const cells = (of: Bridge) => [of.start, ...movements.map((name) => signed(of, name)), of.fx, of.rounding, of.end]
  return (
    <Panel
      title="What moved MRR"
      lead={`${format.bucket(row.t, granularity)}${row.partial ? ', so far' : ''}: ${format.value(row.start, unit)} → ${format.value(row.end, unit)}`}
      definition="Start + new + reactivation + expansion − contraction − churn + exchange = end, exactly; every amount is the sum of ledger rows, which a click shows."
      className="two-thirds"
      cells={() => [heads, ...bridge.map((of) => [of.t, ...cells(of)])]}
      shown={() => [
        heads,
        ...bridge.map((of) => [
          format.bucket(of.t, granularity) + (of.partial ? ' (so far)' : ''),
          ...cells(of).map((value) => format.value(value, unit)),
        ]),
      ]}
    >
      <div className="controls">
        <Choice
          label="Period of the waterfall"
          value={row.t}
          options={bridge
            .toReversed()
            .map(({ t, partial }) => [t, format.bucket(t, granularity) + (partial ? ' (so far)' : '')])}
          onChange={setChosen}
        />
      </div>
      <Waterfall
        steps={steps}
        unit={unit}
        label="MRR from the start of the period to its end, by kind of change"
        onPick={pick}
      />
      <ul className="drill" aria-label="Ledger rows behind a change">
        {movements.map((name) => (
          <li key={name}>
            <button type="button" className="chip" onClick={() => pick(name)} disabled={!row[name]}>
              {titles[name]} {format.value(signed(row, name), unit)}
            </button>
          </li>
        ))}
      </ul>
    </Panel>
  )
}
