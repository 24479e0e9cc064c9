import { buffer } from 'node:stream/consumers'
import { expect } from 'vitest'
import type { Tenant } from '../../db/tenant.ts'
import type { WorkerContext } from '../../workers/context.ts'
import { runExports } from '../../workers/run-exports.ts'
import type { Platform } from './platform.ts'
import { workerContext } from './work.ts'

export interface ExportAnswer {
  readonly id: string
  readonly type: string
  readonly status: string
  readonly progress: number
  readonly rows: number | null
  readonly bytes: number | null
  readonly sha256: string | null
  readonly download_url: string | null
  readonly expires_at: string | null
  readonly error: string | null
}

export interface Exporter {
  readonly context: WorkerContext
  /** Asks for an export over HTTP, lets a worker run, and gives the file by its link. */
  exported(
    tenant: Tenant,
    type: string,
    format: string,
    params?: Record<string, unknown>,
  ): Promise<{ answer: ExportAnswer; file: Buffer; headers: Record<string, unknown> }>
}

/** A worker for the platform's exports, run when the test says so. */
export function openExporter(platform: Platform): Exporter {
  const lines: string[] = []
  const log = (fields: object, message: string) => {
    lines.push(
      `${message} ${JSON.stringify(fields, (_, value) => (value instanceof Error ? String(value.stack) : value))}`,
    )
  }
  const context: WorkerContext = { ...workerContext(platform), logger: { info: log, warn: log, error: log } }
  return {
    context,
    async exported(tenant, type, format, params = {}) {
      const accepted = await platform.post(tenant, '/api/analytics/exports', { type, format, params }, 'admin')
      expect(accepted.status, accepted.text).toBe(202)
      const { id, status_url } = accepted.body as { id: string; status_url: string }
      await runExports({}, context)
      const { body: answer } = await platform.get<ExportAnswer>(tenant, status_url)
      expect(answer, lines.join('\n')).toMatchObject({ id, status: 'completed', progress: 100 })
      const { file, headers } = await download(platform, answer.download_url)
      return { answer, file, headers }
    },
  }
}

/** What a signed link gives, without a token. */
export async function download(platform: Platform, link: string | null) {
  const url = new URL(link ?? '')
  const response = await platform.app.inject({ url: `${url.pathname}${url.search}`, payloadAsStream: true })
  expect(response.statusCode).toBe(200)
  return { file: await buffer(response.stream()), headers: response.headers as Record<string, unknown> }
}
