import type pg from 'pg'
import type { AcceptedBatch } from './accept-events.ts'
import { countPushed, type PushedBatch } from './sources/runners.ts'
import { loadSql } from './sql.ts'

const markDeviceSequence = loadSql(new URL('./sql/mark-device-sequence.sql', import.meta.url))

/** Ranges remembered per device, and ranges named in one answer. */
const MOST_RANGES = 1000
const SHOWN_RANGES = 100

/** What has arrived of a device, all its deliveries together. */
export interface DeviceState {
  /** All numbers from 1 up to this one are here: the device may forget those events. 0: not even the first. */
  readonly received_up_to: number
  /** Numbers below the highest one that have not arrived, inclusive; at most 100 ranges. */
  readonly missing: readonly { readonly from: number; readonly to: number }[]
}

/**
 * Notes which of a device's events have arrived, after they were stored or quarantined: when this fails, the device sends
 * the batch again, and nothing counts twice. Undefined when no event has a number.
 */
export async function markDelivered(
  pool: pg.Pool,
  tenantId: string,
  device: string,
  numbers: readonly number[],
): Promise<DeviceState | undefined> {
  if (numbers.length === 0) return undefined
  const { rows } = await pool.query<DeviceState>(
    markDeviceSequence.bind({
      tenant: tenantId,
      device,
      numbers: JSON.stringify(numbers),
      most: MOST_RANGES,
      shown: SHOWN_RANGES,
    }),
  )
  return rows[0]
}

/** A delivery in the counters of sources, under `mobile_sync`. */
export const countDelivery = (pool: pg.Pool, tenantId: string, answer: AcceptedBatch) =>
  countPushed(pool, tenantId, 'mobile_sync', deliveryOf(answer))

/** An answer to a batch of events, as a source counts it. */
export function deliveryOf({ accepted, duplicates, rejected, newestAt }: AcceptedBatch): PushedBatch {
  return { processed: accepted + duplicates + rejected, accepted, duplicates, failed: rejected, newestAt }
}

/** How many devices of a tenant have gaps, for tenants that have any. */
export async function devicesWithGaps(pool: pg.Pool): Promise<{ tenant: string; devices: number }[]> {
  const { rows } = await pool.query<{ tenant: string; devices: number }>(
    `select t.slug as tenant, count(*) as devices from analytics.device_sequences d
     join analytics.tenants t on t.id = d.tenant_id where d.has_gap group by 1`,
  )
  return rows
}
