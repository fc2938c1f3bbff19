import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  checkKeyRing,
  createKeyRotation,
  createSessionKeyVault,
  createSqlImport,
  createSqlPhoneStore,
  createSqlUserStore,
  type RotationPlace,
  type UsersDatabase,
} from '../src/index.ts'
import { afterFirst, ENGINES, type OpenDatabase } from './databases.ts'

const OLD = `k_1:${Buffer.alloc(32, 1).toString('base64')}`
/** A name that the old one would match as a pattern. */
const NEW = `kx1:${Buffer.alloc(32, 2).toString('base64')}`
const SESSION_KEYS = [1, 2, 3].map((n) => Buffer.alloc(16, n).toString('base64'))
const NUMBER = { number: '13800138000', countryCode: '86' }

function open(db: Kysely<UsersDatabase>, keys: string) {
  const vault = createSessionKeyVault({ keys })
  return {
    vault,
    users: createSqlUserStore({ db, vault }),
    phones: createSqlPhoneStore({ db, vault }),
    rotation: createKeyRotation({ db, vault }),
    imports: createSqlImport({ db, vault }),
  }
}

async function rotateAll({ rotation }: ReturnType<typeof open>): Promise<{ sealed: number; closed: number }> {
  const counts = { sealed: 0, closed: 0 }
  for (let place: RotationPlace | undefined = null; place !== undefined; ) {
    const { sealed, closed, next } = await rotation.step(place)
    counts.sealed += sealed
    counts.closed += closed
    place = next
  }
  return counts
}

