import { describe, expect, test } from 'vitest'
import { foldCustomer } from '../../../../sources/revenue/fold.ts'
import { exportRowSchema, webhookBodiesOf } from '../../../../sources/revenue/revenuecat/export.ts'
import { csvRows, factsOf, revenuecatEvent } from '../support.ts'

const HEADER =
  'rc_original_app_user_id,rc_last_seen_app_user_id_alias,product_identifier,start_time,end_time,grace_period_end_time,effective_end_time,store,is_auto_renewable,is_trial_period,is_in_intro_offer_period,is_sandbox,is_trial_conversion,price_in_usd,purchase_price_in_usd,price_in_purchased_currency,purchase_price_in_purchased_currency,purchased_currency,tax_percentage,commission_percentage,store_transaction_id,original_store_transaction_id,refunded_at,unsubscribe_detected_at,renewal_number,ownership_type'

type Cells = {
  tx: string
  start: string
  end: string
  effective?: string
  price?: string
  net?: string
  refunded?: string
  asked?: string
  trial?: boolean
  n?: number
  original?: string
  renews?: boolean
  sandbox?: boolean
}
const row = ({
  tx,
  start,
  end,
  effective = end,
  price = '9.99',
  net = price,
  refunded = '',
  asked = '',
  trial = false,
  n = 1,
  original = 'o1',
  renews = true,
  sandbox = false,
}: Cells) =>
  `$RCAnonymousID:a,member-1,coach.monthly,${start} 08:00:00,${end && `${end} 08:00:00`},,${effective && `${effective} 08:00:00`},app_store,${renews},${trial},false,${sandbox},${n > 1 && !trial},${net},${price},${net},${price},EUR,0.1,0.15,${tx},${original},${refunded && `${refunded} 08:00:00`},${asked && `${asked} 08:00:00`},${n},PURCHASED`

const EXPORTED = new Date('2025-06-01T00:00:00Z')
const bodies = (...rows: Cells[]) =>
  webhookBodiesOf(
    csvRows([HEADER, ...rows.map(row)].join('\n')).map((record) => exportRowSchema.parse(record)),
    EXPORTED,
  )
const story = (given: ReturnType<typeof bodies>) =>
  foldCustomer(factsOf('revenuecat', ...given)).movements.map(
    ({ type, customer, currency, at }) => `${type} ${customer} ${currency} ${at.slice(0, 10)}`,
  )

describe('a scheduled data export', () => {
  const trial = { tx: 't0', start: '2025-01-01', end: '2025-01-08', trial: true, price: '0' }
  const paid = { tx: 't1', start: '2025-01-08', end: '2025-02-07', n: 2 }
  const renewed = { tx: 't2', start: '2025-02-07', end: '2025-03-09', n: 3, asked: '2025-02-20' }
  const again = { tx: 't3', start: '2025-05-20', end: '2025-06-19', n: 4 }

  test('tells the same story as the webhooks: trial, conversion, renewal, lapse, return', () => {
    expect(story(bodies(trial, paid, renewed, again))).toEqual([
      'new member-1 eur 2025-01-08',
      'churn member-1 eur 2025-03-09',
      'reactivation member-1 eur 2025-05-20',
    ])
    const { trials, revenue } = foldCustomer(factsOf('revenuecat', ...bodies(trial, paid, renewed, again)))
    expect(trials.map(({ converted_at }) => converted_at)).toEqual(['2025-01-08T08:00:00.000Z'])
    expect(revenue).toHaveLength(3)
  })

  test('beside the webhooks of the same transactions nothing counts twice', () => {
    const hook = revenuecatEvent('RENEWAL', '2025-01-08T08:00:00.500Z', {
      transaction_id: 't1',
      original_transaction_id: 'o1',
      currency: 'EUR',
      aliases: ['$RCAnonymousID:a'],
    })
    const facts = factsOf('revenuecat', ...bodies(trial, paid, renewed), hook)
    const { movements, revenue } = foldCustomer(facts)
    expect(movements.map(({ type }) => type)).toEqual(['new', 'churn'])
    expect(revenue).toHaveLength(2)
  })

  test('a refund takes off what the price lost, and the access if it was all of it', () => {
    const whole = { ...paid, net: '0', refunded: '2025-01-20', effective: '2025-01-20' }
    const part = { ...paid, net: '3.49', refunded: '2025-01-20' }
    const { revenue } = foldCustomer(factsOf('revenuecat', ...bodies(part)))
    expect(revenue.map(({ type, amount }) => [type, amount])).toEqual([
      ['recurring', 999_000_000n],
      ['refund', -650_000_000n],
    ])
    expect(story(bodies(whole))).toEqual(['new member-1 eur 2025-01-08', 'churn member-1 eur 2025-01-20'])
    expect(story(bodies(part))).toEqual(['new member-1 eur 2025-01-08', 'churn member-1 eur 2025-02-07'])
  })

  test('a running subscription is running; a purchase that does not renew is one-time; invalid rows are left out', () => {
    expect(story(bodies(again))).toEqual(['new member-1 eur 2025-05-20'])
    const once = foldCustomer(
      factsOf('revenuecat', ...bodies({ tx: 't9', start: '2025-01-01', end: '', renews: false })),
    )
    expect([once.movements, once.revenue.map(({ type }) => type)]).toEqual([[], ['one_time']])
    expect(bodies({ tx: 't8', start: '2025-02-01', end: '2025-01-01' })).toEqual([])
  })
})
