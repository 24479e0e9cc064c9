import { describe, expect, test } from 'vitest'
import { readStartup } from '../../../../db/embedded/wire/startup.ts'
import { startupPacket } from '../support.ts'

const start = (parameters: Record<string, string>, version?: number) => {
  const packet = readStartup(startupPacket(parameters, version))
  if (packet.kind !== 'start') throw new Error(`not a start packet: ${packet.kind}`)
  return packet
}

describe('the start-up packet', () => {
  test('names user and database; the database defaults to the name of the user', () => {
    expect(start({ user: 'me', database: 'metrics' })).toMatchObject({ user: 'me', database: 'metrics' })
    expect(start({ user: 'postgres' })).toMatchObject({ user: 'postgres', database: 'postgres' })
  })

  test('carries settings as parameters and in options, with escaped blanks', () => {
    const packet = start({
      user: 'postgres',
      options: String.raw`-c search_path="my\ schema" --statement-timeout=5 -cwork_mem=1MB -d 5`,
      application_name: 'a b',
      TimeZone: 'Europe/Rome',
    })
    expect([...packet.settings]).toEqual([
      ['search_path', '"my schema"'],
      ['statement_timeout', '5'],
      ['work_mem', '1MB'],
      ['application_name', 'a b'],
      ['TimeZone', 'Europe/Rome'],
    ])
  })

  test('asks for a newer minor version with options that are not settings', () => {
    expect(start({ user: 'postgres', '_pq_.what': 'on' }, 196610)).toMatchObject({
      minor: 2,
      protocolOptions: ['_pq_.what'],
      settings: new Map(),
    })
  })

  test.each([
    [80877103, { kind: 'encryption' }],
    [80877104, { kind: 'encryption' }],
    [80877102, { kind: 'cancel' }],
    [131072, { kind: 'unsupported', version: '2.0' }],
  ])('code %i', (code, expected) => {
    expect(readStartup(startupPacket({}, code))).toEqual(expected)
  })
})
