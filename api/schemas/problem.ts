import { z } from 'zod'

/** RFC 9457 problem, the body of every error. */
export const problemSchema = z
  .object({
    type: z.string().describe('Where the meaning of the code can be read.'),
    title: z.string(),
    status: z.int(),
    code: z.string().describe('Stable word for programs.'),
    detail: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({
    id: 'Problem',
    examples: [
      {
        type: '/problems/validation_failed',
        title: 'The request is not valid',
        status: 400,
        code: 'validation_failed',
        detail: 'Correct the fields in `errors`.',
        errors: [{ path: 'granularity', message: 'Invalid option: expected one of "hour"|"day"|"week"|"month"' }],
      },
    ],
  })
