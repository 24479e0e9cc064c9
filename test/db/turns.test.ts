import pg from 'pg'
import { expect, test } from 'vitest'
import { inTurn, WaitedTooLong } from '../../db/turns.ts'

/** Connects to nothing: only its size matters. */
const poolOf = (max: number) => new pg.Pool({ max })

test('one tenant’s flood lets another go before the rest of it, and nothing is left behind', async () => {
  const pool = poolOf(4)
  const began: string[] = []
  const ends: (() => void)[] = []
  const piece = (tenant: string) =>
    inTurn(pool, tenant, () => {
      began.push(tenant)
      return new Promise<void>((resolve) => ends.push(resolve))
    })
  const all = [...Array.from({ length: 6 }, () => piece('loud')), piece('quiet'), piece('calm'), piece('quiet')]
  expect(began).toEqual(['loud', 'loud'])
  for (let done = 0; done < all.length; done += 1) {
    ends[done]?.()
    await new Promise(setImmediate)
  }
  await Promise.all(all)
  expect(began).toEqual(['loud', 'loud', 'loud', 'quiet', 'calm', 'loud', 'quiet', 'loud', 'loud'])
})

test('a turn that fails is passed on, and its error reaches its own caller only', async () => {
  const pool = poolOf(1)
  const results = await Promise.allSettled([
    inTurn(pool, 'a', () => Promise.reject(new Error('no'))),
    inTurn(pool, 'b', async () => 'done'),
    inTurn(pool, 'a', async () => 'also done'),
  ])
  expect(results).toMatchObject([{ reason: new Error('no') }, { value: 'done' }, { value: 'also done' }])
  expect(await inTurn(pool, 'c', async () => 'free')).toBe('free')
})

test('what has waited too long is refused without being begun, except the first four of each tenant', async () => {
  const pool = poolOf(1)
  const began: string[] = []
  let end = (): void => undefined
  const running = inTurn(pool, 'loud', () => new Promise<void>((resolve) => (end = resolve)))
  const piece = (name: string) => inTurn(pool, name.slice(0, -1), async () => began.push(name), performance.now() + 20)
  const loud = [1, 2, 3, 4, 5, 6].map((n) => piece(`loud${n}`))
  const quiet = piece('quiet1')
  await expect(loud[4]).rejects.toThrow(WaitedTooLong)
  await expect(loud[5]).rejects.toThrow(WaitedTooLong)
  end()
  await Promise.all([running, ...loud.slice(0, 4), quiet])
  expect(began).toEqual(['loud1', 'quiet1', 'loud2', 'loud3', 'loud4'])
})
