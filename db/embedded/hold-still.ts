import pg from 'pg'

/** Well below the time after which the engine ends a transaction that does nothing. */
const SIGN_OF_LIFE_MS = 10_000

/**
 * Does `work` while the embedded engine writes nothing: everything is on disk after a checkpoint, and a transaction that is open
 * keeps everybody else out of the engine's one session (it has no background processes either). Others wait; a copy of the cluster's
 * files made meanwhile is one that a crash could have left, which every start recovers from. Throws when the transaction was lost.
 */
export async function holdStill<T>(connection: pg.ClientConfig, work: () => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...connection, application_name: 'upcoach-backup' })
  client.on('error', () => undefined)
  await client.connect()
  let timer: NodeJS.Timeout | undefined
  try {
    await client.query('checkpoint')
    await client.query('begin')
    // The session is ours once this is answered.
    await client.query('select 1')
    let lost: unknown
    timer = setInterval(() => {
      client.query('select 1').catch((error: unknown) => {
        lost = error
      })
    }, SIGN_OF_LIFE_MS)
    const result = await work()
    clearInterval(timer)
    if (lost === undefined) await client.query('select 1')
    if (lost !== undefined) throw new Error('the database moved while it was copied', { cause: lost })
    await client.query('rollback')
    return result
  } finally {
    clearInterval(timer)
    await client.end().catch(() => undefined)
  }
}
