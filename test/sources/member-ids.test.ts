import fc from 'fast-check'
import { expect, test } from 'vitest'
import { erasedName, erasureKeyOf, memberHash, possibleIds, withoutMember } from '../../sources/member-ids.ts'

const id = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.:-]{2,20}\d{3}$/)
const hash = memberHash(Buffer.alloc(32, 1), 'm')

test('a telling id is found wherever it stands by itself, and whoever looks for it by its hash finds it too', () => {
  fc.assert(
    fc.property(
      id,
      fc.constantFrom('', 'cus_', 'see ', '"'),
      fc.constantFrom('', '.', ', ok', '"'),
      (member, before, after) => {
        const body = { list: [{ note: before + member + after }], [member]: 1 }
        const without = withoutMember(body, member, erasedName(hash))
        expect(JSON.stringify(without)).not.toContain(member)
        expect(possibleIds(body)).toContain(member)
      },
    ),
  )
})

test('the id of another member that begins or ends with it stays', () => {
  const body = { user_id: 'member-17', also: ['member-170', 'member-17-b', 'x-member-17', 'team17'] }
  expect(withoutMember(body, 'member-17', 'gone')).toEqual({ ...body, user_id: 'gone' })
  expect(withoutMember(body, 'member-18', 'gone')).toBe(body)
})

test('a word or a number is replaced only where a person is named', () => {
  const body = {
    plan: 'pro',
    amount: '17',
    user_id: 'pro',
    metadata: { memberId: '17', app_user_id: 'pro' },
    aliases: ['pro', 'x'],
  }
  expect(withoutMember(body, 'pro', 'gone')).toEqual({
    plan: 'pro',
    amount: '17',
    user_id: 'gone',
    metadata: { memberId: '17', app_user_id: 'gone' },
    aliases: ['gone', 'x'],
  })
  expect(withoutMember(body, '17', 'gone')).toMatchObject({ amount: '17', metadata: { memberId: 'gone' } })
})

test('whoever was erased is recognised after the PII key was rotated, any number of times', () => {
  const first = Buffer.alloc(32, 5)
  const second = Buffer.concat([Buffer.alloc(32, 6), erasureKeyOf(first)])
  const third = Buffer.concat([Buffer.alloc(32, 7), erasureKeyOf(second)])
  expect(memberHash(erasureKeyOf(third), 'member-17')).toBe(memberHash(erasureKeyOf(first), 'member-17'))
})
