import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Debezium's own sample messages, read in place. */
export const realData = join(process.env.UPCOACH_REAL_DATA ?? '../shared/data', 'debezium_pg')
export const hasRealData = existsSync(realData)
