import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import Provider from 'oidc-provider'

export interface IdentityProvider {
  readonly issuer: string
  readonly clientId: string
  /** What its access tokens are for. */
  readonly audience: string
  /** Claims of access tokens issued from now on. */
  claims: Record<string, string>
  /** Opens for one site, whose start page is the redirect URI. */
  serve(site: string): void
  close(): Promise<void>
}

const clientId = 'analytics'
const audience = 'https://analytics.example.com'

/** A certified OpenID provider on a port of its own, with its development login page: any name and password will do. */
export async function openIdentityProvider(): Promise<IdentityProvider> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const key = await exportJWK(privateKey)
  const opened: IdentityProvider = {
    issuer,
    clientId,
    audience,
    claims: {},
    serve(site) {
      const provider = new Provider(issuer, {
        clients: [
          {
            client_id: clientId,
            redirect_uris: [`${site}/`],
            response_types: ['code'],
            grant_types: ['authorization_code'],
            token_endpoint_auth_method: 'none',
          },
        ],
        jwks: { keys: [{ ...key, use: 'sig', alg: 'RS256' }] },
        cookies: { keys: ['for tests only'] },
        clientBasedCORS: (_, origin) => origin === site,
        extraTokenClaims: () => opened.claims,
        findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
        ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
        features: {
          devInteractions: { enabled: true },
          // Access tokens for an API are JWTs; without a resource they are opaque to everybody else.
          resourceIndicators: {
            enabled: true,
            defaultResource: () => audience,
            useGrantedResource: () => true,
            getResourceServerInfo: () => ({ scope: '', audience, accessTokenFormat: 'jwt', accessTokenTTL: 600 }),
          },
        },
      })
      server.on('request', provider.callback())
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return opened
}
