import Fastify, { type FastifyBaseLogger } from 'fastify'
import { loggerOptions } from '../api/plugins/request-log.ts'
import type { Config } from '../config.ts'

export type LogStream = { write(line: string): void }

/** The platform's JSON log, for what happens before or without the HTTP server; same fields, same scrubbing. */
export function createLogger(config: Pick<Config, 'LOG_LEVEL'>, stream?: LogStream): FastifyBaseLogger {
  return Fastify({ logger: loggerOptions(config, stream) }).log
}
