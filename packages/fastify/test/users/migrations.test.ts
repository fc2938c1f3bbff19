import { expect, it, onTestFinished } from 'vitest'
import { compareMigrations, migrateUsers } from '../../src/index.ts'
import { ENGINES } from '../databases.ts'

// PostgreSQL takes all statements of a migration back when the process is killed.
const engines = ENGINES.filter(([engine]) => engine !== 'PostgreSQL')

it.each(engines)(
  'tables in %s keep all that is in them when a start was killed before it noted its migrations',
  async (_, open) => {
    const { db, close } = await open()
    onTestFinished(close)
    const text = '龙🌱'
    const profile = { country: text, province: text, city: text, language: 'zh_CN', gender: 2 }
    await db
      .insertInto('weapp_auth_users')
      .values({ id: 'u1', created_at: 1, nickname: text, avatar_url: text, ...profile })
      .execute()
    await db
      .insertInto('weapp_auth_phones')
      .values({ user_id: 'u1', digest: 'd', sealed_number: 's', proven_at: null, created_at: 1 })
      .execute()
    await db
      .insertInto('weapp_auth_events')
      .values({ id: 'e1', at: 1, type: 'user_disabled', caused_by: text, data: text, attempts: 0 })
      .execute()
    const read = async () => ({
      users: await db.selectFrom('weapp_auth_users').selectAll().execute(),
      phones: await db.selectFrom('weapp_auth_phones').selectAll().execute(),
      events: await db.selectFrom('weapp_auth_events').selectAll().execute(),
    })
    const before = await read()
    expect(before).toMatchObject({
      users: [{ nickname: text, avatar_url: text, ...profile }],
      events: [{ caused_by: text, data: text }],
    })
    await db.deleteFrom('weapp_auth_migrations' as never).execute()
    const { missing } = await compareMigrations(db)
    expect(await migrateUsers(db)).toEqual(missing)
    expect(await read()).toEqual(before)
  },
)
