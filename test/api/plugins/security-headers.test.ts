import { describe, expect, test } from 'vitest'
import { testApp } from '../support/test-app.ts'

const csp = (headers: Record<string, unknown>) => String(headers['content-security-policy'])

describe('security headers', () => {
  test('are on every answer: scripts from this origin only, no framing, no sniffing', async () => {
    const { app } = await testApp()
    for (const url of ['/health/live', '/nothing', '/metrics', '/documentation/json']) {
      const { headers } = await app.inject(url)
      expect(csp(headers)).toContain("default-src 'none'")
      expect(csp(headers)).toContain("script-src 'self';")
      expect(csp(headers)).toContain("frame-ancestors 'none'")
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
      expect(headers['x-powered-by']).toBeUndefined()
    }
    expect(csp((await app.inject('/health/live')).headers)).not.toMatch(/unsafe/)
  })
})

describe('the documentation page', () => {
  test('works under its policy: every script and style is a file of this origin, none is inline', async () => {
    const { app } = await testApp()
    const page = await app.inject('/documentation')
    expect(page.statusCode).toBe(200)
    const scripts = [...page.body.matchAll(/<script([^>]*)>([^<]*)<\/script>/g)]
    expect(scripts.length).toBeGreaterThan(0)
    for (const [, attributes, inline] of scripts) {
      expect(inline?.trim()).toBe('')
      const source = /src="([^"]+)"/.exec(attributes ?? '')?.[1] ?? ''
      const file = await app.inject(new URL(source, 'http://x/documentation').pathname)
      expect(file.statusCode).toBe(200)
      expect(file.headers['content-type']).toMatch(/javascript/)
    }
    for (const [, href] of page.body.matchAll(/<link[^>]*rel="stylesheet"[^>]*href="([^"]+)"/g)) {
      expect((await app.inject(new URL(href ?? '', 'http://x/documentation').pathname)).statusCode).toBe(200)
    }
    expect(csp(page.headers)).toContain("script-src 'self';")
    expect(csp(page.headers)).toContain("style-src 'self' 'unsafe-inline'")
    expect(csp(page.headers)).toContain("connect-src 'self'")
  })
})
