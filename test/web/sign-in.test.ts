import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { builtWeb } from '../../cli/web.ts'
import type { Tenant } from '../../db/tenant.ts'
import { type IdentityProvider, openIdentityProvider } from '../support/identity-provider.ts'
import { openPlatform, type Platform } from '../support/platform.ts'
import { type Chromium, hasChromium, openChromium, seriousViolations, settled } from './chromium.ts'

describe.skipIf(!hasChromium)('single sign-on in Chromium (skipped where there is none)', () => {
  let provider: IdentityProvider
  let platform: Platform
  let tenant: Tenant
  let browser: Chromium
  let url: string
  let context: BrowserContext
  let page: Page
  /** Every request of the browser: method, address, body. */
  let requests: { url: URL; body: URLSearchParams; referrer: string }[]

  beforeAll(async () => {
    provider = await openIdentityProvider()
    const web = await builtWeb({ info: () => undefined, warn: () => undefined })
    platform = await openPlatform({
      web,
      env: {
        OIDC_ISSUER: provider.issuer,
        OIDC_CLIENT_ID: provider.clientId,
        JWKS_URL: `${provider.issuer}/jwks`,
        JWT_ISSUER: provider.issuer,
        JWT_AUDIENCE: provider.audience,
      },
    })
    tenant = await platform.createTenant({ slug: 'sso', name: 'Signed On', settings: { 'feature.analytics_v2': true } })
    url = await platform.app.listen({ host: '127.0.0.1', port: 0 })
    provider.serve(url)
    browser = await openChromium()
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await platform?.close()
    await provider?.close()
  })

  beforeEach(async () => {
    provider.claims = { tenant_id: tenant.id, role: 'admin' }
    context = await browser.context()
    page = await context.newPage()
    requests = []
    page.on('request', (request) => {
      requests.push({
        url: new URL(request.url()),
        body: new URLSearchParams(request.postData() ?? ''),
        referrer: request.headers().referer ?? '',
      })
    })
  })
  afterEach(() => context.close())

  const kept = () =>
    page.evaluate<{ session: Record<string, string>; local: Record<string, string>; cookies: string }>(
      '({ session: { ...sessionStorage }, local: { ...localStorage }, cookies: document.cookie })',
    )
  const begin = async (path: string) => {
    await page.goto(url + path)
    await page.getByRole('button', { name: 'Continue with single sign-on' }).click()
    await page.waitForURL(`${provider.issuer}/interaction/**`)
  }
  const signIn = async (at = page) => {
    await at.locator('[name=login]').fill('ada')
    await at.locator('[name=password]').fill('any')
    await at.getByRole('button', { name: 'Sign-in' }).click()
    await at.getByRole('button', { name: 'Continue' }).click()
  }
  const asked = (path: string) => requests.filter(({ url: { origin, pathname } }) => origin + pathname === path)

  test('comes back to the view one wanted, with the token in this tab only and a clean address', async () => {
    await begin('/dictionary?range=90d')
    await signIn()
    await page.getByRole('heading', { level: 1, name: 'Metric dictionary' }).waitFor()
    await settled(page)
    expect(page.url()).toBe(`${url}/dictionary?range=90d`)

    const [asking] = asked(`${provider.issuer}/auth`)
    expect(Object.fromEntries(asking?.url.searchParams ?? [])).toMatchObject({
      response_type: 'code',
      client_id: 'analytics',
      code_challenge_method: 'S256',
      redirect_uri: `${url}/`,
      scope: 'openid profile',
    })
    const [redeeming] = asked(`${provider.issuer}/token`)
    expect(redeeming?.body.get('code_verifier')?.length).toBeGreaterThan(42)
    expect(redeeming?.body.has('client_secret')).toBe(false)

    const { session, local, cookies } = await kept()
    expect(Object.keys(session)).toEqual(['upcoach.token'])
    expect([local, cookies]).toEqual([{}, ''])
    // The code is in the one address that the provider sends the browser to, and in nobody's referrer.
    const withCode = requests.filter(({ url: { search } }) => search.includes('code='))
    expect(withCode.map(({ url: { origin, pathname } }) => origin + pathname)).toEqual([`${url}/`])
    expect(requests.filter(({ referrer }) => referrer.includes('code='))).toEqual([])

    await page.reload()
    await page.getByRole('heading', { level: 1, name: 'Metric dictionary' }).waitFor()
    expect((await kept()).session).toEqual(session)
    const other = await context.newPage()
    await other.goto(`${url}/dictionary`)
    await other.getByRole('button', { name: 'Continue with single sign-on' }).waitFor()
  })

  test('says so when the provider refuses, and can be tried again', async () => {
    await begin('/dictionary')
    await page.getByText('[ Cancel ]').click()
    await page.getByRole('alert').getByText('did not sign you in').waitFor()
    expect(page.url()).toBe(`${url}/`)
    expect((await kept()).session).toEqual({})
    expect(await seriousViolations(page)).toEqual([])
    await begin('/dictionary')
    await signIn()
    await page.getByRole('heading', { level: 1, name: 'Metric dictionary' }).waitFor()
  })

  test('takes no code that this tab did not ask for, nor one twice', async () => {
    await page.goto(`${url}/?code=stolen&state=forged`)
    await page.getByRole('alert').getByText('did not sign you in').waitFor()
    expect(page.url()).toBe(`${url}/`)
    expect(asked(`${provider.issuer}/token`)).toEqual([])

    // Somebody else's answer, made for a sign-in of theirs, pushed onto a browser that waits for its own.
    const elsewhere = await browser.context()
    const theirs = await elsewhere.newPage()
    const callback = theirs.waitForRequest((request) => request.url().startsWith(`${url}/?code=`))
    await theirs.goto(`${url}/`)
    await theirs.getByRole('button', { name: 'Continue with single sign-on' }).click()
    await theirs.waitForURL(`${provider.issuer}/interaction/**`)
    await theirs.route(`${url}/api/**`, (route) => route.abort())
    await signIn(theirs)
    const answer = (await callback).url()
    await elsewhere.close()
    await begin('/')
    await page.goto(answer)
    await page.getByRole('alert').getByText('did not sign you in').waitFor()
    expect(page.url()).toBe(`${url}/`)
    expect(asked(`${provider.issuer}/token`)).toEqual([])
    expect((await kept()).session).toEqual({})
  })

  test('a forged answer does not disturb whoever is signed in', async () => {
    await begin('/dictionary')
    await signIn()
    await page.getByRole('heading', { level: 1, name: 'Metric dictionary' }).waitFor()
    const { session } = await kept()
    await page.goto(`${url}/dictionary?error=access_denied&state=forged`)
    await page.getByRole('heading', { level: 1, name: 'Metric dictionary' }).waitFor()
    expect(page.url()).toBe(`${url}/dictionary`)
    expect((await kept()).session).toEqual(session)
  })

  test('a person of no tenant is told so', async () => {
    provider.claims = {}
    await begin('/')
    await signIn()
    await page.getByRole('alert').getByText('claims are not usable').waitFor()
    expect(page.url()).toBe(`${url}/`)
  })

  test('a provider that cannot be reached is named', async () => {
    await page.route(`${provider.issuer}/**`, (route) => route.abort())
    await page.goto(`${url}/`)
    await page.getByRole('button', { name: 'Continue with single sign-on' }).click()
    await page.getByRole('alert').getByText('cannot be reached').waitFor()
  })

  test('the page may talk to the provider and to nobody else', async () => {
    const answer = await page.request.get(`${url}/`, { headers: { accept: 'text/html' } })
    expect(answer.headers()['content-security-policy']).toContain(`connect-src 'self' ${provider.issuer};`)
    expect(answer.headers()['referrer-policy']).toBe('no-referrer')
  })
})
