import { createHmac } from 'node:crypto'

const KEY_BYTES = 32

/**
 * What erased members are recognised by, from the tenant's PII key: its second half once it has been rotated, else derived
 * from it. Rotation keeps it, because it must recognise who was erased years ago.
 */
export function erasureKeyOf(piiKey: Buffer): Buffer {
  const known = erasureKeys.get(piiKey)
  if (known) return known
  const key =
    piiKey.length === 2 * KEY_BYTES
      ? piiKey.subarray(KEY_BYTES)
      : createHmac('sha256', piiKey).update('erased members').digest()
  erasureKeys.set(piiKey, key)
  return key
}

/** Asked for with every request that brings events. */
const erasureKeys = new WeakMap<Buffer, Buffer>()

/** The keyed hash that is left of an erased member: it recognises the member's events and reveals nothing. */
export const memberHash = (erasureKey: Buffer, userId: string): string =>
  createHmac('sha256', erasureKey).update(userId, 'utf8').digest('hex')

/** What stands for an erased member where sums need somebody, as in the MRR ledger. A valid id, but nobody's. */
export const erasedName = (hash: string): string => `erased-${hash.slice(0, 32)}`

/** Keys under which any value equal to an id is that member: ours, and those of Stripe's metadata and RevenueCat. */
const personKey =
  /^(user|member|customer|referrer|inviter|invitee|referred_by|invited_by|client_reference|(upcoach|app|original_app)_user|distinct)(_?ids?)?$|^(aliases|transferred_(from|to))$/i

/** Letters and digits, long enough that it is no word and no number: found in the middle of a text, it is that member. */
export const isTelling = (id: string): boolean => id.length >= 6 && /[a-z]/i.test(id) && /\d/.test(id)

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')

/**
 * Any JSON with a member's id replaced: as a whole value under a key that names a person; a telling id also within any text
 * and key, also behind a prefix such as `cus_`. An id such as `pro` or `17` stays where it may mean something else. Returns the same value when nothing changed.
 */
export function withoutMember(value: unknown, id: string, replacement: string): unknown {
  const within = isTelling(id) ? new RegExp(`(?<![A-Za-z0-9-])${literal(id)}(?![A-Za-z0-9_-])`, 'g') : undefined
  const text = (given: string, key: string): string => {
    if (given === id && personKey.test(key)) return replacement
    return within ? given.replace(within, replacement) : given
  }
  const walk = (given: unknown, key: string): unknown => {
    if (typeof given === 'string') return text(given, key)
    if (typeof given !== 'object' || given === null) return given
    if (Array.isArray(given)) {
      const items = given.map((item) => walk(item, key))
      return items.some((item, i) => item !== given[i]) ? items : given
    }
    const entries = Object.entries(given).map(([name, inner]) => [text(name, ''), walk(inner, name)] as const)
    const isSame = entries.every(([name, inner]) => Object.hasOwn(given, name) && Reflect.get(given, name) === inner)
    return isSame ? given : Object.fromEntries(entries)
  }
  return walk(value, '')
}

const token = /[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}/g

/** Every piece of text in any JSON that could be a member's id: whole values, and what stands between blanks and signs. */
export function possibleIds(value: unknown): Set<string> {
  const found = new Set<string>()
  const walk = (given: unknown): void => {
    if (typeof given === 'string') {
      for (const [piece] of given.matchAll(token)) {
        // A sentence's full stop is no part of an id.
        for (const id of [piece, piece.replace(/[.:-]+$/, '')]) {
          found.add(id)
          // Some systems name their objects after ours: cus_member-17.
          for (let at = id.indexOf('_'); at >= 0; at = id.indexOf('_', at + 1)) found.add(id.slice(at + 1))
        }
      }
    } else if (typeof given === 'object' && given !== null) {
      for (const [name, inner] of Object.entries(given)) {
        walk(name)
        walk(inner)
      }
    }
  }
  walk(value)
  return found
}
