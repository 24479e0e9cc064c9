import type { Coupon, Discount } from '../facts.ts'
import { optionalInstant } from './names.ts'
import { minorText } from './price.ts'
import type { StripeCoupon, StripeDiscount } from './shapes.ts'

export function couponOf(coupon: StripeCoupon): Coupon {
  const amounts: Record<string, string> = {}
  for (const [currency, option] of Object.entries(coupon.currency_options ?? {})) {
    amounts[currency.toLowerCase()] = minorText(option.amount_off, currency)
  }
  if (coupon.amount_off != null && coupon.currency) {
    amounts[coupon.currency.toLowerCase()] = minorText(coupon.amount_off, coupon.currency)
  }
  return {
    coupon: coupon.id,
    percent_off: coupon.percent_off ?? null,
    amount_off: amounts,
    duration: coupon.duration,
    products: coupon.applies_to?.products ?? null,
  }
}

/** A discount from any API version: an id, `coupon`, or `source.coupon`, the coupon in turn an id or an object. */
export function discountOf(discount: string | StripeDiscount): Discount {
  if (typeof discount === 'string') return { discount, coupon: null, coupon_id: null, start: null, end: null }
  const coupon = discount.source?.coupon ?? discount.coupon ?? null
  return {
    discount: discount.id ?? null,
    coupon: coupon === null || typeof coupon === 'string' ? null : couponOf(coupon),
    coupon_id: typeof coupon === 'string' ? coupon : (coupon?.id ?? null),
    start: optionalInstant(discount.start),
    end: optionalInstant(discount.end),
  }
}

type Attached = {
  discount?: StripeDiscount | null | undefined
  discounts?: (string | StripeDiscount)[] | null | undefined
}

/** All discounts of an object; the single legacy `discount` repeats one of `discounts`, as an object where that is an id. */
export function discountsOf({ discount, discounts }: Attached): Discount[] {
  const legacy = discount ? discountOf(discount) : null
  const list = (discounts ?? []).map(discountOf)
  if (legacy === null) return list
  const others = list.filter((entry) => entry.discount === null || entry.discount !== legacy.discount)
  return [legacy, ...others]
}
