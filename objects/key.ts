import { InvalidKey } from './store.ts'

const MAX_KEY = 512
const MAX_SEGMENT = 200

/**
 * One step of a key: it begins with a letter or digit, so it is neither `.`, `..` nor hidden. No percent sign, backslash,
 * colon or control character is left that any file system, URL or S3 implementation could read in another way.
 */
const segment = /^[A-Za-z0-9][A-Za-z0-9._=-]*$/

function checkSegments(segments: readonly string[]): void {
  for (const part of segments) {
    if (part.length > MAX_SEGMENT) throw new InvalidKey(`a part is longer than ${MAX_SEGMENT} characters`)
    if (!segment.test(part)) throw new InvalidKey('parts are letters, digits and ._=- and begin with a letter or digit')
  }
}

/** Returns the parts of a key, `a/b/c.csv`; throws InvalidKey for anything that is not plainly one. */
export function keyParts(key: string): string[] {
  if (key.length > MAX_KEY) throw new InvalidKey(`longer than ${MAX_KEY} characters`)
  const parts = key.split('/')
  checkSegments(parts)
  return parts
}

/** Splits a prefix into the directories it names for certain and the beginning of a name: `a/b/c` → [a, b], c. */
export function prefixParts(prefix: string): { directories: string[]; begins: string } {
  if (prefix.length > MAX_KEY) throw new InvalidKey(`longer than ${MAX_KEY} characters`)
  const directories = prefix.split('/')
  const begins = directories.pop() ?? ''
  checkSegments(begins === '' ? directories : [...directories, begins])
  return { directories, begins }
}
