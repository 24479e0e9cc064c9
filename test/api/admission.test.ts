import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Admission } from '../../api/admission.ts'

const MB = 1_000_000

function gate(options: Partial<{ maxWaitSeconds: number; maxBytes: number }> = {}) {
  let ms = 0
  const admission = new Admission({ maxWaitSeconds: 2, maxBytes: 64 * MB, ...options, now: () => ms })
  return {
    admission,
    pass: (seconds: number) => {
      ms += seconds * 1000
    },
  }
}

/** Lets in requests of a tenant until one is refused; returns how many were let in and why it ended. */
function fill(admission: Admission, tenant: string, bytes: number, most = 10_000) {
  for (let admitted = 0; admitted < most; admitted++) {
    const verdict = admission.enter(tenant, bytes)
    if (verdict !== 'admitted') return { admitted, verdict }
  }
  return { admitted: most, verdict: 'admitted' as const }
}

describe('admission', () => {
  test('lets a tenant fill half of the wait, at the rate that was measured', () => {
    const { admission, pass } = gate()
    // 1 MB/s: one request of 0.5 MB is done every half second
    for (let i = 0; i < 40; i++) {
      expect(admission.enter('a', MB / 2)).toBe('admitted')
      pass(0.5)
      admission.leave('a', MB / 2)
    }
    // 2 s × 1 MB/s / 2 = 1 MB, but four requests always
    expect(fill(admission, 'a', MB / 20)).toEqual({ admitted: 20, verdict: 'tenant_busy' })
  })

  test('refuses everybody when all together have filled the wait', () => {
    const { admission, pass } = gate()
    for (let i = 0; i < 40; i++) {
      admission.enter('a', MB / 2)
      pass(0.5)
      admission.leave('a', MB / 2)
    }
    expect(fill(admission, 'a', MB / 20).admitted).toBe(20)
    expect(fill(admission, 'b', MB / 20)).toEqual({ admitted: 20, verdict: 'tenant_busy' })
    expect(fill(admission, 'c', MB / 20)).toEqual({ admitted: 4, verdict: 'overloaded' })
  })

  test('lets four requests of any tenant in while another floods and nothing gets done', () => {
    const { admission, pass } = gate()
    expect(fill(admission, 'flood', 10_000).verdict).toBe('tenant_busy')
    pass(60)
    expect(fill(admission, 'flood', 10_000)).toEqual({ admitted: 0, verdict: 'tenant_busy' })
    expect(fill(admission, 'quiet', 10_000)).toEqual({ admitted: 4, verdict: 'tenant_busy' })
  })

  test('opens again by itself when work gets done', () => {
    const { admission, pass } = gate()
    const { admitted } = fill(admission, 'a', MB / 10)
    pass(60)
    for (let i = 0; i < admitted; i++) admission.leave('a', MB / 10)
    for (let i = 0; i < 60; i++) {
      expect(admission.enter('a', MB / 10)).toBe('admitted')
      pass(0.05)
      admission.leave('a', MB / 10)
    }
    // 2 MB/s again
    expect(fill(admission, 'a', MB / 10).admitted).toBeGreaterThanOrEqual(15)
  })

  test('never holds more bytes than allowed once the first four of each tenant are in', () => {
    const { admission } = gate({ maxBytes: 20 * MB, maxWaitSeconds: 60 })
    expect(fill(admission, 'a', 3 * MB).admitted).toBeLessThanOrEqual(6)
    expect(admission.enter('b', 10 * MB)).not.toBe('admitted')
  })

  test('forgets every request that left: any order leaves an empty gate', () => {
    const requests = fc.array(
      fc.record({ tenant: fc.constantFrom('a', 'b', 'c'), bytes: fc.integer({ min: 0, max: 2 * MB }) }),
    )
    fc.assert(
      fc.property(requests, fc.infiniteStream(fc.nat()), (all, picks) => {
        const { admission, pass } = gate()
        const inside: { tenant: string; bytes: number }[] = []
        for (const request of all) {
          if (admission.enter(request.tenant, request.bytes) === 'admitted') inside.push(request)
          pass(0.01)
        }
        for (const pick of picks) {
          const [gone] = inside.splice(pick % Math.max(inside.length, 1), 1)
          if (!gone) break
          admission.leave(gone.tenant, gone.bytes)
          pass(0.1)
        }
        for (const tenant of ['a', 'b', 'c']) expect(fill(admission, tenant, 1, 4).admitted).toBe(4)
      }),
    )
  })
})
