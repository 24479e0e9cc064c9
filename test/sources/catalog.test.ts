import { describe, expect, test } from 'vitest'
import { eventCatalog, findEventType } from '../../sources/catalog.ts'
import { parseEvent } from '../../sources/parse-event.ts'

describe('the event catalogue', () => {
  test('names every type once and finds each by name', () => {
    const types = eventCatalog.map((event) => event.type)
    expect(new Set(types).size).toBe(types.length)
    for (const event of eventCatalog) expect(findEventType(event.type)).toBe(event)
    expect(findEventType('toString')).toBeUndefined()
  })

  test.each(eventCatalog.map((event) => [event.type, event] as const))(
    'the example of %s is accepted',
    (type, definition) => {
      const result = parseEvent(definition.example)
      expect(result).toMatchObject({ ok: true, event: { type } })
      if (result.ok && definition.subject)
        expect(result.event.subject_id).toBe(definition.example.properties?.[definition.subject])
    },
  )

  test.each(eventCatalog.map((event) => [event.type, event] as const))(
    'the schema of %s checks without changing anything, so properties can be kept as sent',
    (_type, definition) => {
      const properties = definition.example.properties ?? {}
      expect(definition.properties.parse(properties)).toEqual(properties)
      expect(definition.properties.parse({ ...properties, extra: 1 })).toEqual(properties)
    },
  )

  test('only what a member does counts as an action', () => {
    const system = eventCatalog
      .filter((event) => event.actor(event.example.properties ?? {}) === 'system')
      .map((e) => e.type)
    expect(system).toEqual(['profile_changed', 'nudge_sent'])
    const message = findEventType('message_sent')
    expect(['member', 'coach', 'ai'].map((sender) => message?.actor({ sender }))).toEqual([
      'member',
      'system',
      'system',
    ])
  })
})
