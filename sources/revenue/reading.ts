import type { z } from 'zod'
import { type FactDraft, type RevenueFact, revenueFactSchema } from './facts.ts'

export type FieldError = { field: string; code: string; message: string }

/**
 * What became of one provider event.
 * `facts`: it says something about money or customers. `ignored`: understood or unknown, but nothing to fold; the reason
 * is a sentence. `rejected`: not of the documented shape; belongs in quarantine, to be replayed after a fix.
 */
export type Reading =
  | { outcome: 'facts'; event_id: string; type: string; reported_at: string; facts: RevenueFact[] }
  | { outcome: 'ignored'; event_id: string; type: string; reported_at: string | null; reason: string }
  | { outcome: 'rejected'; event_id: string | null; type: string | null; errors: FieldError[] }

/** zod's issues as field errors with dotted paths. The received values are left out: they may be personal. */
export function fieldErrors(error: z.ZodError, prefix: readonly string[] = []): FieldError[] {
  return error.issues.map((issue) => ({
    field: [...prefix, ...issue.path.map(String)].join('.'),
    code: issue.code,
    message: issue.message,
  }))
}

type Event = Pick<RevenueFact, 'provider' | 'event_id' | 'reported_at'> & { type: string }

/**
 * Completes drafts into facts and checks them against their own schema, so that whatever is stored can be read back: a
 * currency of four letters, say, passes Stripe's shape and stops here.
 */
export function factsReading(drafts: readonly FactDraft[], { type, ...stamp }: Event): Reading {
  const { event_id, reported_at } = stamp
  if (drafts.length === 0) {
    return { outcome: 'ignored', event_id, type, reported_at, reason: 'nothing in it changes a figure' }
  }
  const facts: RevenueFact[] = []
  for (const [seq, draft] of drafts.entries()) {
    const fact = revenueFactSchema.safeParse({ at: reported_at, ...draft, ...stamp, seq })
    if (!fact.success) return { outcome: 'rejected', event_id, type, errors: fieldErrors(fact.error, [draft.kind]) }
    facts.push(fact.data)
  }
  return { outcome: 'facts', event_id, type, reported_at, facts }
}
