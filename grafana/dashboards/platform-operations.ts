import { dashboard } from '../dashboard.ts'
import { bars, colored, dataBar, number, plot, table, unit } from '../panels.ts'
import { template } from '../query.ts'
import { operatorVariables } from '../variables.ts'

const status = (good: string, bad: string) => [
  colored,
  {
    id: 'mappings',
    value: [{ type: 'value', options: { [good]: { color: 'green', index: 0 }, [bad]: { color: 'red', index: 1 } } }],
  },
]

export const platformOperations = dashboard({
  name: 'platform-operations',
  title: 'Platform operations',
  description: 'Ingest, workers, aggregates, storage and the 24-month rule. Needs an operator’s data source.',
  folder: 'operations',
  from: 'now-7d',
  variables: operatorVariables(),
  rows: {
    Now: [
      number(
        'Waiting since',
        'The longest that an event or webhook has been waiting for the workers.',
        template('lag'),
        {
          unit: 's',
        },
      ).span(6),
      number('Jobs failing', 'Recurring jobs and policies whose last run failed.', template('jobs-failing')).span(6),
      number(
        'Relations past retention',
        'Must be 0: relations with rows of persons older than the rule allows.',
        template('retention-overdue'),
      ).span(6),
      number(
        'Size of all chunks',
        'Heap, indexes and compressed data of every hypertable and aggregate.',
        template('size'),
        {
          unit: 'bytes',
        },
      ).span(6),
    ],
    Ingest: [
      plot('Events per hour', 'Accepted events by tenant, by the hour they happened in.', template('ingest-rate'), {
        stacked: true,
      }),
      plot('Rejected per hour', 'Events in the quarantine by source, by the hour they came in.', template('rejected'), {
        stacked: true,
      }),
      bars('Events by type', 'Accepted events of the range, the 20 most frequent types.', template('ingest-types')),
      table('Last arrivals', 'The last hour with events by tenant.', template('ingest-last'), {
        'Last 24 h': [dataBar],
      })
        .span(12)
        .height(8),
    ],
    Workers: [
      table('Backlog', 'Marks that wait to be folded, and for how long.', template('backlog'), {
        Lag: [unit('s')],
      }).span(8),
      table('Jobs and policies', 'Every recurring job of ours and every TimescaleDB policy.', template('jobs'), {
        'Failures in a row': [
          colored,
          {
            id: 'thresholds',
            value: {
              mode: 'absolute',
              steps: [
                { value: null, color: 'transparent' },
                { value: 1, color: 'orange' },
                { value: 3, color: 'red' },
              ],
            },
          },
        ],
      }).span(16),
    ],
    Sources: [
      table(
        'Sources of the tenants',
        'Change data capture, streams and other sources that workers read.',
        template('sources'),
        {
          State: status('running', 'failing'),
          Behind: [unit('s')],
        },
      ).span(24),
    ],
    Aggregates: [
      table(
        'Freshness of continuous aggregates',
        'Newer rows are added when reading (real time); late ones wait for their refresh.',
        template('aggregates'),
        { Behind: [unit('s'), dataBar] },
      ),
    ],
    Storage: [
      plot(
        'Chunk sizes',
        'Bytes of each chunk of raw events and ledgers, by the time it covers.',
        template('chunk-sizes'),
        {
          unit: 'bytes',
          stacked: true,
        },
      ).span(24),
      table('Chunks and compression', 'By hypertable and aggregate.', template('chunks'), {
        Size: [unit('bytes'), dataBar],
        'Before compression': [unit('bytes')],
        'After compression': [unit('bytes')],
        Ratio: [{ id: 'decimals', value: 1 }],
      }),
    ],
    'Retention proof': [
      table(
        'The 24-month rule',
        'Relations that hold rows of persons; a chunk goes when all of it is older.',
        template('retention-proof'),
        {
          Rule: status('kept', 'overdue'),
        },
      ).span(14),
      table('Deploys and retention runs', 'Marks in the range.', template('marks')).span(10),
    ],
  },
})
