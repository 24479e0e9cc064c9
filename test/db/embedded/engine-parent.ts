/** A process that runs an engine which is busy, and that can be killed; tells the engine's process id. */
import pg from 'pg'
import { startEngine } from '../../../db/embedded/engine.ts'

const engine = await startEngine({ dataDir: process.argv[2] ?? '', durable: false })
const client = new pg.Client(engine.connection)
await client.connect()
await client.query('select 1')
void client.query('select count(*) from generate_series(1, 100000000000)')
setTimeout(() => process.send?.(engine.pid), 200)
