import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  createSessionKeyVault,
  createSqlPhoneStore,
  createSqlUserStore,
  generateVaultKey,
  type UsersDatabase,
} from '../../src/index.ts'
import { afterFirst, ENGINES, type OpenDatabase, openSqlite } from '../databases.ts'

const APPID = 'wx0123456789abcdef'
const ALICES = { number: '13800138000', countryCode: '86' }
const BOBS = { number: '13900139000', countryCode: '86' }
const SESSION_KEY = Buffer.alloc(16, 7).toString('base64')

function storesOn(db: Kysely<UsersDatabase>, keys = generateVaultKey()) {
  const vault = createSessionKeyVault({ keys })
  return { users: createSqlUserStore({ db, vault }), phones: createSqlPhoneStore({ db, vault }) }
}

/** `other` is what another process would have: nothing in memory is shared. */
function open(db: Kysely<UsersDatabase>) {
  const keys = generateVaultKey()
  const stores = storesOn(db, keys)
  const newUser = async () => (await stores.users.createUser(1)).id
  return { db, keys, ...stores, other: storesOn(db, keys).phones, newUser }
}

/** As disabling and erasing do. */
async function mark(db: Kysely<UsersDatabase>, id: string, marks: { erasing_at?: number; disabled_at?: number }) {
  await db.updateTable('weapp_auth_users').set(marks).where('id', '=', id).execute()
}

/** A database for one test. */
async function openOwn(): Promise<Kysely<UsersDatabase>> {
  const { db, close } = await openSqlite()
  onTestFinished(close)
  return db
}

