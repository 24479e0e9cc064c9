import { beforeAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../../db/embedded/engine.ts'
import { connectClient, eventually, startTestEngine } from './support.ts'

let engine: Engine

beforeAll(async () => {
  engine = await startTestEngine()
})

async function hearing() {
  const client = await connectClient(engine)
  const heard: string[] = []
  client.on('notification', ({ channel, payload }) => heard.push(`${channel}: ${payload}`))
  return { client, heard }
}

describe('LISTEN and NOTIFY', () => {
  test('reach the client that listens, not the one that ran last or one that listens to something else', async () => {
    const listener = await hearing()
    const other = await hearing()
    const sender = await hearing()
    await listener.client.query('listen news')
    await other.client.query('listen "Other News"')
    await sender.client.query(`notify news, 'one'`)
    await sender.client.query('select pg_notify($1, $2)', ['news', 'two'])
    await sender.client.query('select pg_notify($1, $2)', ['Other News', 'three'])
    await eventually('both listeners heard', () => listener.heard.length === 2 && other.heard.length === 1)
    expect(listener.heard).toEqual(['news: one', 'news: two'])
    expect(other.heard).toEqual(['Other News: three'])
    expect(sender.heard).toEqual([])
  })

  test('a client that listens and notifies hears itself', async () => {
    const one = await hearing()
    await one.client.query('listen self')
    await one.client.query(`notify self, 'me'`)
    await eventually('it heard', () => one.heard.length === 1)
  })

  test('nothing of a rolled back transaction is heard, and what is committed comes at the commit', async () => {
    const listener = await hearing()
    const sender = await hearing()
    await listener.client.query('listen tx')
    await sender.client.query('begin')
    await sender.client.query(`notify tx, 'lost'`)
    await sender.client.query('rollback')
    await sender.client.query('begin')
    await sender.client.query(`notify tx, 'kept'`)
    expect(listener.heard).toEqual([])
    await sender.client.query('commit')
    await eventually('it heard', () => listener.heard.length > 0)
    expect(listener.heard).toEqual(['tx: kept'])
  })

  test('UNLISTEN of one client, or its end, takes nothing away from another', async () => {
    const stays = await hearing()
    const leaves = await hearing()
    const dies = await hearing()
    for (const { client } of [stays, leaves, dies]) await client.query('listen shared')
    await leaves.client.query('unlisten *')
    await stays.client.query(`notify shared, '1'`)
    await dies.client.end()
    await stays.client.query(`notify shared, '2'`)
    await eventually('the one that stays heard both', () => stays.heard.length === 2)
    expect(leaves.heard).toEqual([])
    expect(dies.heard).toEqual(['shared: 1'])
    await stays.client.end()
    await eventually('the session listens to nothing more', async () => {
      const { rows } = await leaves.client.query('select pg_listening_channels() as channel')
      return !rows.some((row) => row.channel === 'shared')
    })
  })
})
