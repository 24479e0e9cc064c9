import { expect } from 'vitest'

/** Polls until the assertion that follows holds: 15 s at most, because the machine may be busy. */
export const poll = <T>(read: () => T) => expect.poll(read, { timeout: 15_000, interval: 20 })
