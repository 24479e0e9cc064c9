import type { z } from 'zod'
import type { RevenueFact } from './facts.ts'

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
