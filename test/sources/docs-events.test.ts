import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { eventsPage } from '../../cli/docs-events.ts'

test('docs/events.md is what the catalogue says; run `node --import tsx cli/docs-events.ts` after a change', () => {
  const page = new URL('../../docs/events.md', import.meta.url)
  expect(readFileSync(page, 'utf8')).toBe(eventsPage())
})
