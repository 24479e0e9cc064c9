import type { z } from 'zod'
import type { revenueAnswerSchema } from '../../../api/schemas/revenue.ts'
import type { SeriesAnswer } from '../../charts/data.ts'
import { Forecast, type ForecastRow } from '../../charts/forecast.tsx'
import { Panel } from '../../charts/panel.tsx'
import { useFormat } from '../../session/session.tsx'
import { Empty } from '../../ui/state.tsx'

/** ARR so far and the next six months, with the interval that holds it four times out of five. */
export function ArrForecast({
  data,
  mrr,
}: {
  data: z.infer<typeof revenueAnswerSchema>
  mrr: SeriesAnswer | undefined
}) {
  const format = useFormat()
  const { arr_forecast: forecast, unit, range } = data
  // History by month only: the forecast's own months begin with the running one.
  const first = forecast.months[0]?.t
  const past: ForecastRow[] =
    range.granularity === 'month' && mrr?.series.length === 1
      ? (mrr.series[0]?.points ?? [])
          .filter(({ t }) => first === undefined || t < first)
          .map(({ t, value }) => ({ t, past: value === null ? null : 12 * value, ahead: null, band: null }))
      : []
  const joint = past.at(-1)
  const rows: ForecastRow[] = [
    ...past.slice(0, -1),
    ...(joint
      ? [{ ...joint, ahead: joint.past, band: joint.past === null ? null : ([joint.past, joint.past] as const) }]
      : []),
    ...forecast.months.map(({ t, value, low, high }) => ({ t, past: null, ahead: value, band: [low, high] as const })),
  ]
  const last = forecast.months.at(-1)
  return (
    <Panel
      title="ARR forecast"
      lead={
        last
          ? `${format.whole(last.value, unit)} by ${format.bucket(last.t, 'month')}, with ${format.percent(0.8)} probability between ${format.whole(last.low, unit)} and ${format.whole(last.high, unit)}`
          : undefined
      }
      definition="Damped-trend exponential smoothing of month-end MRR, times 12; the band is the 80 % prediction interval. Months that are not over do not count."
      cells={() => [
        ['Month', 'ARR', 'Forecast', 'Low', 'High'],
        ...rows.map((row) => [
          row.t,
          row.past,
          row.past === null ? row.ahead : null,
          row.band?.[0] ?? null,
          row.band?.[1] ?? null,
        ]),
      ]}
      shown={() => [
        ['Month', 'ARR', 'Forecast', 'Low', 'High'],
        ...rows.map((row) => [
          format.bucket(row.t, 'month'),
          format.value(row.past, unit),
          format.value(row.past === null ? row.ahead : null, unit),
          format.value(row.past === null ? row.band?.[0] : null, unit),
          format.value(row.past === null ? row.band?.[1] : null, unit),
        ]),
      ]}
    >
      {forecast.available ? (
        <Forecast
          rows={rows}
          unit={unit}
          label="Annual recurring revenue so far and its forecast with an 80 % interval"
        />
      ) : (
        <Empty title="No forecast yet">{forecast.reason ?? 'There is too little history.'}</Empty>
      )}
    </Panel>
  )
}
