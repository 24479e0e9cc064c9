import type { z } from 'zod'
import type { responseTimesAnswerSchema } from '../../../api/schemas/response-times.ts'
import { Panel } from '../../charts/panel.tsx'
import { useFormat } from '../../session/session.tsx'
import { Empty } from '../../ui/state.tsx'

const percentiles = [
  ['p50', 'Half'],
  ['p75', '75 %'],
  ['p90', '90 %'],
  ['p95', '95 %'],
  ['p99', '99 %'],
] as const

/** The chat response SLA over the range, and who waits now. */
export function ResponseTimes({ data }: { data: z.infer<typeof responseTimesAnswerSchema> }) {
  const format = useFormat()
  const seconds = { kind: 'seconds' } as const
  const longest = data.seconds.p99 ?? 0
  return (
    <Panel
      title="Chat response SLA"
      lead={`An answer within ${data.sla_hours} hours`}
      definition="From a member’s first waiting message to the coach’s first answer; AI answers do not stop the clock. Percentiles are exact, over all replies of the range."
      cells={() => [
        ['Percentile', 'Seconds'],
        ...percentiles.map(([key]) => [key, data.seconds[key]]),
        ['within SLA', data.within_sla_share],
        ['replies', data.replies],
        ['waiting now', data.waiting],
        ['waiting over the SLA', data.waiting_over_sla],
      ]}
    >
      {data.replies === 0 && data.waiting === 0 ? (
        <Empty>
          No messages in this range. Send <code>message_sent</code> events of members and coaches.
        </Empty>
      ) : (
        <>
          <p className="figure">{format.percent(data.within_sla_share)}</p>
          <p className="quiet">of {format.count(data.replies)} replies came in time</p>
          <dl className="bars">
            {percentiles.map(([key, title]) => (
              <div key={key}>
                <dt>{title} within</dt>
                <dd>
                  <i
                    style={{ width: `${longest > 0 ? (100 * (data.seconds[key] ?? 0)) / longest : 0}%` }}
                    aria-hidden="true"
                  />
                  <span>{format.value(data.seconds[key], seconds)}</span>
                </dd>
              </div>
            ))}
          </dl>
          <p className={data.waiting_over_sla > 0 ? 'notice' : 'quiet'}>
            {data.waiting_over_sla > 0
              ? `${format.count(data.waiting_over_sla)} ${data.waiting_over_sla === 1 ? 'member waits' : 'members wait'} longer than ${data.sla_hours} hours now`
              : 'Nobody waits longer than the SLA now'}
          </p>
        </>
      )}
    </Panel>
  )
}