describe.each(ENGINES)('phone numbers in %s', (engine, openDatabase) => {
  let database: OpenDatabase
  beforeAll(async () => {
    database = await openDatabase()
  })
  afterAll(() => database.close())

  /** Stores on an empty database. */
  async function openEmpty() {
    for (const table of ['phones', 'phone_key', 'conflicts', 'unionids', 'identities', 'users'] as const) {
      await database.db.deleteFrom(`weapp_auth_${table}`).execute()
    }
    return open(database.db)
  }

  it('a number is found by its user and by itself, until it is removed', async () => {
    const { phones, newUser } = await openEmpty()
    const userId = await newUser()
    expect([await phones.find(userId), await phones.findHolder(ALICES)]).toEqual([null, null])
    expect(await phones.prove(userId, ALICES, 5)).toEqual({ movedFrom: null })
    expect(await phones.find(userId)).toEqual({ ...ALICES, isProven: true })
    expect(await phones.findHolder(ALICES)).toEqual({ userId, isProven: true })
    expect(await phones.findHolder({ ...ALICES, countryCode: '852' })).toBeNull()
    await phones.remove(userId)
    await phones.remove(userId)
    expect([await phones.find(userId), await phones.findHolder(ALICES)]).toEqual([null, null])
  })

  it('a user has one number: a new proof replaces the old one', async () => {
    const { phones, newUser } = await openEmpty()
    const userId = await newUser()
    await phones.prove(userId, ALICES, 5)
    expect(await phones.prove(userId, ALICES, 6)).toEqual({ movedFrom: null })
    await phones.prove(userId, BOBS, 7)
    expect(await phones.find(userId)).toMatchObject(BOBS)
    expect(await phones.findHolder(ALICES)).toBeNull()
  })

  it('a number that one user changes or removes leaves the numbers of others as they are', async () => {
    const { phones, newUser } = await openEmpty()
    const [alice, bob] = [await newUser(), await newUser()]
    await phones.prove(alice, ALICES, 1)
    await phones.prove(bob, BOBS, 1)
    await phones.prove(alice, { ...ALICES, countryCode: '852' }, 2)
    expect(await phones.find(bob)).toMatchObject(BOBS)
    await phones.remove(alice)
    expect(await phones.find(alice)).toBeNull()
    expect(await phones.find(bob)).toMatchObject(BOBS)
  })

  it('a number is of one user: the newest proof takes it from the user before', async () => {
    const { phones, newUser } = await openEmpty()
    const [alice, bob] = [await newUser(), await newUser()]
    await phones.prove(alice, ALICES, 5)
    expect(await phones.prove(bob, ALICES, 6)).toEqual({ movedFrom: { userId: alice, isProven: true } })
    expect([await phones.find(alice), await phones.find(bob)]).toEqual([null, { ...ALICES, isProven: true }])
  })

  it('a number that the host gives never moves, and never replaces a proven one', async () => {
    const { phones, newUser } = await openEmpty()
    const [alice, bob] = [await newUser(), await newUser()]
    expect(await phones.give(alice, ALICES, 5)).toEqual({ given: true })
    expect(await phones.find(alice)).toEqual({ ...ALICES, isProven: false })
    expect(await phones.give(alice, ALICES, 6)).toEqual({ given: true })
    expect(await phones.give(bob, ALICES, 6)).toEqual({ given: false, reason: 'taken', userId: alice })
    expect(await phones.give(alice, BOBS, 7)).toEqual({ given: true })
    await phones.prove(alice, ALICES, 8)
    expect(await phones.give(alice, BOBS, 9)).toEqual({ given: false, reason: 'proven' })
    expect(await phones.give(alice, ALICES, 9)).toEqual({ given: true })
    expect(await phones.find(alice)).toEqual({ ...ALICES, isProven: true })
  })

  it('only a user who is there gets a number, and an erased user has none', async () => {
    const { db, phones, newUser } = await openEmpty()
    for (const gone of [randomUUID(), 'no-id\0', '']) {
      expect(await phones.prove(gone, ALICES, 5)).toBeNull()
      expect(await phones.give(gone, ALICES, 5)).toBeNull()
      expect(await phones.find(gone)).toBeNull()
      await phones.remove(gone)
    }
    const [erasing, erased] = [await newUser(), await newUser()]
    await phones.prove(erased, BOBS, 5)
    await mark(db, erasing, { erasing_at: 6 })
    expect(await phones.prove(erasing, ALICES, 7)).toBeNull()
    await db.deleteFrom('weapp_auth_users').where('id', '=', erased).execute()
    expect(await phones.findHolder(BOBS)).toBeNull()
    expect(await db.selectFrom('weapp_auth_phones').selectAll().execute()).toEqual([])
  })

  it('a number that eight users prove at the same time in two processes is of one user in the end, and no call fails', async () => {
    const { db, phones, other, newUser } = await openEmpty()
    const ids = await Promise.all(Array.from({ length: 8 }, newUser))
    const proofs = await Promise.all(ids.map((id, i) => (i % 2 ? phones : other).prove(id, ALICES, i)))
    expect(proofs).not.toContain(null)
    const rows = await db.selectFrom('weapp_auth_phones').select('user_id').execute()
    expect(rows).toHaveLength(1)
    expect(await phones.find(rows[0]?.user_id ?? '')).toMatchObject(ALICES)
    const losers = proofs.flatMap((proof) => proof?.movedFrom?.userId ?? [])
    expect(new Set([...losers, rows[0]?.user_id])).toEqual(new Set(ids))
  })

  it('of two numbers that one user proves at the same time one stays', async () => {
    const { db, phones, other, newUser } = await openEmpty()
    const userId = await newUser()
    await Promise.all([phones.prove(userId, ALICES, 5), other.prove(userId, BOBS, 6)])
    const rows = await db.selectFrom('weapp_auth_phones').select('user_id').execute()
    expect(rows).toEqual([{ user_id: userId }])
    const { number } = (await phones.find(userId)) ?? {}
    expect([ALICES.number, BOBS.number]).toContain(number)
  })

  it('numbers that two users swap at the same time are of these two or of nobody, and no call waits for ever', async () => {
    const { phones, other, newUser } = await openEmpty()
    const [alice, bob] = [await newUser(), await newUser()]
    await phones.prove(alice, ALICES, 1)
    await phones.prove(bob, BOBS, 1)
    for (let i = 0; i < 5; i++) {
      await Promise.all([phones.prove(alice, BOBS, 2), other.prove(bob, ALICES, 2)])
      expect([await phones.find(alice), await phones.find(bob)]).toMatchObject([BOBS, ALICES])
      await Promise.all([other.prove(alice, ALICES, 3), phones.prove(bob, BOBS, 3)])
      expect([await phones.find(alice), await phones.find(bob)]).toMatchObject([ALICES, BOBS])
    }
  })

  // SQLite runs one transaction at a time.
  if (engine !== 'SQLite') {
    it('a user whose old number another user takes meanwhile still gets the new one', async () => {
      const { db, keys, phones, newUser } = await openEmpty()
      const [alice, bob] = [await newUser(), await newUser()]
      await phones.prove(bob, ALICES, 1)
      const slow = storesOn(
        afterFirst('sealed_number', db, () => phones.prove(alice, ALICES, 2)),
        keys,
      )
      expect(await slow.phones.prove(bob, BOBS, 3)).toEqual({ movedFrom: null })
      expect([await phones.find(alice), await phones.find(bob)]).toMatchObject([ALICES, BOBS])
    })
  }

  it('there is one key for all digests, also when two processes need the first one at the same time', async () => {
    const { phones, other, newUser } = await openEmpty()
    const [alice, bob] = [await newUser(), await newUser()]
    await Promise.all([phones.prove(alice, ALICES, 1), other.prove(bob, BOBS, 1)])
    expect(await other.findHolder(ALICES)).toMatchObject({ userId: alice })
    expect(await phones.findHolder(BOBS)).toMatchObject({ userId: bob })
  })

  describe('linkHolder', () => {
    const identity = (openid: string, unionid: string | null = null) => ({ openid, unionid, sessionKey: SESSION_KEY })

    it('linkHolder gives an identity to the user who was given its number, once', async () => {
      const { users, phones, newUser } = await openEmpty()
      const userId = await newUser()
      // Identities of others are no reason not to link.
      await users.signIn(APPID, identity('of-somebody-else'), 1)
      await phones.give(userId, ALICES, 1)
      expect(await phones.linkHolder(ALICES, APPID, identity('o1', 'u1'), 2)).toBe(userId)
      expect(await users.findIdentity(userId, APPID)).toEqual({ openid: 'o1', unionid: 'u1' })
      expect(await phones.linkHolder(ALICES, 'other-app', identity('o2'), 3)).toBeNull()
      expect(await users.signIn(APPID, identity('o1', 'u1'), 4)).toMatchObject({ user: { id: userId }, isNew: false })
    })

    it('linkHolder links no user who proved the number, has an identity elsewhere, is disabled, or is being erased', async () => {
      const { db, users, phones } = await openEmpty()
      const known = await users.signIn('other-app', identity('o0'), 1)
      const knownId = 'user' in known ? known.user.id : ''
      const [proven, disabled, erasing] = [
        (await users.createUser(1)).id,
        (await users.createUser(1)).id,
        (await users.createUser(1)).id,
      ]
      const numberOf = (i: number) => ({ number: `1380013800${i}`, countryCode: '86' })
      for (const [i, id] of [knownId, disabled, erasing].entries()) await phones.give(id, numberOf(i), 1)
      await phones.prove(proven, numberOf(3), 1)
      await mark(db, disabled, { disabled_at: 1 })
      await mark(db, erasing, { erasing_at: 1 })
      for (let i = 0; i < 4; i++) {
        expect(await phones.linkHolder(numberOf(i), APPID, identity(`o${i + 1}`), 2)).toBeNull()
        const signedIn = await users.signIn(APPID, identity(`o${i + 1}`), 3)
        expect(signedIn).toMatchObject({ isNew: true })
      }
    })

    it('linkHolder links a user whose disabling is over', async () => {
      const { users, phones, newUser } = await openEmpty()
      const userId = await newUser()
      await phones.give(userId, ALICES, 1)
      await users.disableUser(userId, { atMs: 1, untilMs: 3, reason: 'x' })
      expect(await phones.linkHolder(ALICES, APPID, identity('o1'), 2)).toBeNull()
      expect(await phones.linkHolder(ALICES, APPID, identity('o1'), 3)).toBe(userId)
    })

    it.each(['the user proves', 'another user proves', 'another user is given', 'an erasure takes'])(
      'linkHolder links nobody when %s the number after it was looked up',
      async (what) => {
        const { db, keys, users, phones, newUser } = await openEmpty()
        const [holder, stranger] = [await newUser(), await newUser()]
        await phones.give(holder, ALICES, 1)
        const changed = vi.fn(async () => {
          if (what === 'an erasure takes') await users.eraseUser(holder)
          else if (what === 'another user is given') {
            await phones.remove(holder)
            await phones.give(stranger, ALICES, 2)
          } else await phones.prove(what === 'the user proves' ? holder : stranger, ALICES, 2)
        })
        const late = storesOn(afterFirst('proven_at', db, changed), keys)
        expect(await late.phones.linkHolder(ALICES, APPID, identity('o1'), 3)).toBeNull()
        expect(changed).toHaveBeenCalledOnce()
        expect(await users.findIdentity(holder, APPID)).toBeNull()
      },
    )

    it('linkHolder never says that there is nobody to link because the identity could not be stored', async () => {
      const { db, keys, phones, newUser } = await openEmpty()
      await phones.give(await newUser(), ALICES, 1)
      const seal = () => {
        throw new Error('a fault')
      }
      const faulty = createSqlPhoneStore({ db, vault: { ...createSessionKeyVault({ keys }), seal } })
      await expect(faulty.linkHolder(ALICES, APPID, identity('o1'), 2)).rejects.toThrow()
      await expect(phones.linkHolder(ALICES, APPID, identity('o\0'), 2)).rejects.toMatchObject({
        code: 'internal',
        message: 'the store of phone numbers refused the data: it holds what cannot be stored',
      })
    })

    it('linkHolder links no identity that belongs to a user, and none whose unionid does', async () => {
      const { db, users, phones, newUser } = await openEmpty()
      const userId = await newUser()
      await phones.give(userId, ALICES, 1)
      await users.signIn(APPID, identity('taken', 'u1'), 1)
      expect(await phones.linkHolder(ALICES, APPID, identity('taken'), 2)).toBeNull()
      expect(await phones.linkHolder(ALICES, 'other-app', identity('o2', 'u1'), 2)).toBeNull()
      expect(await users.findIdentity(userId, 'other-app')).toBeNull()
      expect(await db.selectFrom('weapp_auth_conflicts').selectAll().execute()).toEqual([])
    })

    it('linkHolder links one of two identities that come at the same time', async () => {
      const { db, phones, other, newUser } = await openEmpty()
      const userId = await newUser()
      await phones.give(userId, ALICES, 1)
      const linked = await Promise.all([
        phones.linkHolder(ALICES, APPID, identity('o1'), 2),
        other.linkHolder(ALICES, 'other-app', identity('o2'), 2),
      ])
      expect(linked.filter((id) => id === userId)).toHaveLength(1)
      const rows = await db.selectFrom('weapp_auth_identities').select('user_id').execute()
      expect(rows).toEqual([{ user_id: userId }])
    })
  })
})

