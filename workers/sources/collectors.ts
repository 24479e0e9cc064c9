import type pg from 'pg'
import { devicesWithGaps } from '../../db/device-sequence.ts'
import { type SourceStatus, sourceStatus } from '../../db/sources/runners.ts'
import { type Gauge, sharedRead } from '../gauge.ts'

/** How every source of every tenant is doing: those that workers read, and those that hand over by themselves. */
export function sourceCollectors(pool: pg.Pool): Gauge[] {
  const readSources = sharedRead(() => sourceStatus(pool))
  const source = (name: string, help: string, value: (source: SourceStatus) => number | null) => ({
    name,
    help,
    labels: ['tenant', 'source'],
    collect: async () =>
      (await readSources()).flatMap((status) => {
        const found = value(status)
        return found === null ? [] : [{ value: found, labels: { tenant: status.tenant, source: status.source } }]
      }),
  })
  return [
    source('upcoach_source_up', '1 while a worker runs the source, 0 when it fails or lost its worker.', (s) =>
      s.state === 'stopped' || s.state === 'pushed' ? null : s.state === 'running' || s.state === 'waiting' ? 1 : 0,
    ),
    source(
      'upcoach_source_lag_seconds',
      'How far behind the source is; of what is pushed, how late the newest message of the last batch came.',
      (s) => s.lag_seconds,
    ),
    source('upcoach_source_last_batch_timestamp_seconds', 'When the source last brought something.', (s) =>
      s.last_batch_at === null ? null : Date.parse(s.last_batch_at) / 1000,
    ),
    source(
      'upcoach_source_backlog',
      'What waits on the other side: entries, messages or bytes of log.',
      (s) => s.backlog,
    ),
    source('upcoach_source_processed_total', 'Messages read and settled.', (s) => s.processed),
    source('upcoach_source_accepted_total', 'New events stored from the source.', (s) => s.accepted),
    source('upcoach_source_failed_total', 'Messages of the source that ended in the quarantine.', (s) => s.failed),
    source('upcoach_source_errors_total', 'Runs of the source that ended with an error.', (s) => s.errors),
    {
      name: 'upcoach_devices_with_gaps',
      help: 'Devices of a tenant of whose numbered events some have not arrived.',
      labels: ['tenant'],
      collect: async () =>
        (await devicesWithGaps(pool)).map(({ tenant, devices }) => ({ value: devices, labels: { tenant } })),
    },
  ]
}
