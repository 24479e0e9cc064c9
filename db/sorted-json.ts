/** For JSON.stringify: objects with their keys in order, because senders and databases do not keep the order of keys. */
const sortKeys = (_key: string, value: unknown): unknown =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value

/** Whether sorting the keys, at any depth, would change nothing. */
function isSorted(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return true
  if (Array.isArray(value)) return value.every(isSorted)
  let last = ''
  for (const [key, inner] of Object.entries(value)) {
    if (key < last || !isSorted(inner)) return false
    last = key
  }
  return true
}

/** A value as JSON with sorted keys: equal values give equal texts. */
export const sortedJson = (value: unknown): string =>
  // Most senders' few keys are in order already, and a replacer costs several times the rest.
  isSorted(value) ? JSON.stringify(value) : JSON.stringify(value, sortKeys)
