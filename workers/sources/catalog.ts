import { oltpKafka } from './oltp-kafka.ts'
import { oltpRedis } from './oltp-redis.ts'
import { oltpReplication } from './oltp-replication.ts'
import { redisEvents } from './redis-events.ts'
import type { Source } from './source.ts'
import { supabaseRealtime } from './supabase-realtime.ts'

/** Every source that a worker can read for a tenant. One that is not listed here does not exist. */
export const sources: readonly Source[] = [oltpKafka, oltpRedis, oltpReplication, redisEvents, supabaseRealtime]