describe('a phone number at rest', () => {
  it('a number can be read in no column, and its digest needs the key', async () => {
    const { db, phones, newUser } = open(await openOwn())
    const userId = await newUser()
    await phones.prove(userId, ALICES, 1)
    const rows = JSON.stringify([
      await db.selectFrom('weapp_auth_phones').selectAll().execute(),
      await db.selectFrom('weapp_auth_phone_key').selectAll().execute(),
    ])
    expect(rows).not.toContain(ALICES.number)
    expect(rows).not.toContain(Buffer.from(ALICES.number).toString('base64url').slice(0, 12))
    const elsewhere = open(await openOwn())
    await elsewhere.phones.prove(await elsewhere.newUser(), ALICES, 1)
    const digest = async ({ db }: { db: Kysely<UsersDatabase> }) =>
      (await db.selectFrom('weapp_auth_phones').select('digest').executeTakeFirst())?.digest
    expect(await digest(elsewhere)).not.toBe(await digest({ db }))
  })

  it("a sealed number cannot be opened as another user's", async () => {
    const { db, phones, newUser } = open(await openOwn())
    const [alice, bob] = [await newUser(), await newUser()]
    await phones.prove(alice, ALICES, 1)
    await phones.prove(bob, BOBS, 1)
    await sql`update weapp_auth_phones set sealed_number = (select sealed_number from weapp_auth_phones where user_id = ${alice})`.execute(
      db,
    )
    expect([await phones.find(alice), await phones.find(bob)]).toMatchObject([ALICES, null])
  })

  it('a number is found after the key ring was rotated and the old key removed; one sealed with the old key is proved again', async () => {
    const db = await openOwn()
    const [old, fresh] = [generateVaultKey(), generateVaultKey()]
    const first = storesOn(db, old)
    const { id } = await first.users.createUser(1)
    await first.phones.prove(id, ALICES, 1)
    expect(await storesOn(db, `${fresh},${old}`).phones.findHolder(ALICES)).toEqual({ userId: id, isProven: true })
    const { phones } = storesOn(db, fresh)
    expect(await phones.findHolder(ALICES)).toEqual({ userId: id, isProven: true })
    expect(await phones.find(id)).toBeNull()
    await phones.prove(id, ALICES, 2)
    expect(await phones.find(id)).toMatchObject(ALICES)
  })

  it('a key of digests that cannot be opened is a fault that says which key is missing, and no other one is made', async () => {
    const db = await openOwn()
    const first = storesOn(db)
    const { id } = await first.users.createUser(1)
    await first.phones.prove(id, ALICES, 1)
    const { phones } = storesOn(db)
    await expect(phones.prove(id, ALICES, 2)).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('put that key back'),
    })
    expect(await first.phones.findHolder(ALICES)).not.toBeNull()
  })

  it('no error holds a number', async () => {
    const { db, phones, newUser } = open(await openOwn())
    const userId = await newUser()
    const wrong = await phones.prove(userId, { number: '138 canary', countryCode: '86' }, 1).catch((error) => error)
    expect(String(wrong)).toContain('the store of phone numbers refused the data: it holds what cannot be stored')
    expect(String(wrong)).not.toContain('canary')
    await db.destroy()
    const error = await phones.prove(userId, ALICES, 1).catch((error) => error)
    expect(error).toMatchObject({ code: 'store_unavailable' })
    expect(`${error} ${error.stack} ${JSON.stringify(error)}`).not.toContain(ALICES.number)
  })
})
