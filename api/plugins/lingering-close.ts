import fp from 'fastify-plugin'

/** How long a client that is still sending may take to read why it was refused, in milliseconds. */
const LINGER_MS = 2_000

/**
 * Closes connections in stages (RFC 9112 § 9.6): a client refused in the middle of its body – too large, say – is told that
 * nothing more follows, and what it still sends is read and thrown away for a while. Closed at once, the connection
 * would be reset under it, and it might never see the answer.
 */
export const lingeringClose = fp(async (app) => {
  app.addHook('onSend', async ({ raw }, reply) => {
    const { socket } = raw
    // Without a real connection (`inject`) there is nothing to close.
    if (raw.complete || reply.getHeader('connection') !== 'close' || typeof socket.destroySoon !== 'function') return
    socket.destroySoon = () => {
      const lingering = setTimeout(() => socket.destroy(), LINGER_MS)
      socket.once('close', () => clearTimeout(lingering))
      raw.once('end', () => socket.destroy())
      socket.end()
      raw.resume()
    }
  })
})
