import type { FastifyPluginAsync } from 'fastify'
import { health } from './health.ts'
import { objects } from './objects.ts'
import { problems } from './problems.ts'
import { prometheus } from './prometheus.ts'

/** Every route folder in one place, with the prefix it lives under. */
export const routes: FastifyPluginAsync = async (app) => {
  await app.register(health)
  await app.register(prometheus)
  await app.register(problems)
  await app.register(objects)
}
