import { describe, expect, test } from 'vitest'
import { ofKind, type RevenueFact } from '../../../../sources/revenue/facts.ts'
import { foldCustomer } from '../../../../sources/revenue/fold.ts'
import { toMicro } from '../../../../sources/revenue/money.ts'
import { DEFAULT_POLICY } from '../../../../sources/revenue/policy.ts'
import { formatRational, multiply, rationalOf, subtract } from '../../../../sources/revenue/rational.ts'
import { toFacts } from '../../../../sources/revenue/to-facts.ts'
import { csvRows, describeReal, factsOf, readReal, readRealJson, realFiles } from '../support.ts'

const FOLDER = 'revenuecat_events'
const read = (file: string) => toFacts('revenuecat', readRealJson(FOLDER, file))
const facts = (file: string): RevenueFact[] => factsOf('revenuecat', readRealJson(FOLDER, file))
const first = (file: string): RevenueFact => {
  const [fact] = facts(file)
  if (fact === undefined) throw new Error('no fact')
  return fact
}

describeReal(FOLDER, "RevenueCat's documented samples", () => {
  const rows = csvRows(readReal(FOLDER, 'index.csv')).filter((row) => realFiles(FOLDER).includes(row.file ?? ''))

  test('every sample is there and becomes what its type means', () => {
    const outcomes = rows.map((row) => {
      const reading = read(row.file ?? '')
      const kinds =
        reading.outcome === 'facts' ? reading.facts.map((fact) => fact.kind).filter((kind) => kind !== 'identity') : []
      return [row.file, row.type, reading.outcome === 'facts' ? kinds.join('+') : reading.outcome]
    })
    expect(outcomes).toEqual([
      ['event-types-and-fields_1.json', 'INITIAL_PURCHASE', 'purchase+payment'],
      ['sample-event-experiment-enrollment.json', 'EXPERIMENT_ENROLLMENT', 'ignored'],
      ['sample-event-invoice-issuance.json', 'INVOICE_ISSUANCE', 'ignored'],
      ['sample-event-refund-reversed.json', 'REFUND_REVERSED', 'refund+reinstatement'],
      ['sample-event-temporary-entitlement-grant.json', 'TEMPORARY_ENTITLEMENT_GRANT', 'ignored'],
      ['sample-events_1.json', 'INITIAL_PURCHASE', 'purchase+payment'],
      ['sample-events_10.json', 'PRODUCT_CHANGE', 'product_change'],
      ['sample-events_11.json', 'INITIAL_PURCHASE', 'purchase'],
      ['sample-events_12.json', 'CANCELLATION', 'auto_renew'],
      ['sample-events_13.json', 'EXPIRATION', 'expiration'],
      ['sample-events_14.json', 'SUBSCRIPTION_EXTENDED', 'extension'],
      ['sample-events_15.json', 'VIRTUAL_CURRENCY_TRANSACTION', 'ignored'],
      ['sample-events_2.json', 'RENEWAL', 'purchase+payment'],
      ['sample-events_3.json', 'CANCELLATION', 'auto_renew'],
      ['sample-events_4.json', 'UNCANCELLATION', 'auto_renew'],
      ['sample-events_5.json', 'NON_RENEWING_PURCHASE', 'payment'],
      ['sample-events_6.json', 'SUBSCRIPTION_PAUSED', 'ignored'],
      ['sample-events_7.json', 'BILLING_ISSUE', 'billing_issue'],
      ['sample-events_8.json', 'TRANSFER', 'transfer'],
      ['sample-events_9.json', 'CANCELLATION', 'refund+revocation'],
    ])
    expect(rows).toHaveLength(realFiles(FOLDER).length)
  })

  test('an API error page is not an event: rejected', () => {
    expect(toFacts('revenuecat', { code: 7638, type: 'unprocessable_entity_error' }).outcome).toBe('rejected')
  })

  test('paid purchases are worth their price in the currency it was paid in, by the dates of the period', () => {
    const paid = rows.filter(
      (row) => /PURCHASE|RENEWAL/.test(row.type ?? '') && row.period_type === 'NORMAL' && row.expiration_at,
    )
    expect(paid.map((row) => row.file)).toEqual([
      'event-types-and-fields_1.json',
      'sample-events_1.json',
      'sample-events_2.json',
    ])
    for (const row of paid) {
      expect(row.period_days).toBe('7.0')
      const weekly = multiply(rationalOf(row.price_in_purchased_currency ?? ''), rationalOf('5200/12'))
      const { movements } = foldCustomer(facts(row.file ?? ''))
      const at = new Date(row.purchased_at ?? '').toISOString()
      expect(movements.map(({ type, currency, delta, at }) => [type, currency, delta, at])).toEqual([
        ['new', row.currency?.toLowerCase(), toMicro(weekly), at],
      ])
    }
  })

  test("with four weeks to a month, RevenueCat's own charts: 2.49 a week is 9.96, 4.99 is 19.96", () => {
    const policy = { ...DEFAULT_POLICY, weekly_factor: '4' as const }
    const mrr = (file: string) => foldCustomer(facts(file), policy).movements[0]?.delta
    expect([mrr('event-types-and-fields_1.json'), mrr('sample-events_1.json')]).toEqual([996_000_000n, 1_996_000_000n])
  })

  test('a tenant that knows `onemonth_no_trial` is monthly says so: 2.49', () => {
    const catalogue = {
      prices: new Map(),
      products: new Map(),
      coupons: new Map(),
      intervals: new Map([['onemonth_no_trial', { unit: 'month' as const, count: 1 }]]),
    }
    const { movements } = foldCustomer(facts('event-types-and-fields_1.json'), DEFAULT_POLICY, { catalogue })
    expect(movements.map(({ delta }) => delta)).toEqual([249_000_000n])
  })

  test('proceeds take off commission and tax, which `takehome_percentage` forgets', () => {
    const [payment] = ofKind(facts('event-types-and-fields_1.json'), 'payment')
    const kept = subtract(rationalOf(1), rationalOf('0.6'))
    expect(payment?.proceeds).toBe(formatRational(multiply(rationalOf(249), kept)))
    expect(payment?.proceeds).not.toBe(formatRational(multiply(rationalOf(249), rationalOf('0.7'))))
  })

  test('a trial is no MRR and no money', () => {
    const { movements, revenue, trials } = foldCustomer(facts('sample-events_11.json'))
    expect([movements, revenue]).toEqual([[], []])
    expect(trials).toHaveLength(1)
  })

  test('a purchase that does not renew is one-time revenue in the currency it was paid in', () => {
    const { movements, revenue } = foldCustomer(facts('sample-events_5.json'))
    expect(movements).toEqual([])
    expect(revenue.map(({ type, currency, amount }) => [type, currency, amount])).toEqual([
      ['one_time', 'cad', 3_299_000_000n],
    ])
  })

  test('a refund is a CANCELLATION with a negative price: 9.99 back, access gone when it expired', () => {
    const { revenue } = foldCustomer(facts('sample-events_9.json'))
    expect(revenue.map(({ type, amount }) => [type, amount])).toEqual([['refund', -999_000_000n]])
    expect(facts('sample-events_9.json').find((fact) => fact.kind === 'revocation')).toMatchObject({
      expires_at: '2020-09-28T23:45:05.000Z',
    })
  })

  test('TRANSFER has no app_user_id and a time in the year 4466; both are fine', () => {
    expect(first('sample-events_8.json')).toMatchObject({
      kind: 'transfer',
      account: null,
      at: '4466-09-30T20:43:18.798Z',
      from: ['revenuecat:00005A1C-6091-4F81-BE77-F0A83A271AB6'],
      to: ['revenuecat:4BEDB450-8EF2-11E9-B475-0800200C9A66'],
    })
  })

  test('PRODUCT_CHANGE and prices of 0 on EXPIRATION and CANCELLATION move nothing by themselves', () => {
    for (const file of [
      'sample-events_10.json',
      'sample-events_13.json',
      'sample-events_3.json',
      'sample-events_12.json',
    ]) {
      const { movements, revenue } = foldCustomer(facts(file))
      expect([movements, revenue]).toEqual([[], []])
    }
  })

  test('an anonymous app user is the member among its aliases', () => {
    expect(ofKind(facts('sample-events_3.json'), 'identity')[0]).toMatchObject({
      member: 'user_1234',
      accounts: [
        'revenuecat:$RCAnonymousID:12345678-1234-1234-1234-123456789123',
        'revenuecat:$RCAnonymousID:12345678-1234-ABCD-1234-123456789123',
      ],
    })
  })
})

describe('what does not count', () => {
  const body = (more: Record<string, unknown>) => ({
    api_version: '1.0',
    event: {
      id: 'e',
      type: 'INITIAL_PURCHASE',
      event_timestamp_ms: 1,
      app_user_id: 'm',
      product_id: 'p',
      price: 5,
      ...more,
    },
  })

  test.each([
    ['TEST', { type: 'TEST' }],
    ['sandbox', { environment: 'SANDBOX' }],
    ['promotional store', { store: 'PROMOTIONAL' }],
    ['promotional period', { period_type: 'PROMOTIONAL' }],
    ['family share', { is_family_share: true }],
    ['an unknown type', { type: 'SOMETHING_NEW' }],
  ])('%s is ignored', (_, more) => {
    expect(toFacts('revenuecat', body(more)).outcome).toBe('ignored')
  })

  test('a purchase without a product or an app user is rejected with the fields', () => {
    expect(toFacts('revenuecat', body({ product_id: null, app_user_id: undefined }))).toMatchObject({
      outcome: 'rejected',
      errors: [{ field: 'event.app_user_id' }, { field: 'event.product_id' }],
    })
  })
})
