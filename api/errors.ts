/** One line per thing a client can be told: a stable code, the HTTP status, a fixed title and what to do about it. */
export type ErrorDefinition = {
  readonly code: string
  readonly status: number
  readonly title: string
  readonly docs: string
}

const define = (status: number, code: string, title: string, docs: string): ErrorDefinition => ({
  code,
  status,
  title,
  docs,
})

/** The error catalogue. Codes are part of the contract: add, never rename. */
export const errors = {
  VALIDATION_FAILED: define(400, 'validation_failed', 'The request is not valid', 'Correct the fields in `errors`.'),
  MALFORMED_BODY: define(400, 'malformed_body', 'The body cannot be read', 'Send well-formed JSON, NDJSON or gzip.'),
  MALFORMED_URL: define(400, 'malformed_url', 'The URL cannot be read', 'Percent-encode the path and the query.'),
  MALFORMED_REQUEST: define(400, 'malformed_request', 'The request cannot be read', 'Send a valid HTTP/1.1 request.'),
  UNKNOWN_DIMENSION: define(400, 'unknown_dimension', 'Unknown dimension', 'Use a dimension named in the catalogue.'),
  RANGE_TOO_WIDE: define(400, 'range_too_wide', 'The range is too wide', 'Ask for less time or a coarser granularity.'),
  TOKEN_MISSING: define(401, 'token_missing', 'A token is needed', 'Send `Authorization: Bearer <token>`.'),
  TOKEN_INVALID: define(401, 'token_invalid', 'The token is not valid', 'Get a new token from whoever issues yours.'),
  TOKEN_EXPIRED: define(
    401,
    'token_expired',
    'The token has expired',
    'Get a new token; 60 s of clock skew are allowed.',
  ),
  WEBHOOK_SIGNATURE_INVALID: define(
    400,
    'webhook_signature_invalid',
    'The webhook is not signed as it must be',
    'Check the secret on both sides; signatures older than 5 minutes are refused.',
  ),
  SIGNATURE_INVALID: define(401, 'signature_invalid', 'The signature is not valid', 'Check the webhook secret.'),
  LINK_INVALID: define(
    403,
    'link_invalid',
    'The link is not valid',
    'Ask the export for a new `download_url`; use it as it is.',
  ),
  LINK_EXPIRED: define(403, 'link_expired', 'The link has expired', 'Ask the export for a new `download_url`.'),
  ROLE_NOT_ALLOWED: define(403, 'role_not_allowed', 'The role does not allow this', 'Use a token with a named role.'),
  EMBED_SCOPE: define(
    403,
    'embed_scope',
    'The link does not reach this',
    'A token of an embedded dashboard reads that dashboard only.',
  ),
  FEATURE_OFF: define(
    403,
    'feature_off',
    'The dashboards are switched off',
    'Switch them on: npm run tenant -- set <slug> feature.analytics_v2=true.',
  ),
  UNKNOWN_ROUTE: define(404, 'unknown_route', 'There is no such route', 'See /documentation for the routes.'),
  NOT_FOUND: define(404, 'not_found', 'Not found', 'It does not exist, or belongs to another tenant.'),
  UNKNOWN_METRIC: define(404, 'unknown_metric', 'Unknown metric', 'GET /api/analytics/metrics lists the names.'),
  NOT_ACCEPTABLE: define(406, 'not_acceptable', 'No such representation', 'Accept application/json or text/csv.'),
  REQUEST_TIMEOUT: define(408, 'request_timeout', 'The request took too long to arrive', 'Send it again.'),
  CONFLICT: define(409, 'conflict', 'The state does not allow this', 'Read the current state and try again.'),
  MEMBER_ERASED: define(
    410,
    'member_erased',
    'The member was erased',
    'Nothing is left but the receipt: DELETE the member again to see it.',
  ),
  PAYLOAD_TOO_LARGE: define(
    413,
    'payload_too_large',
    'The body is too large',
    'Split it; limits count decompressed bytes.',
  ),
  URI_TOO_LONG: define(414, 'uri_too_long', 'The URL is too long', 'Shorten the path parameters.'),
  UNSUPPORTED_MEDIA_TYPE: define(
    415,
    'unsupported_media_type',
    'Unsupported content type',
    'Send what the route documents.',
  ),
  UNSUPPORTED_ENCODING: define(
    415,
    'unsupported_encoding',
    'Unsupported content encoding',
    'Send gzip or no encoding.',
  ),
  IDEMPOTENCY_KEY_REUSED: define(
    422,
    'idempotency_key_reused',
    'Idempotency-Key was used for another request',
    'Use a new key.',
  ),
  TOO_MANY_EXPORTS: define(
    429,
    'too_many_exports',
    'Too many exports at once',
    'Wait until one is done, or cancel one.',
  ),
  RATE_LIMITED: define(429, 'rate_limited', 'Too many heavy reads', 'Wait for `Retry-After` seconds.'),
  TOO_MUCH_IN_FLIGHT: define(
    429,
    'too_much_in_flight',
    'Too many of your requests are being worked on',
    'Wait for `Retry-After` seconds and send fewer at the same time.',
  ),
  HEADERS_TOO_LARGE: define(431, 'headers_too_large', 'The headers are too large', 'Send fewer or shorter headers.'),
  INTERNAL: define(
    500,
    'internal_error',
    'Something went wrong on our side',
    'Report the `x-request-id` of the answer.',
  ),
  DATABASE_UNAVAILABLE: define(
    503,
    'database_unavailable',
    'The database is not available',
    'Retry after `Retry-After`.',
  ),
  DATABASE_BUSY: define(
    503,
    'database_busy',
    'The database could not finish this',
    'Retry, or ask for a smaller range.',
  ),
  OVERLOADED: define(503, 'overloaded', 'This instance has more to do than it can', 'Send again after `Retry-After`.'),
  IDENTITY_PROVIDER_UNAVAILABLE: define(
    503,
    'identity_provider_unavailable',
    'Tokens cannot be checked now',
    'Retry later.',
  ),
  SIGNER_UNAVAILABLE: define(
    503,
    'signer_unavailable',
    'The signature cannot be checked now',
    'Deliver it again later: the certificate of the signer could not be fetched.',
  ),
  SHUTTING_DOWN: define(503, 'shutting_down', 'This instance is shutting down', 'Retry: another instance answers.'),
  NOT_READY: define(503, 'not_ready', 'This instance is not ready', 'See `checks` for what is missing.'),
} as const satisfies Record<string, ErrorDefinition>

/** One bad field: where it is (dotted path) and what would be right. Never the value that was sent. */
export type FieldError = { readonly path: string; readonly message: string }

export type ApiErrorOptions = {
  /** A sentence for this case; the definition's `docs` when absent. Must not hold values from the request. */
  readonly detail?: string | undefined
  readonly errors?: readonly FieldError[] | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Further problem members (RFC 9457 §3.2), such as the checks of a readiness answer. */
  readonly members?: Readonly<Record<string, unknown>> | undefined
  readonly cause?: unknown
}

/** An error of the catalogue, thrown where it is found and turned into problem+json in one place. */
export class ApiError extends Error {
  readonly definition: ErrorDefinition
  readonly options: ApiErrorOptions
  /** Read by Fastify where it handles errors itself. */
  readonly statusCode: number
  readonly code: string

  constructor(definition: ErrorDefinition, options: ApiErrorOptions = {}) {
    super(options.detail ?? definition.docs, { cause: options.cause })
    this.name = 'ApiError'
    this.definition = definition
    this.options = options
    this.statusCode = definition.status
    this.code = definition.code
  }
}
