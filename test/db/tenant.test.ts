import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTenant, findTenant, inTransaction, listTenants, type Tenant, withTenant } from '../../db/tenant.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

let db: TestDatabase
let tenant: Tenant
beforeAll(async () => {
  // One connection: whatever a transaction leaves behind, the next one meets.
  db = await openTestDatabase({ poolSize: 1 })
  tenant = await createTenant(db.pool, {
    slug: 'first',
    timezone: 'Asia/Kathmandu',
    currency: 'NPR',
    settings: { a: 1 },
  })
})
afterAll(() => db.close())

const session = async () => {
  const { rows } = await db.pool.query(
    `select current_user = session_user as is_owner, nullif(current_setting('app.tenant_id', true), '') as tenant,
       current_setting('transaction_read_only') as read_only`,
  )
  return rows[0]
}
const clean = { is_owner: true, tenant: null, read_only: 'off' }

describe('createTenant', () => {
  test('stores what was given; the name defaults to the slug', async () => {
    expect(tenant).toMatchObject({
      slug: 'first',
      name: 'first',
      timezone: 'Asia/Kathmandu',
      currency: 'NPR',
      settings: { a: 1 },
    })
    expect(await findTenant(db.pool, { slug: 'first' })).toEqual(tenant)
    expect(await findTenant(db.pool, { id: tenant.id })).toEqual(tenant)
    expect(await findTenant(db.pool, { slug: 'nobody' })).toBeUndefined()
  })

  test.each([
    ['an unknown time zone', { slug: 'x', timezone: 'Europe/Atlantis', currency: 'EUR' }, /time zone/],
    ['a currency that is no ISO code', { slug: 'x', timezone: 'UTC', currency: 'euro' }, /currency/],
    ['a slug in use', { slug: 'first', timezone: 'UTC', currency: 'EUR' }, /slug exists/],
    ['a slug with capitals', { slug: 'First', timezone: 'UTC', currency: 'EUR' }, /slug/],
    ['an empty slug', { slug: '', timezone: 'UTC', currency: 'EUR' }, /slug/],
  ])('refuses %s and stores nothing', async (_, wrong, message) => {
    await expect(createTenant(db.pool, wrong)).rejects.toThrow(message)
    expect((await listTenants(db.pool)).map(({ slug }) => slug)).toEqual(['first'])
    expect(await session()).toEqual(clean)
  })
})

describe('withTenant', () => {
  test('reads as the API role, this tenant only, read only', async () => {
    const seen = await withTenant(db.pool, tenant.id, async (client) => {
      const { rows } = await client.query(
        `select current_user as role, tenant.id() as tenant, current_setting('transaction_read_only') as read_only`,
      )
      return rows[0]
    })
    expect(seen).toEqual({ role: 'analytics_api', tenant: tenant.id, read_only: 'on' })
    expect(await session()).toEqual(clean)
  })

  test('carries nothing over after an error of the work or of the database', async () => {
    await expect(withTenant(db.pool, tenant.id, () => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
    expect(await session()).toEqual(clean)
    await expect(withTenant(db.pool, tenant.id, (client) => client.query('select 1 / 0'))).rejects.toThrow(/zero/)
    expect(await session()).toEqual(clean)
    await expect(withTenant(db.pool, 'not a uuid', (client) => client.query('select tenant.id()'))).rejects.toThrow(
      /uuid/,
    )
    expect(await session()).toEqual(clean)
  })

  test('an unset or empty tenant is an error, not everybody', async () => {
    await expect(db.pool.query('select * from tenant.members')).rejects.toThrow(/app.tenant_id|uuid/)
    await expect(withTenant(db.pool, '', (client) => client.query('select * from members'))).rejects.toThrow(/uuid/)
  })
})

test('inTransaction undoes everything when its work fails', async () => {
  await expect(
    inTransaction(db.pool, async (client) => {
      await client.query(`update analytics.tenants set name = 'changed'`)
      throw new Error('mine')
    }),
  ).rejects.toThrow('mine')
  expect((await findTenant(db.pool, { slug: 'first' }))?.name).toBe('first')
})
