import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ApiError, errors } from './errors.ts'
import { publicRoutes } from './plugins/public-routes.ts'

/** One year: the name of a file below /assets changes with its content. */
const FOREVER = 'public, max-age=31536000, immutable'

export interface WebAppOptions {
  /** What `npm run build` made: index.html and assets/. */
  readonly directory: string
}

/** The site's policy with what one page needs more: an identity provider to talk to, sites that may frame it. */
function pagePolicy(reply: FastifyReply, more: { connect: readonly string[]; frame: readonly string[] }): string {
  const ancestors = more.frame.length > 0 ? more.frame.join(' ') : "'none'"
  return String(reply.getHeader('content-security-policy'))
    .replace(/connect-src [^;]*/, (directive) => [directive, ...more.connect].join(' '))
    .replace(/frame-ancestors [^;]*/, `frame-ancestors ${ancestors}`)
}

/** The dashboards: hashed assets that are kept for ever, and one page for every view, which is asked about each time. */
export async function webApp(app: FastifyInstance, { directory }: WebAppOptions): Promise<void> {
  const html = await readFile(join(directory, 'index.html'), 'utf8')
  const { OIDC_ISSUER, EMBED_FRAME_ANCESTORS } = app.deps.config
  const connect = OIDC_ISSUER === undefined ? [] : [new URL(OIDC_ISSUER).origin]

  await app.register(publicRoutes)
  await app.register(fastifyStatic, {
    root: join(directory, 'assets'),
    prefix: '/assets/',
    preCompressed: true,
    cacheControl: false,
    index: false,
    decorateReply: false,
    setHeaders: (reply) => void reply.header('cache-control', FOREVER),
  })

  const page = (request: FastifyRequest, reply: FastifyReply, frame: readonly string[]) => {
    // A program that misspelt a route gets a problem, not a page.
    if (!request.headers.accept?.includes('text/html')) throw new ApiError(errors.UNKNOWN_ROUTE)
    // The older header knows no list of origins; frame-ancestors replaces it.
    if (frame.length > 0) reply.removeHeader('x-frame-options')
    return reply
      .headers({ 'content-security-policy': pagePolicy(reply, { connect, frame }), 'cache-control': 'no-cache' })
      .type('text/html; charset=utf-8')
      .send(html)
  }
  const hidden = { schema: { hide: true } }
  app.get('/', hidden, (request, reply) => page(request, reply, []))
  app.get('/:view', hidden, (request, reply) => page(request, reply, []))
  app.get('/:view/:item', hidden, (request, reply) => page(request, reply, []))
  for (const path of ['/embed/:dashboard', '/embed/:dashboard/:item'])
    app.get(path, hidden, (request, reply) => page(request, reply, EMBED_FRAME_ANCESTORS))
}
