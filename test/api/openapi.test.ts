import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { errors } from '../../api/errors.ts'
import { cardSchema } from '../../api/schemas/card.ts'
import { catalogueAnswerSchema } from '../../api/schemas/catalogue.ts'
import { problemSchema } from '../../api/schemas/problem.ts'
import { seriesAnswerSchema } from '../../api/schemas/series.ts'
import { testApp } from './support/test-app.ts'

type Media = {
  schema?: { $ref?: string; examples?: unknown[] }
  example?: unknown
  examples?: Record<string, { value: unknown }>
}
type Operation = {
  operationId: string
  summary?: string
  tags?: string[]
  description: string
  'x-roles': string[]
  security?: object[]
  parameters?: { name: string; in: string; schema: object }[]
  responses: Record<string, { description: string; content?: Record<string, Media> }>
}
type Document = {
  openapi: string
  info: { title: string; version: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, { examples?: unknown[] }> }
}

const sample = (plain: FastifyInstance) => {
  const app = plain.withTypeProvider<ZodTypeProvider>()
  app.get(
    '/sample/:name',
    {
      config: { roles: ['admin', 'finance'], heavyRead: true, errors: [errors.UNKNOWN_METRIC, errors.RANGE_TOO_WIDE] },
      schema: {
        summary: 'A metric',
        tags: ['metrics'],
        description: 'One metric over time.',
        params: z.object({ name: z.string() }),
        querystring: z.object({ from: z.iso.date(), granularity: z.enum(['hour', 'day']).default('day') }),
        response: {
          200: {
            description: 'The series',
            content: {
              'application/json': { schema: seriesAnswerSchema },
              'text/csv': { schema: z.string().meta({ examples: ['t,value\r\n'] }) },
            },
          },
          304: z.undefined().describe('Not modified'),
        },
      },
    },
    async () => 'x',
  )
  app.post(
    '/sample',
    {
      config: { roles: ['service'] },
      schema: {
        summary: 'Write',
        tags: ['metrics'],
        body: z.object({ cards: z.array(cardSchema) }),
        response: { 200: catalogueAnswerSchema },
      },
    },
    async () => ({ metrics: [], fresh_until: null }),
  )
}

async function read() {
  const { app } = await testApp(sample)
  const { body } = await app.inject('/documentation/json')
  return { text: body, document: JSON.parse(body) as Document }
}

/** The example of a media type, its schema, or the component its schema refers to. */
function exampleOf(document: Document, { example, examples, schema = {} }: Media): unknown {
  const component = document.components.schemas[schema.$ref?.split('/').at(-1) ?? '']
  return example ?? examples ?? schema.examples?.[0] ?? component?.examples?.[0]
}

const operationsOf = (document: Document) =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
  )

describe('the OpenAPI document', () => {
  test('names every operation once', async () => {
    const { document } = await read()
    const ids = operationsOf(document).map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(/^(get|post|put|patch|delete|head)[A-Z]\w+$/)
    expect(ids).toContain('postSample')
  })

  test('is OpenAPI 3.1 and every reference in it resolves', async () => {
    const { document, text } = await read()
    expect(document.openapi).toMatch(/^3\.1\./)
    expect(document.info.title).toBe('UpCoach analytics')
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map((m) => m[1] ?? '')
    expect(references.length).toBeGreaterThan(10)
    for (const reference of references) {
      const found = reference
        .replace('#/', '')
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document)
      expect(found, reference).toBeDefined()
    }
    for (const name of Object.keys(document.components.schemas))
      expect(references).toContain(`#/components/schemas/${name}`)
    expect(text).not.toContain('"nullable"')
    expect(text).not.toMatch(/PLACEHOLDER/)
  })

  test('every operation has a summary, tags, roles, and an error for each thing that can go wrong', async () => {
    const { document } = await read()
    for (const { name, operation } of operationsOf(document)) {
      expect(operation.summary, name).toBeTruthy()
      expect(operation.tags?.length, name).toBeGreaterThan(0)
      expect(operation.description, name).toMatch(/Roles: |Public\./)
      expect(Object.keys(operation.responses), name).toContain('500')
      const isPublic = operation['x-roles'].length === 0
      expect(operation.security === undefined, name).toBe(isPublic)
      if (!isPublic)
        expect(Object.keys(operation.responses), name).toEqual(expect.arrayContaining(['401', '403', '503']))
    }
  })

  test('every answer with a body has an example that is right', async () => {
    const { document } = await read()
    for (const { name, operation } of operationsOf(document)) {
      expect(
        Object.keys(operation.responses).some((s) => s.startsWith('2')),
        name,
      ).toBe(true)
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(response.description, `${name} ${status}`).toBeTruthy()
        for (const media of Object.values(response.content ?? {})) {
          if (Number(status) < 400) {
            expect(exampleOf(document, media), `${name} ${status}`).toBeDefined()
            continue
          }
          const values = Object.values(media.examples ?? {}).map((e) => e.value)
          expect(values.length, `${name} ${status}`).toBeGreaterThan(0)
          for (const value of values) expect(problemSchema.parse(value).status).toBe(Number(status))
        }
      }
    }
  })

  test('shows what a route declares: its own errors, limits, media types and parameters', async () => {
    const { document } = await read()
    const operation = document.paths['/sample/{name}']?.get
    expect(operation?.description).toBe('One metric over time.\n\nRoles: `admin`, `finance`.')
    expect(operation?.['x-roles']).toEqual(['admin', 'finance'])
    expect(operation?.security).toEqual([{ bearer: [] }])
    const codes = (status: string) =>
      Object.keys(operation?.responses[status]?.content?.['application/problem+json']?.examples ?? {})
    expect(codes('400').sort()).toEqual(['range_too_wide', 'validation_failed'])
    expect(codes('404').sort()).toEqual(['not_found', 'unknown_metric'])
    expect(codes('429')).toEqual(['rate_limited'])
    expect(Object.keys(operation?.responses['200']?.content ?? {})).toEqual(['application/json', 'text/csv'])
    expect(operation?.responses['304']).toMatchObject({ description: 'Not modified' })
    expect(operation?.responses['304']?.content).toBeUndefined()
    expect(operation?.parameters?.map((p) => `${p.in}:${p.name}`)).toEqual([
      'query:from',
      'query:granularity',
      'path:name',
    ])
    expect(Object.keys(document.paths['/sample']?.post?.responses ?? {})).toEqual(
      expect.arrayContaining(['413', '415']),
    )
  })

  test('examples of the shared shapes are valid', () => {
    for (const schema of [seriesAnswerSchema, catalogueAnswerSchema, cardSchema, problemSchema]) {
      const { examples } = schema.meta() as { examples: unknown[] }
      for (const example of examples) expect(() => schema.parse(example)).not.toThrow()
    }
  })

  test('leaves out the documentation itself', async () => {
    const { document } = await read()
    expect(Object.keys(document.paths).some((p) => p.startsWith('/documentation'))).toBe(false)
  })
})
