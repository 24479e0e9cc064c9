import { useInfiniteQuery } from '@tanstack/react-query'
import { movementsAnswerSchema } from '../../../api/schemas/revenue.ts'
import { granularities } from '../../../metrics/metric.ts'
import { ask, type Parameters } from '../../api/client.ts'
import { fileName, save, toCsv } from '../../charts/download.ts'
import { useFormat } from '../../session/session.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Failure, Skeleton } from '../../ui/state.tsx'
import { navigate } from '../../view/router.ts'
import { withChange } from '../../view/view.ts'

interface LedgerOf {
  readonly date: string
  readonly granularity: string
  readonly type: string | undefined
}

const go = (ledger: string | undefined) => navigate(location.pathname + withChange(location.search, { ledger }))

/** Which rows are open is part of the address: `ledger=2026-10-01~month~churn`. */
export const openLedger = ({ date, granularity, type }: LedgerOf): void => go([date, granularity, type ?? ''].join('~'))

export function readLedger(search: string): LedgerOf | undefined {
  const [date = '', granularity = '', type] = new URLSearchParams(search).get('ledger')?.split('~') ?? []
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date) || !granularities.some((name) => name === granularity)) return undefined
  return { date, granularity, type: type || undefined }
}

const heads = ['Day', 'Customer', 'Change', 'Amount', 'Plan', 'Provider', 'Subscription', 'Provider events']

/** The ledger rows behind a figure: who, what, when, and which provider events say so. */
export function Ledger({ date, granularity, type, filters }: LedgerOf & { filters: Parameters }) {
  const format = useFormat()
  const query = useInfiniteQuery({
    queryKey: ['/revenue/movements', date, granularity, type, filters],
    queryFn: ({ pageParam, signal }) =>
      ask({
        path: '/revenue/movements',
        schema: movementsAnswerSchema,
        parameters: { ...filters, date, granularity, type, cursor: pageParam },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
  })
  const first = query.data?.pages[0]
  const rows = query.data?.pages.flatMap(({ movements }) => movements) ?? []
  const csv = () =>
    save(
      new Blob([
        toCsv([
          heads,
          ...rows.map((row) => [
            row.day,
            row.customer,
            row.type,
            row.amount,
            row.plan,
            row.provider,
            row.subscription,
            row.provider_event_ids.join(' '),
          ]),
        ]),
      ]),
      fileName(`mrr ${type ?? 'changes'} ${date}`, 'csv'),
    )
  return (
    <Dialog
      title={`Ledger rows: ${type ?? 'all changes'}`}
      lead={
        first
          ? `${format.day(first.range.from)} to ${format.day(first.range.to)} (exclusive) · ${format.count(first.rows)} rows · ${format.value(first.total, first.unit)}`
          : 'Loading'
      }
      onClose={() => go(undefined)}
    >
      {query.error && <Failure error={query.error} retry={query.refetch} isBusy={query.isFetching} />}
      {!first && !query.error && <Skeleton height={200} />}
      {first && (
        <>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
          <section className="scroll" tabIndex={0} aria-label="Ledger rows">
            <table className="list stacked">
              <thead>
                <tr>
                  {heads.map((head, index) => (
                    <th key={head} scope="col" className={index === 3 ? '' : 'text'}>
                      {head}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => (
                  <tr key={`${row.at} ${row.customer} ${row.currency} ${row.subscription} ${row.plan}`}>
                    <th scope="row">{format.day(row.day)}</th>
                    <td className="text" data-label={heads[1]}>
                      {row.customer}
                    </td>
                    <td className="text" data-label={heads[2]}>
                      {row.type}
                      {row.reason && row.reason !== 'unknown' ? ` (${row.reason})` : ''}
                    </td>
                    <td data-label={heads[3]}>{format.value(row.amount, first.unit)}</td>
                    <td className="text" data-label={heads[4]}>
                      {row.plan}
                    </td>
                    <td className="text" data-label={heads[5]}>
                      {row.provider}
                    </td>
                    <td className="text whole" data-label={heads[6]}>
                      <code>{row.subscription}</code>
                    </td>
                    <td className="text whole" data-label={heads[7]}>
                      <code>{row.provider_event_ids.join(' ')}</code>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
          {rows.length === 0 && <p className="quiet">No change of this kind in the period.</p>}
          <div className="row">
            {query.hasNextPage && (
              <button
                type="button"
                className="button"
                onClick={() => query.fetchNextPage()}
                disabled={query.isFetching}
              >
                More rows
              </button>
            )}
            <button type="button" className="button" onClick={csv} disabled={rows.length === 0}>
              Download CSV
            </button>
          </div>
        </>
      )}
    </Dialog>
  )
}
