import { createHmac } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { BlockList, isIP } from 'node:net'

/**
 * Addresses of this machine and of networks that are not the public Internet (RFC 6890 and successors). One list each: a list
 * takes an IPv4 address for its mapped IPv6 one, and all of those are refused.
 */
const reserved = { 4: new BlockList(), 6: new BlockList() }
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  reserved[4].addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of [
  ['::', 96],
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 9],
  ['ff00::', 8],
] as const)
  reserved[6].addSubnet(network, prefix, 'ipv6')

export const isPublicAddress = (address: string): boolean => {
  switch (isIP(address)) {
    case 4:
      return !reserved[4].check(address, 'ipv4')
    case 6:
      return !reserved[6].check(address, 'ipv6')
    default:
      return false
  }
}

export interface WebhookPolicy {
  /** Hosts (`name` or `name:port`) that may be reached by plain http and at private addresses. */
  readonly allowedHosts: readonly string[]
  readonly timeoutMs: number
}

/** A target that must not be called; the message says why and never holds an address. */
export class WebhookRefused extends Error {}

export interface Target {
  readonly url: URL
  /** The one address that was checked: the connection goes there, whatever the name resolves to a moment later. */
  readonly address: string
  readonly family: 4 | 6
}

/** Checks a webhook's URL and resolves its host. Throws WebhookRefused for what the policy does not allow. */
export async function checkTarget(text: string, { allowedHosts }: WebhookPolicy): Promise<Target> {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) throw new WebhookRefused('the webhook URL cannot be read')
  if (url.username !== '' || url.password !== '') throw new WebhookRefused('the webhook URL must not hold credentials')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const isAllowed = allowedHosts.includes(url.host) || allowedHosts.includes(url.hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isAllowed))
    throw new WebhookRefused('the webhook URL must be https')
  const addresses = await lookup(host, { all: true }).catch(() => [])
  const first = addresses[0]
  if (first === undefined) throw new WebhookRefused('the webhook’s host has no address')
  if (!isAllowed && !addresses.every(({ address }) => isPublicAddress(address)))
    throw new WebhookRefused('the webhook’s host is not on the public Internet')
  return { url, address: first.address, family: first.family === 6 ? 6 : 4 }
}

/** `t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`. */
export function sign(secret: string | Buffer, body: string, at: Date): string {
  const t = Math.floor(at.getTime() / 1000)
  return `t=${t},v1=${createHmac('sha256', secret).update(`${t}.${body}`).digest('hex')}`
}

/**
 * Posts a body once: no redirects, one deadline for everything, at most a few bytes of the answer read. Resolves to the
 * answer's status; rejects when there is none.
 */
export function post(
  { url, address, family }: Target,
  body: string,
  headers: Readonly<Record<string, string>>,
  timeoutMs: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest
    const outgoing = send(
      url,
      {
        method: 'POST',
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        agent: false,
        // Node asks for one address or for all of them, depending on its own settings.
        lookup: (_host, options, done) =>
          options.all ? done(null, [{ address, family }]) : done(null, address, family),
        signal: AbortSignal.timeout(timeoutMs),
      },
      (answer) => {
        // The status is all that counts; the rest is not read.
        answer.destroy()
        resolve(answer.statusCode ?? 0)
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
