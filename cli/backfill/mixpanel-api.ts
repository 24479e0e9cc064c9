import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { setTimeout as wait } from 'node:timers/promises'
import { UserError } from '../run.ts'

export interface MixpanelApi {
  /** Origin: https://data.mixpanel.com, https://data-eu.mixpanel.com or https://data-in.mixpanel.com. */
  readonly origin: string
  /** `service-account:secret`, or a project secret alone. */
  readonly credentials: string
  /** Needed with a service account. */
  readonly project: string | undefined
  /** Tells somebody who waits why. */
  readonly onWait?: (why: string, seconds: number) => void
}

/** Mixpanel allows 60 exports an hour and 3 a second; without Retry-After these are the pauses. */
const PAUSES_SECONDS = [1, 5, 20, 60, 120, 300, 600, 1200]
const LONGEST_PAUSE_SECONDS = 3600
/** Long days take minutes before their first byte. */
const TIMEOUT_MS = 30 * 60_000

/** The export did not come through to its end: the day is asked for again. */
export class CutShort extends Error {}

/**
 * The lines of one day (in the project's time zone) of the raw export, decompressed, in constant memory. Waits and asks
 * again when told to slow down or while Mixpanel is away. Throws `CutShort` when the answer ends early.
 */
export async function* exportDay(api: MixpanelApi, day: string): AsyncGenerator<string> {
  const response = await request(api, day)
  if (!response.body) throw new CutShort('an answer without a body')
  const stream = Readable.fromWeb(response.body as ReadableStream)
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      // What Mixpanel writes as the last line when it gives up in the middle of an answer of status 200.
      if (line.trim() === 'terminated early') throw new Error('Mixpanel ended the export early')
      if (line.trim() !== '') yield line
    }
  } catch (cause) {
    throw new CutShort((cause as Error).message, { cause })
  } finally {
    stream.destroy()
  }
}

async function request(api: MixpanelApi, day: string): Promise<Response> {
  const url = new URL('/api/2.0/export', api.origin)
  url.searchParams.set('from_date', day)
  url.searchParams.set('to_date', day)
  if (api.project !== undefined) url.searchParams.set('project_id', api.project)
  const credentials = api.credentials.includes(':') ? api.credentials : `${api.credentials}:`
  const headers = {
    authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
    accept: 'text/plain',
    'accept-encoding': 'gzip',
  }
  for (let attempt = 0; ; attempt += 1) {
    const { response, problem } = await ask(url, headers)
    if (response?.ok) return response
    // Bodies of errors are not shown: they may repeat the request, credentials included.
    await response?.body?.cancel()
    if (response?.status === 401 || response?.status === 403)
      throw new UserError(
        `Mixpanel refuses the credentials (${response.status}): check mixpanel_api_secret and --project`,
      )
    const isPassing = response === undefined || response.status === 429 || response.status >= 500
    const pause = PAUSES_SECONDS[attempt]
    if (!isPassing || pause === undefined) throw new UserError(`Mixpanel does not export ${day}: ${problem}`)
    const seconds = retryAfter(response) ?? pause
    api.onWait?.(problem, seconds)
    await wait(seconds * 1000)
  }
}

async function ask(url: URL, headers: Record<string, string>): Promise<{ response?: Response; problem: string }> {
  try {
    const response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) })
    return { response, problem: `status ${response.status}` }
  } catch (error) {
    const { cause } = error as Error
    return { problem: cause instanceof Error ? cause.message : (error as Error).message }
  }
}

/** Retry-After in seconds, given as seconds or as a date. */
function retryAfter(response: Response | undefined): number | undefined {
  const value = response?.headers.get('retry-after')
  if (!value) return undefined
  const seconds = /^\d+(\.\d+)?$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), LONGEST_PAUSE_SECONDS) : undefined
}
