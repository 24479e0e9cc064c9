import { type AddressInfo, connect } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** Everything a listening app says to these bytes until it closes the connection, or says nothing for a moment. */
export function say(app: FastifyInstance, bytes: string | Buffer): Promise<{ text: string; closed: boolean }> {
  const { port } = app.server.address() as AddressInfo
  return new Promise((resolve) => {
    let text = ''
    let closed = false
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.setTimeout(400, () => socket.destroy())
    socket.on('data', (data) => {
      text += data
    })
    socket.on('end', () => {
      closed = true
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve({ text, closed }))
  })
}
