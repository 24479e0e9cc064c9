import type pg from 'pg'

/**
 * Keeps a process alive when the server goes away under a connection that is in use. The pool listens only to idle
 * clients; one that is checked out (a transaction) emits an 'error' of its own besides rejecting its query, and without
 * a listener that ends the process. Whoever uses the client learns of it from the rejected query. Safe to call twice.
 */
export function surviveLostClients(pool: pg.Pool): void {
  pool.on('acquire', (client) => {
    if (heard.has(client)) return
    heard.add(client)
    client.on('error', () => undefined)
  })
}

// Not by counting listeners: the pool takes its own one away only after it has announced the client.
const heard = new WeakSet<pg.PoolClient>()
