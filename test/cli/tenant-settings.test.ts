import { describe, expect, it } from 'vitest'
import { readAssignment } from '../../cli/tenant-settings.ts'

describe('settings of sources', () => {
  it('are checked by the source they belong to; what looks like a number stays text where text is meant', () => {
    expect(readAssignment('source.oltp_redis.enabled', 'true')).toEqual({
      kind: 'setting',
      name: 'source.oltp_redis.enabled',
      value: true,
    })
    expect(readAssignment('source.oltp_redis.batch', '250')).toMatchObject({ value: 250 })
    expect(readAssignment('source.oltp_redis.group', '250')).toMatchObject({ value: '250' })
    expect(readAssignment('source.oltp_redis.streams', 'a,b')).toMatchObject({ value: 'a,b' })
    expect(readAssignment('source.oltp_redis.mapping', '{"goals":false}')).toMatchObject({ value: { goals: false } })
    expect(readAssignment('source.oltp_redis.group', '')).toMatchObject({ value: null })
  })

  it('that are secret are stored as secrets', () => {
    expect(readAssignment('source.oltp_replication.url', 'postgres://x')).toEqual({
      kind: 'secret',
      name: 'source.oltp_replication.url',
      value: 'postgres://x',
    })
    expect(readAssignment('source.oltp_kafka.password', '')).toMatchObject({ kind: 'secret', value: undefined })
  })

  it('that do not exist or do not fit are refused with what to do', () => {
    expect(() => readAssignment('source.nothing.enabled', 'true')).toThrow(/unknown source .* known: .*oltp_redis/)
    expect(() => readAssignment('source.oltp_redis.colour', 'blue')).toThrow(
      /none of oltp_redis's settings: enabled, streams/,
    )
    expect(() => readAssignment('source.oltp_redis.batch', 'many')).toThrow(
      /source\.oltp_redis\.batch: .*docs\/sources/,
    )
    expect(() => readAssignment('source.oltp_redis.mapping', '{"goals":{"user":"u","events":[{"type":"x"}]}}')).toThrow(
      /source\.oltp_redis\.mapping\.goals/,
    )
  })
})
