/**
 * Exact fractions of big integers. Prices per quarter or week do not divide evenly (8000/3), and a ledger must not
 * depend on the order in which floating point sums were made; so everything up to the final rounding is a fraction.
 */
export type Rational = { readonly n: bigint; readonly d: bigint }

export const ZERO: Rational = { n: 0n, d: 1n }

const gcd = (a: bigint, b: bigint): bigint => (b === 0n ? a : gcd(b, a % b))

/** n/d reduced, with the sign on the numerator. Throws RangeError when d is 0. */
export function rational(n: bigint, d = 1n): Rational {
  if (d === 0n) throw new RangeError('a rational needs a denominator other than 0')
  const g = gcd(n < 0n ? -n : n, d < 0n ? -d : d) || 1n
  const sign = d < 0n ? -1n : 1n
  return { n: (sign * n) / g, d: (sign * d) / g }
}

const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/

/**
 * Reads `12`, `-0.5`, `1e-7` or a fraction `52/12` exactly: the decimal text is read digit by digit, never through
 * binary floating point. A JavaScript number is read by its shortest decimal form, which is what its JSON said.
 * Throws RangeError on anything else.
 */
export function rationalOf(value: string | number | bigint): Rational {
  if (typeof value === 'bigint') return { n: value, d: 1n }
  const text = String(value).trim()
  const [top, bottom, ...rest] = text.split('/')
  if (bottom !== undefined && rest.length === 0) return divide(rationalOf(top ?? ''), rationalOf(bottom))
  const match = NUMBER.exec(text)
  const [, sign, whole = '', decimals = '', exponent = '0'] = match ?? []
  if (match === null || whole + decimals === '') throw new RangeError(`not a number: ${text}`)
  const shift = Number(exponent) - decimals.length
  const digits = BigInt(`${sign === '-' ? '-' : ''}${whole}${decimals}`)
  return shift >= 0 ? rational(digits * 10n ** BigInt(shift)) : rational(digits, 10n ** BigInt(-shift))
}

export const add = (a: Rational, b: Rational): Rational => rational(a.n * b.d + b.n * a.d, a.d * b.d)
export const subtract = (a: Rational, b: Rational): Rational => rational(a.n * b.d - b.n * a.d, a.d * b.d)
export const multiply = (a: Rational, b: Rational): Rational => rational(a.n * b.n, a.d * b.d)
export const divide = (a: Rational, b: Rational): Rational => rational(a.n * b.d, a.d * b.n)
export const sum = (parts: Iterable<Rational>): Rational => [...parts].reduce(add, ZERO)
export const isPositive = (a: Rational): boolean => a.n > 0n
/** Never below zero: a discount cannot make a subscription pay the customer. */
export const floorAtZero = (a: Rational): Rational => (a.n < 0n ? ZERO : a)

/** Nearest integer, a half to the even neighbour, so that roundings do not drift upwards over many subscriptions. */
export function roundHalfEven({ n, d }: Rational): bigint {
  const floor = n >= 0n ? n / d : -((-n + d - 1n) / d)
  const twice = 2n * (n - floor * d)
  if (twice < d) return floor
  if (twice > d) return floor + 1n
  return floor % 2n === 0n ? floor : floor + 1n
}

/** `2450` or `6500/3`: for messages and tests. */
export const formatRational = ({ n, d }: Rational): string => (d === 1n ? `${n}` : `${n}/${d}`)