describe.each(ENGINES)('a rotation of keys in %s', (engine, openDatabase) => {
  let database: OpenDatabase
  beforeAll(async () => {
    database = await openDatabase()
  })
  afterAll(() => database.close())

  /** A user with two session_keys and a number, sealed with the old key, and one who was imported. */
  async function fill() {
    const { db } = database
    for (const table of ['phones', 'phone_key', 'keys', 'unionids', 'identities', 'users'] as const) {
      await db.deleteFrom(`weapp_auth_${table}`).execute()
    }
    const before = open(db, OLD)
    await checkKeyRing({ db, vault: before.vault, nowMs: 1, warn: () => {} })
    let userId = ''
    for (const sessionKey of SESSION_KEYS.slice(0, 2)) {
      const signedIn = await before.users.signIn('wx1', { openid: 'oA', unionid: null, sessionKey }, 1)
      userId = 'user' in signedIn ? signedIn.user.id : ''
    }
    await before.phones.prove(userId, NUMBER, 1)
    const settings = { appids: ['wx1'], utcOffset: 'Z', nowMs: 1, dryRun: false }
    await before.imports.run([{ appid: 'wx1', openid: 'oB' }], settings)
    return { db, before, userId }
  }

  it('after a rotation the new key alone opens everything, and the old one may go', async () => {
    const { db, userId } = await fill()
    const both = open(db, `${NEW},${OLD}`)
    await checkKeyRing({ db, vault: both.vault, nowMs: 2, warn: () => {} })
    expect(await both.rotation.count()).toBe(2)
    expect(await both.rotation.forgetUnused()).toEqual([])
    expect(await rotateAll(both)).toEqual({ sealed: 2, closed: 0 })
    expect(await both.rotation.count()).toBe(0)
    expect(await rotateAll(both)).toEqual({ sealed: 0, closed: 0 })
    expect(await both.rotation.forgetUnused()).toEqual(['k_1'])
    expect(await db.selectFrom('weapp_auth_keys').select('kid').execute()).toEqual([{ kid: 'kx1' }])

    const after = open(db, NEW)
    const warnings: string[] = []
    await checkKeyRing({ db, vault: after.vault, nowMs: 3, warn: (message) => void warnings.push(message) })
    expect(warnings).toEqual([])
    expect(await after.users.findKeys(userId, 'wx1')).toEqual({
      openid: 'oA',
      sessionKeys: [SESSION_KEYS[1], SESSION_KEYS[0]],
    })
    expect(await after.phones.find(userId)).toMatchObject(NUMBER)
    expect(await after.phones.findHolder(NUMBER)).toEqual({ userId, isProven: true })
    // The fingerprint is the new key's: the same session_key is known again, and is not kept twice.
    const identity = { openid: 'oA', unionid: null, sessionKey: SESSION_KEYS[1] as string }
    await after.users.signIn('wx1', identity, 4)
    expect((await after.users.findKeys(userId, 'wx1'))?.sessionKeys).toEqual([SESSION_KEYS[1], SESSION_KEYS[0]])
  })

  it('a rotation counts what no key of the ring opens, and leaves it as it is', async () => {
    const { db, before, userId } = await fill()
    await expect(rotateAll(open(db, NEW))).rejects.toMatchObject({ code: 'internal' })
    expect(await before.users.findKeys(userId, 'wx1')).toMatchObject({
      sessionKeys: [SESSION_KEYS[1], SESSION_KEYS[0]],
    })
    expect(await before.phones.findHolder(NUMBER)).toEqual({ userId, isProven: true })
    expect(await open(db, NEW).rotation.step(null)).toMatchObject({ sealed: 0, closed: 1 })
  })

  it('a rotation does not put an older session_key in place of one that a sign-in brings meanwhile', async () => {
    const { db, userId } = await fill()
    const both = open(db, `${NEW},${OLD}`)
    const brought = both.vault.seal(SESSION_KEYS[2] as string, { appid: 'wx1', openid: 'oA' })
    let rotating: Promise<unknown> | null = null
    await db.transaction().execute(async (tx) => {
      await tx.updateTable('weapp_auth_identities').set({ session_key: brought }).where('openid', '=', 'oA').execute()
      // It reads the row as it was, and waits for this transaction to write.
      rotating = both.rotation.step(null)
      await sleep(200)
    })
    await rotating
    expect((await both.users.findKeys(userId, 'wx1'))?.sessionKeys[0]).toBe(SESSION_KEYS[2])
  })

  // SQLite runs one transaction at a time.
  if (engine !== 'SQLite') {
    it('a rotation does not put an older number in place of one that its user proves meanwhile', async () => {
      const { db, userId } = await fill()
      const keys = `${NEW},${OLD}`
      const both = open(db, keys)
      const proven = { ...NUMBER, number: '13900139000' }
      const slow = open(
        afterFirst('sealed_number', db, () => both.phones.prove(userId, proven, 2)),
        keys,
      )
      await slow.rotation.step({ userId: '' })
      expect(await both.phones.find(userId)).toMatchObject(proven)
    })
  }

  it('a rotation seals the key of a user who has only one, the current or the previous one', async () => {
    const { db, before } = await fill()
    const [sessionKey = '', older = ''] = SESSION_KEYS
    const signedIn = await before.users.signIn('wx1', { openid: 'oC', unionid: null, sessionKey }, 1)
    const previous_session_key = before.vault.seal(older, { appid: 'wx1', openid: 'oB' })
    await db.updateTable('weapp_auth_identities').set({ previous_session_key }).where('openid', '=', 'oB').execute()
    expect(await rotateAll(open(db, `${NEW},${OLD}`))).toEqual({ sealed: 4, closed: 0 })
    const after = open(db, NEW)
    const userId = 'user' in signedIn ? signedIn.user.id : ''
    expect(await after.users.findKeys(userId, 'wx1')).toEqual({ openid: 'oC', sessionKeys: [sessionKey] })
    const ofImported = db.selectFrom('weapp_auth_identities').selectAll().where('openid', '=', 'oB')
    const row = await ofImported.executeTakeFirstOrThrow()
    expect(after.vault.open(row.previous_session_key ?? '', { appid: 'wx1', openid: 'oB' })).toBe(older)
    expect(row.session_key).toBe('')
  })

  it('a rotation ends where no key opens more rows than one step takes, and seals all others', async () => {
    const { db, before, userId } = await fill()
    const both = open(db, `${NEW},${OLD}`)
    const lines = Array.from({ length: 201 }, (_, n) => ({ phone: `139${String(n).padStart(8, '0')}` }))
    await before.imports.run(lines, { appids: [], utcOffset: 'Z', nowMs: 1, dryRun: false })
    const sealed_number = 'k_1.broken'
    await db.updateTable('weapp_auth_phones').set({ sealed_number }).where('user_id', '!=', userId).execute()
    const imported = db.selectFrom('weapp_auth_identities').select('user_id').where('openid', '=', 'oB')
    const { user_id: otherId } = await imported.executeTakeFirstOrThrow()
    const closed = {
      ...{ unionid: null, created_at: 1, updated_at: 1, previous_session_key: null },
      ...{ session_key: 'k_1.broken', session_key_fingerprint: '' },
    }
    // 201 of two users, the last first, so that they do not lie in the order of their names. The one that opens comes after them.
    const rows = Array.from({ length: 101 }, (_, n) => [
      { ...closed, appid: `a${900 - n}`, openid: 'q', user_id: otherId },
      { ...closed, appid: `a${900 - n}`, openid: 'p', user_id: userId },
    ]).flat()
    await db.insertInto('weapp_auth_identities').values(rows.slice(0, -1)).execute()
    await db
      .updateTable('weapp_auth_identities')
      .set({ previous_session_key: 'k_1.broken' })
      .where('openid', '=', 'oA')
      .execute()
    const first = await both.rotation.step(null)
    expect(first).toEqual({ sealed: 0, closed: 200, next: { appid: 'a900', openid: 'p' } })
    expect(await rotateAll(both)).toEqual({ sealed: 1, closed: 403 })
    // What can be opened of a row is sealed anew also where the rest of it cannot.
    expect((await open(db, NEW).users.findKeys(userId, 'wx1'))?.sessionKeys).toContain(SESSION_KEYS[1])
  })

  it('a rotation goes through more rows than one step takes', async () => {
    const { db } = await fill()
    const lines = Array.from({ length: 250 }, (_, n) => ({ phone: `139${String(n).padStart(8, '0')}` }))
    const settings = { appids: [], utcOffset: 'Z', nowMs: 1, dryRun: false }
    await open(db, OLD).imports.run(lines, settings)
    const both = open(db, `${NEW},${OLD}`)
    expect(await both.rotation.count()).toBe(252)
    expect(await both.rotation.step({ userId: '' })).toMatchObject({ sealed: 200, closed: 0 })
    expect(await rotateAll(both)).toEqual({ sealed: 52, closed: 0 })
    expect(await both.rotation.count()).toBe(0)
  })
})
