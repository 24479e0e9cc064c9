import { expect, test } from 'vitest'
import { type LinkQuery, signLink, verifyLink } from '../../objects/signed-link.ts'

const secret = Buffer.alloc(32, 1)
const key = 'exports/t1/x.csv'
const now = Date.parse('2026-04-01T00:00:00Z')
const url = new URL(signLink(secret, key, { expiresInSeconds: 900, filename: 'x.csv' }, now), 'http://a')
const query = Object.fromEntries(url.searchParams) as unknown as LinkQuery

test('a link holds until it expires', () => {
  expect(url.pathname).toBe(`/objects/${key}`)
  expect(verifyLink(secret, key, query, now + 899_000)).toBe('valid')
  expect(verifyLink(secret, key, query, now + 900_000)).toBe('expired')
})

test('no part of a link can be changed', () => {
  const { expires, signature } = query
  expect(verifyLink(secret, 'exports/t2/x.csv', query, now)).toBe('invalid')
  expect(verifyLink(secret, key, { ...query, expires: String(Number(expires) + 1) }, now)).toBe('invalid')
  expect(verifyLink(secret, key, { ...query, filename: 'x.html' }, now)).toBe('invalid')
  expect(verifyLink(secret, key, { ...query, signature: '' }, now)).toBe('invalid')
  expect(verifyLink(secret, key, { ...query, signature: `${signature}=` }, now)).toBe('invalid')
  expect(verifyLink(secret, key, { ...query, signature: signature.slice(0, -1) }, now)).toBe('invalid')
  expect(verifyLink(Buffer.alloc(32, 2), key, query, now)).toBe('invalid')
})

test('parts cannot lend each other characters', () => {
  const other = new URL(signLink(secret, 'a/b1', { expiresInSeconds: 900, filename: 'x' }, now), 'http://a')
  const moved = Object.fromEntries(other.searchParams) as unknown as LinkQuery
  expect(verifyLink(secret, 'a/b', { ...moved, expires: `1${moved.expires}` }, now)).toBe('invalid')
})
