import { describe, expect, test } from 'vitest'
import { amountFor, type Pricing } from '../../../sources/revenue/pricing.ts'
import { formatRational } from '../../../sources/revenue/rational.ts'

const amount = (pricing: Pricing, quantity: number): string | null => {
  const result = amountFor(pricing, quantity)
  return result && formatRational(result)
}
const tiers = [
  { up_to: 5, unit: '500', flat: null },
  { up_to: 10, unit: '400', flat: '1000' },
  { up_to: null, unit: '300', flat: null },
]

describe('the amount of a quantity', () => {
  test('per unit, fractions of a cent included; quantity 0 costs nothing', () => {
    const pricing: Pricing = { scheme: 'per_unit', unit: '0.5', divide: null }
    expect([0, 1, 3].map((quantity) => amount(pricing, quantity))).toEqual(['0', '1/2', '3/2'])
  })

  test('packages of 10 round up or down before they are priced', () => {
    const packs = (round: 'up' | 'down'): Pricing => ({ scheme: 'per_unit', unit: '200', divide: { by: 10, round } })
    expect([0, 10, 11].map((quantity) => amount(packs('up'), quantity))).toEqual(['0', '200', '400'])
    expect([9, 10, 19].map((quantity) => amount(packs('down'), quantity))).toEqual(['0', '200', '200'])
  })

  test('volume: the tier of the whole quantity prices every unit', () => {
    const pricing: Pricing = { scheme: 'tiered', mode: 'volume', tiers }
    expect([1, 5, 6, 10, 11].map((quantity) => amount(pricing, quantity))).toEqual([
      '500',
      '2500',
      '3400',
      '5000',
      '3300',
    ])
  })

  test('graduated: each tier prices the units that fall into it, flat fees included', () => {
    const pricing: Pricing = { scheme: 'tiered', mode: 'graduated', tiers }
    expect([0, 1, 5, 6, 10, 12].map((quantity) => amount(pricing, quantity))).toEqual([
      '0',
      '500',
      '2500',
      '3900',
      '5500',
      '6100',
    ])
  })

  test('a quantity beyond the last tier is priced by the last tier', () => {
    const closed = tiers.slice(0, 2)
    expect(amount({ scheme: 'tiered', mode: 'volume', tiers: closed }, 20)).toBe('9000')
    expect(amount({ scheme: 'tiered', mode: 'volume', tiers: [] }, 20)).toBe('0')
  })

  test('an unknown price stays unknown', () => {
    expect(amount({ scheme: 'unknown' }, 3)).toBeNull()
  })
})
