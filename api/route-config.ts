import type { ErrorDefinition } from './errors.ts'
import type { Role } from './security/principal.ts'

declare module 'fastify' {
  /** What a route declares about itself next to its schema; the platform's plugins act on it and OpenAPI shows it. */
  interface FastifyContextConfig {
    /** Roles that may call it. A route without roles must say `public: true`, or the app does not start. */
    roles?: readonly Role[]
    /** Answers anybody (health, documentation, webhooks that verify a signature themselves). */
    public?: boolean
    /** False: answers while the database is away. Every other route then gets 503. */
    database?: boolean
    /** Counts against the tenant's reads per minute. */
    heavyRead?: boolean
    /** Refused with 429 or 503 before its body is read when it could not be answered soon (plugins/admission.ts). */
    admission?: boolean
    /** Name of the action in the audit log (`metric.read`), or false to keep it out. Default: method and route. */
    audit?: string | false
    /** Path and query parameters that name a member: the audit log keeps that they were given, not what. */
    personal?: readonly string[]
    /** Takes application/x-ndjson: the body is then a Buffer. */
    ndjson?: boolean
    /** Errors only this route has, for its documentation; the platform's own are added by themselves. */
    errors?: readonly ErrorDefinition[]
  }
}

/** 10 MiB: the most an ingestion request may be once decompressed. Use as `bodyLimit` of such a route. */
export const INGEST_BODY_LIMIT = 10 * 1024 * 1024
