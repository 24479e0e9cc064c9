import { z } from 'zod'
import { retentionMonths } from '../../db/accept-events.ts'
import type { Tenant } from '../../db/tenant.ts'
import type { RowChange } from '../../sources/oltp/change.ts'
import { readDebezium } from '../../sources/oltp/debezium.ts'
import { defaultMapping } from '../../sources/oltp/default-mapping.ts'
import { mappingSchema, type OltpMapping, withOverrides } from '../../sources/oltp/mapping.ts'
import { eventsOfChange } from '../../sources/oltp/to-events.ts'
import type { Logger } from '../context.ts'
import type { RejectedMessage } from './source.ts'

/** The tenant's own tables, which replace those of the shipped mapping. */
export const mappingSetting = mappingSchema.optional()

export const mappingOf = (own: OltpMapping | undefined): OltpMapping => withOverrides(defaultMapping, own)

/** What of a snapshot is not worth telling: ingest would refuse it as older than the retention. */
export function oldestToTell(tenant: Tenant): number {
  const oldest = new Date()
  oldest.setUTCMonth(oldest.getUTCMonth() - retentionMonths(tenant))
  return oldest.getTime()
}

export interface DebeziumMessage {
  readonly value: unknown
  /** `<prefix>.<schema>.<table>`. */
  readonly topic: string
}

/** Events of Debezium messages; what is no change event is rejected, what tells nothing is passed over. */
export function eventsOfDebezium(
  messages: readonly DebeziumMessage[],
  mapping: OltpMapping,
  tenant: Tenant,
  logger: Logger,
): { events: unknown[]; rejected: RejectedMessage[] } {
  const events: unknown[] = []
  const rejected: RejectedMessage[] = []
  const notBefore = oldestToTell(tenant)
  for (const { value, topic } of messages) {
    const reading = readDebezium(value, topic)
    if (reading.kind === 'change') {
      const told = eventsOrRejection(reading.change, mapping, notBefore)
      events.push(...told.events)
      rejected.push(...told.rejected)
    }
    if (reading.kind === 'unreadable')
      rejected.push({ body: parsed(value), code: 'unreadable_message', message: reading.message })
    if (reading.kind === 'truncate')
      logger.warn(
        { tenant: tenant.slug, table: `${reading.schema}.${reading.table}` },
        'a table was truncated; its events stay',
      )
  }
  return { events, rejected }
}

/**
 * Mappings are pure: what one cannot cope with now it never will. Such a row is kept in the quarantine, so that it does not
 * hold up those behind it.
 */
export function eventsOrRejection(
  change: RowChange,
  mapping: OltpMapping,
  notBefore?: number,
): { readonly events: readonly unknown[]; readonly rejected: readonly RejectedMessage[] } {
  try {
    return { events: eventsOfChange(change, mapping, notBefore), rejected: [] }
  } catch (error) {
    const name = error instanceof Error ? error.name : 'error'
    const message = `The mapping of ${change.schema}.${change.table} ends in a ${name}. Correct the mapping and read the row again.`
    const { after, before } = change
    return { events: [], rejected: [{ body: { after, before }, code: 'mapping_failed', message }] }
  }
}

/** Personal data is found by its key, so text is parsed where it can be. */
function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

/** Names separated by commas, or a list. */
export const names = z
  .union([z.string(), z.array(z.string())])
  .transform((given) =>
    [given]
      .flat()
      .flatMap((text) => text.split(','))
      .map((name) => name.trim())
      .filter(Boolean),
  )
  .pipe(z.array(z.string().max(512)).min(1))
