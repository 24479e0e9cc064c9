import { replaceEmails } from '../emails.ts'
import { hmac } from '../pii.ts'
import { storable } from '../property-bounds.ts'

/** Keys whose values are personal wherever a provider puts them (`customer_email`, `$phoneNumber`, `billing_address`). */
const PERSONAL =
  /(^|[_$])(e?mail|phone|phone_?number|first_?name|last_?name|full_?name|display_?name|customer_name|address|ip|ip_address|line1|line2|postal_code)$/i
/** What is sold has a name that everybody may read. */
const CATALOGUE = new Set(['product', 'coupon', 'price', 'plan', 'promotion_code'])
const MAX_DEPTH = 40

/**
 * A provider's body as it may be kept and folded: personal values and every e-mail address in any text become
 * `hmac:<32 hex>` under the tenant's key, so that an app user id that is an address stays one customer and cannot be read
 * back. Applied before facts are made, so that the kept body gives the same facts again. Pure and idempotent.
 */
export function scrubBody(value: unknown, key: Buffer, depth = 0): unknown {
  if (typeof value === 'string') return scrubText(value, key)
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH) return null
  if (Array.isArray(value)) return value.map((item) => scrubBody(item, key, depth + 1))
  const isCatalogue = CATALOGUE.has(String(Reflect.get(value, 'object')))
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const isPersonal = PERSONAL.test(snakeCase(name)) || (name === 'name' && !isCatalogue)
      return [scrubText(name, key), isPersonal ? hide(inner, key) : scrubBody(inner, key, depth + 1)]
    }),
  )
}

/** `customerPhone` → `customer_Phone`: metadata is spelt as its author likes. */
const snakeCase = (name: string): string => name.replace(/([a-z])([A-Z])/g, '$1_$2')

const REPLACED = /^hmac:[0-9a-f]{32}$/

function hide(value: unknown, key: Buffer): unknown {
  if (value === null || value === undefined || typeof value === 'boolean' || value === '') return value
  if (typeof value === 'string') return REPLACED.test(value) ? value : hmac(value, key)
  return hmac(JSON.stringify(value), key)
}

function scrubText(text: string, key: Buffer): string {
  return replaceEmails(storable(text), (address) => hmac(address, key))
}
