import { expect, test, vi } from 'vitest'
import type { WorkerContext } from '../../workers/context.ts'
import { firstMarks, leaveRoom, nextMarks } from '../../workers/pace.ts'

test('folds on the embedded engine grow and shrink with the time they take, within bounds', () => {
  const first = firstMarks('embedded')
  expect(nextMarks('embedded', first, 1_000)).toBe(first)
  expect(nextMarks('embedded', first, 2_000)).toBe(first / 2)
  // One quick fold is no reason for a very long one.
  expect(nextMarks('embedded', first, 0)).toBe(first * 2)
  expect(nextMarks('embedded', first, 3_600_000)).toBeGreaterThan(0)
  expect(nextMarks('embedded', firstMarks('server'), 1)).toBe(firstMarks('server'))
})

test('folds on a server are always as large as they may be', () => {
  expect(nextMarks('server', firstMarks('server'), 60_000)).toBe(firstMarks('server'))
})

test('a clock that goes back by hours does not lengthen a pause', { timeout: 10_000 }, async () => {
  const context = { database: { kind: 'embedded' }, isClosing: () => false } as unknown as WorkerContext
  const now = Date.now()
  const clock = vi.spyOn(Date, 'now').mockReturnValue(now + 3 * 3_600_000)
  try {
    const pause = leaveRoom(context, 50, 1, 1_000)
    clock.mockReturnValue(now)
    await pause
  } finally {
    clock.mockRestore()
  }
})
