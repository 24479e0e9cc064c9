import { eventLimits } from './envelope.ts'
import type { EventErrorCode } from './errors.ts'

/** PostgreSQL's jsonb cannot hold NUL or an unpaired surrogate: one such text would fail a whole insert statement. */
export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/** The text with U+FFFD in the place of what cannot be stored. */
export const storable = (text: string): string => text.toWellFormed().replaceAll('\0', '\uFFFD')

type Budget = { left: number }

/**
 * Walks properties once and says which bound they break, or null. Cost is bounded by the limits themselves, not by
 * the input: the walk stops at the first level or element too many.
 */
export function checkPropertyBounds(properties: Record<string, unknown>): EventErrorCode | null {
  return walk(properties, 1, { left: eventLimits.properties })
}

function walk(container: object, depth: number, budget: Budget): EventErrorCode | null {
  if (depth > eventLimits.depth) return 'too_deep'
  if (Array.isArray(container)) {
    for (const item of container) {
      const error = checkValue(item, depth, budget)
      if (error !== null) return error
    }
    return null
  }
  for (const key in container) {
    if (key.length > eventLimits.nameLength) return 'too_large'
    if (!isStorable(key)) return 'invalid_text'
    const error = checkValue(Reflect.get(container, key), depth, budget)
    if (error !== null) return error
  }
  return null
}

function checkValue(value: unknown, depth: number, budget: Budget): EventErrorCode | null {
  if (--budget.left < 0) return 'too_many_properties'
  switch (typeof value) {
    case 'string':
      if (value.length > eventLimits.textLength) return 'too_large'
      return isStorable(value) ? null : 'invalid_text'
    case 'number':
      return Number.isFinite(value) ? null : 'invalid_number'
    case 'object':
      return value === null ? null : walk(value, depth + 1, budget)
    case 'boolean':
    case 'undefined':
      return null
    default:
      return 'invalid_properties'
  }
}
