import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameReader, MAX_MESSAGE_BYTES, MessageTooLarge } from '../../../../db/embedded/wire/frame-reader.ts'
import { message, startupPacket } from '../support.ts'

describe('the frame reader', () => {
  test('finds the same messages however the stream is cut into chunks', () => {
    const messages = fc.array(fc.tuple(fc.constantFrom('Q', 'P', 'B', 'S', 'd'), fc.uint8Array({ maxLength: 300 })), {
      minLength: 1,
      maxLength: 20,
    })
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1 }), (sent, sizes) => {
        const frames = sent.map(([type, body]) => message(type, Buffer.from(body)))
        const stream = Buffer.concat(frames)
        const reader = new FrameReader()
        const found: Buffer[] = []
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length] ?? 1
          reader.push(stream.subarray(at, at + size))
          at += size
          for (let frame = reader.nextMessage(); frame; frame = reader.nextMessage()) found.push(Buffer.from(frame))
        }
        expect(found).toEqual(frames)
      }),
    )
  })

  test('reads a start-up packet and then ordinary messages from one chunk', () => {
    const reader = new FrameReader()
    const start = startupPacket({ user: 'postgres' })
    reader.push(Buffer.concat([start, message('S')]))
    expect(reader.nextStartup()).toEqual(start)
    expect(reader.nextMessage()).toEqual(message('S'))
    expect(reader.nextMessage()).toBeNull()
  })

  test('refuses a length that is too large or impossible before the body arrives', () => {
    for (const length of [MAX_MESSAGE_BYTES + 1, 3, -1]) {
      const reader = new FrameReader()
      const head = Buffer.alloc(5)
      head.write('Q')
      head.writeInt32BE(length, 1)
      reader.push(head)
      expect(() => reader.nextMessage()).toThrow(MessageTooLarge)
    }
  })
})
