import type { z } from 'zod'
import type { heatmapAnswerSchema } from '../../../api/schemas/heatmap.ts'
import { Matrix } from '../../charts/matrix.tsx'
import { Panel } from '../../charts/panel.tsx'
import { useFormat } from '../../session/session.tsx'
import { Empty } from '../../ui/state.tsx'

const weekdays = [1, 2, 3, 4, 5, 6, 7] as const
const hours = Array.from({ length: 24 }, (_, hour) => hour)

/** When members come: sessions by local weekday and hour. */
export function Heatmap({ data }: { data: z.infer<typeof heatmapAnswerSchema> }) {
  const format = useFormat()
  const at = new Map(data.cells.map((cell) => [`${cell.weekday} ${cell.hour}`, cell]))
  const most = Math.max(...data.cells.map(({ sessions }) => sessions))
  const busiest = data.cells.find(({ sessions }) => sessions === most)
  const sessions = (weekday: number, hour: number) => at.get(`${weekday} ${hour}`)?.sessions ?? 0
  const clock = (hour: number) => `${String(hour).padStart(2, '0')}:00`
  return (
    <Panel
      title="When members come"
      lead={
        most > 0 && busiest
          ? `Sessions by weekday and hour, ${data.range.timezone}. Busiest: ${format.weekday(busiest.weekday, 'long')} at ${clock(busiest.hour)}`
          : undefined
      }
      definition="Sessions started, by the tenant’s weekday and hour, over the whole range."
      cells={() => [
        ['Weekday', ...hours.map(clock)],
        ...weekdays.map((day) => [format.weekday(day, 'long'), ...hours.map((hour) => sessions(day, hour))]),
      ]}
    >
      {most === 0 ? (
        <Empty>
          No session began in this range. Send <code>session_started</code> events.
        </Empty>
      ) : (
        <>
          <Matrix
            caption="Sessions by weekday and hour"
            corner=""
            heads={hours.map((hour) => String(hour).padStart(2, '0'))}
            rows={weekdays.map((day) => ({
              key: String(day),
              head: format.weekday(day),
              cells: hours.map((hour) => ({
                key: String(hour),
                strength: sessions(day, hour) / most,
                title: `${format.weekday(day, 'long')} ${clock(hour)}: ${format.count(sessions(day, hour))} sessions`,
              })),
            }))}
          />
          <p className="scale" aria-hidden="true">
            0
            {[1, 3, 5, 7, 9].map((step) => (
              <i key={step} className={`heat-${step}`} />
            ))}
            {format.count(most)}
          </p>
        </>
      )}
    </Panel>
  )
}
