import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { UserError } from './run.ts'

export interface Target {
  /** Origin of the API. */
  readonly url: string
  /** A token of role service. */
  readonly token: string
}

const answerSchema = z.object({
  accepted: z.number(),
  duplicates: z.number(),
  rejected: z.number(),
  errors: z.array(z.object({ index: z.number(), field: z.string(), code: z.string(), message: z.string() })),
})
export type SendAnswer = z.infer<typeof answerSchema>

/** Together about a minute: a restart of the API or of the engine is waited for. Sending twice counts once. */
const PAUSES_MS = [250, 500, 1000, 2000, 4000, 8000, 15_000, 30_000]
const REQUEST_TIMEOUT_MS = 120_000

/** Sends one batch (JSON text) and returns the answer; tries again while the API is away, restarting or busy. */
export async function sendEvents(target: Target, body: string): Promise<SendAnswer> {
  for (let attempt = 0; ; attempt += 1) {
    const outcome = await attemptOnce(target, body)
    if ('answer' in outcome) return outcome.answer
    const pause = PAUSES_MS[attempt]
    if (pause === undefined) throw new UserError(`the API at ${target.url} does not take events: ${outcome.problem}`)
    await wait(Math.max(pause, outcome.retryAfterMs))
  }
}

type Outcome = { readonly answer: SendAnswer } | { readonly problem: string; readonly retryAfterMs: number }

async function attemptOnce({ url, token }: Target, body: string): Promise<Outcome> {
  let response: Response
  try {
    response = await fetch(`${url}/api/analytics/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    })
  } catch (error) {
    return { problem: reasonOf(error), retryAfterMs: 0 }
  }
  if (response.ok) return { answer: answerSchema.parse(await response.json()) }
  const problem = `${response.status} ${await detailOf(response)}`
  if (response.status >= 500 || response.status === 429 || response.status === 408)
    return { problem, retryAfterMs: Number(response.headers.get('retry-after') ?? 0) * 1000 }
  throw new UserError(`the API refused the events: ${problem}`)
}

/** fetch says only "fetch failed"; what happened is in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}

async function detailOf(response: Response): Promise<string> {
  const problem = z
    .object({ title: z.string(), detail: z.string().optional() })
    .safeParse(await response.json().catch(() => null))
  return problem.success ? [problem.data.title, problem.data.detail].filter(Boolean).join(': ') : response.statusText
}

/** Whether an API of ours answers there. */
export async function isServing(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health/live`, { signal: AbortSignal.timeout(2000) })).ok
  } catch {
    return false
  }
}
