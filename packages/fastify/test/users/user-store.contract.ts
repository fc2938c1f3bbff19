import { randomBytes, randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  checkKeyRing,
  createSessionKeyVault,
  createSqlUserStore,
  generateVaultKey,
  type IdentityConflict,
  migrateUsers,
  type SignedInUser,
  type UsersDatabase,
} from '../../src/index.ts'
import { userStoreCases } from '../../src/testing/index.ts'
import { engineOf } from '../../src/users/engine.ts'
import { identityStoreContract } from './identity-store.contract.ts'

const PROFILE = {
  nickname: '小明👍',
  avatarUrl: 'https://example.com/a.png',
  gender: 2,
  country: 'CN',
  province: '浙江',
  city: '杭州',
  language: 'zh_CN',
} as const

const newKey = () => randomBytes(16).toString('base64')

/** Texts that were seen to break a parser, a collation, a driver or a script. */
const HOSTILE_TEXTS = [
  "'); DROP TABLE weapp_auth_users; --",
  '\\',
  "\\' OR 1=1 -- ",
  '$1 ? :id %s {{x}}',
  ']] --[[',
  '123',
  'null',
  '{"r":"admin"}',
  ' in the middle ',
  '👨‍👩‍👧‍👦',
  '\u{10ffff}\ufffd\ufeff',
  'e\u0301',
  '한\u3164',
]
/** Texts that some engines store as another text, or not at all. */
const UNSTORABLE_TEXTS = ['\0', 'a\0b', '\ud83d', 'a\ude00b']

/** Nobody is being erased in these tests. */
function getUser(signedIn: SignedInUser) {
  if ('erasing' in signedIn) throw new Error('the user is being erased')
  return signedIn
}

/**
 * What the SQL UserStore does in every engine.
 *
 * @param open makes a database without any table, of one test's own
 * @param o.connections how many statements the database runs at the same time
 * @param o.openPrepared where making one takes long: gives a database with our tables, empty. Tests do it no harm and have
 * it one after another
 */
export function userStoreContract(
  open: () => Promise<Kysely<UsersDatabase>>,
  o: { connections: number; openPrepared?: () => Promise<Kysely<UsersDatabase>> },
): void {
  const openOwn = async () => {
    const db = await open()
    await migrateUsers(db)
    return db
  }
  const { openPrepared = openOwn } = o

  async function setUp(openDatabase = openPrepared) {
    const db = await openDatabase()
    const vault = createSessionKeyVault({ keys: generateVaultKey() })
    const conflicts: IdentityConflict[] = []
    const users = createSqlUserStore({ db, vault, onConflict: (conflict) => conflicts.push(conflict) })
    const signIn = (
      openid: string,
      o: { appid?: string; sessionKey?: string; unionid?: string | null; at?: number } = {},
    ) =>
      users
        .signIn(
          o.appid ?? 'wx1',
          { openid, unionid: o.unionid ?? null, sessionKey: o.sessionKey ?? newKey() },
          o.at ?? 1_700_000_000_000,
        )
        .then(getUser)
    const sealedKeys = async (openid: string) => {
      const { session_key, previous_session_key } = await db
        .selectFrom('weapp_auth_identities')
        .selectAll()
        .where('openid', '=', openid)
        .executeTakeFirstOrThrow()
      const owner = { appid: 'wx1', openid }
      return {
        current: vault.open(session_key, owner),
        previous: previous_session_key === null ? null : vault.open(previous_session_key, owner),
      }
    }
    return { db, vault, users, conflicts, signIn, sealedKeys }
  }

  it.each(userStoreCases)('$title', async ({ run }) => run((await setUp()).users))

  it('createUser makes a user who has no WeChat identity, and is found by id', async () => {
    const { users, db } = await setUp()
    const user = await users.createUser(1_700_000_000_123)
    expect(user).toMatchObject({ createdAtMs: 1_700_000_000_123, profile: { nickname: '' } })
    expect(await users.findUser(user.id)).toEqual(user)
    expect((await users.createUser(1_700_000_000_123)).id).not.toBe(user.id)
    expect(await db.selectFrom('weapp_auth_identities').selectAll().execute()).toEqual([])
  })

  identityStoreContract(openPrepared)

  describe('a sign-in', () => {
    it('a sign-in creates the user the first time and finds them afterwards', async () => {
      const { users, signIn } = await setUp()
      const first = await signIn('o1', { at: 1_700_000_000_123 })
      expect(first).toEqual({
        isNew: true,
        user: {
          id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          createdAtMs: 1_700_000_000_123,
          profile: { nickname: '', avatarUrl: '', gender: 0, country: '', province: '', city: '', language: '' },
          externalId: null,
          disabled: null,
        },
      })
      expect(await signIn('o1', { at: 1_800_000_000_000 })).toEqual({ isNew: false, user: first.user })
      expect(await users.findUser(first.user.id)).toEqual(first.user)
    })

    it('two openids, and one openid in two mini-programs, are different users', async () => {
      const { signIn } = await setUp()
      const ids = [await signIn('o1'), await signIn('o2'), await signIn('o1', { appid: 'wx2' })].map(
        ({ user }) => user.id,
      )
      expect(new Set(ids).size).toBe(3)
    })

    it('50 first sign-ins at once create one user', async () => {
      const { db, signIn } = await setUp()
      const results = await Promise.all(Array.from({ length: 50 }, () => signIn('o1')))
      expect(new Set(results.map(({ user }) => user.id)).size).toBe(1)
      expect(results.filter(({ isNew }) => isNew)).toHaveLength(1)
      expect(await db.selectFrom('weapp_auth_users').selectAll().execute()).toHaveLength(1)
      expect(await db.selectFrom('weapp_auth_identities').selectAll().execute()).toHaveLength(1)
    })

    it('first sign-ins through ten processes at once create one user', async () => {
      const { db, vault } = await setUp()
      const stores = Array.from({ length: 10 }, () => createSqlUserStore({ db, vault }))
      for (let round = 0; round < 5; round++) {
        const identity = { openid: `o${round}`, unionid: round % 2 ? `u${round}` : null }
        const results = await Promise.all(
          stores.map((store) => store.signIn('wx1', { ...identity, sessionKey: newKey() }, 1).then(getUser)),
        )
        expect(new Set(results.map(({ user }) => user.id)).size).toBe(1)
        expect(results.filter(({ isNew }) => isNew)).toHaveLength(1)
        expect(await db.selectFrom('weapp_auth_users').selectAll().execute()).toHaveLength(round + 1)
      }
    })

    it('a sign-in that fails halfway leaves neither user nor identity', async () => {
      const { db, users } = await setUp(openOwn)
      const tooLong = { openid: 'o1', unionid: null, sessionKey: newKey() }
      await db.schema.alterTable('weapp_auth_users').renameTo('weapp_auth_users_away').execute()
      await expect(users.signIn('wx1', tooLong, 1)).rejects.toMatchObject({ code: 'store_unavailable' })
      expect(await db.selectFrom('weapp_auth_identities').selectAll().execute()).toEqual([])
    })

    it('a sign-in stores a unionid that comes later, and keeps it when it is missing again', async () => {
      const { users, signIn } = await setUp()
      const { user } = await signIn('o1')
      expect(await users.findIdentity(user.id, 'wx1')).toEqual({ openid: 'o1', unionid: null })
      await signIn('o1', { unionid: 'u1' })
      await signIn('o1')
      expect(await users.findIdentity(user.id, 'wx1')).toEqual({ openid: 'o1', unionid: 'u1' })
    })
  })

  describe('the session_key', () => {
    it('the session_key is kept sealed, and the one before a rotation with it', async () => {
      const { db, signIn, sealedKeys } = await setUp()
      const [first, second] = [newKey(), newKey()]
      await signIn('o1', { sessionKey: first })
      expect(await sealedKeys('o1')).toEqual({ current: first, previous: null })
      await signIn('o1', { sessionKey: second })
      expect(await sealedKeys('o1')).toEqual({ current: second, previous: first })
      const stored = JSON.stringify(await db.selectFrom('weapp_auth_identities').selectAll().execute())
      for (const key of [first, second]) expect(stored).not.toContain(key)
    })

    it('a session_key that is the same as before leaves the previous one in place', async () => {
      const { signIn, sealedKeys } = await setUp()
      const [first, second] = [newKey(), newKey()]
      await signIn('o1', { sessionKey: first })
      await signIn('o1', { sessionKey: second })
      await signIn('o1', { sessionKey: second })
      expect(await sealedKeys('o1')).toEqual({ current: second, previous: first })
    })
  })

  describe('the keys of a user', () => {
    it('the keys of a user are the current session_key and the previous one, opened', async () => {
      const { users, signIn } = await setUp()
      const [first, second] = [newKey(), newKey()]
      const { user } = await signIn('o1', { sessionKey: first })
      expect(await users.findKeys(user.id, 'wx1')).toEqual({ openid: 'o1', sessionKeys: [first] })
      await signIn('o1', { sessionKey: second })
      expect(await users.findKeys(user.id, 'wx1')).toEqual({ openid: 'o1', sessionKeys: [second, first] })
      expect(await users.findKeys(user.id, 'wx2')).toBeNull()
    })

    it('the keys of a user survive a rotation of the ring, and are none when the ring lacks the key that sealed them', async () => {
      const db = await openPrepared()
      const [old, fresh] = [generateVaultKey(), generateVaultKey()]
      const through = (keys: string) => createSqlUserStore({ db, vault: createSessionKeyVault({ keys }) })
      const [first, second] = [newKey(), newKey()]
      const signIn = (keys: string, sessionKey: string) =>
        through(keys).signIn('wx1', { openid: 'o1', unionid: null, sessionKey }, 1).then(getUser)
      const { user } = await signIn(old, first)
      await signIn(old, second)
      const rotated = `${fresh},${old}`
      expect((await through(rotated).findKeys(user.id, 'wx1'))?.sessionKeys).toEqual([second, first])
      await signIn(rotated, second)
      expect((await through(rotated).findKeys(user.id, 'wx1'))?.sessionKeys).toEqual([second, first])
      expect((await through(fresh).findKeys(user.id, 'wx1'))?.sessionKeys).toEqual([second])
      expect((await through(generateVaultKey()).findKeys(user.id, 'wx1'))?.sessionKeys).toEqual([])
    })

    it('the keys of a user include the session_key that WeChat made on request', async () => {
      const { users, signIn } = await setUp()
      const [first, second] = [newKey(), newKey()]
      const { user } = await signIn('o1', { sessionKey: first })
      await users.replaceKey(user.id, 'wx1', second, 2)
      await users.replaceKey(user.id, 'wx1', second, 3)
      await users.replaceKey(user.id, 'wx2', newKey(), 3)
      expect((await users.findKeys(user.id, 'wx1'))?.sessionKeys).toEqual([second, first])
    })
  })

  describe('a unionid', () => {
    const at = (appid: string, unionid: string | null = null) => ({ appid, unionid })

    it('a unionid makes the users of several mini-programs one', async () => {
      const { users, signIn, conflicts } = await setUp()
      const first = await signIn('o1', at('wx1', 'u1'))
      const second = await signIn('o2', at('wx2', 'u1'))
      expect(second).toEqual({ user: first.user, isNew: false })
      expect(await signIn('o2', at('wx2'))).toEqual({ user: first.user, isNew: false })
      expect((await signIn('o3', at('wx2', 'u3'))).user.id).not.toBe(first.user.id)
      expect(await users.findIdentity(first.user.id, 'wx2')).toEqual({ openid: 'o2', unionid: 'u1' })
      expect(conflicts).toEqual([])
    })

    it('a unionid that comes later links the identities that sign in after that', async () => {
      const { signIn, conflicts } = await setUp()
      const { user } = await signIn('o1', at('wx1'))
      await signIn('o1', at('wx1', 'u1'))
      expect((await signIn('o2', at('wx2', 'u1'))).user).toEqual(user)
      expect(conflicts).toEqual([])
    })

    it('a unionid that comes too late merges no users: the conflict is recorded and told once', async () => {
      const { db, signIn, conflicts } = await setUp()
      const { user: old } = await signIn('o1', at('wx1'))
      const { user: other } = await signIn('o2', at('wx2', 'u1'))
      for (const at of [5, 6]) {
        expect((await signIn('o1', { appid: 'wx1', unionid: 'u1', at })).user).toEqual(old)
        expect((await signIn('o2', { appid: 'wx2', unionid: 'u1', at })).user).toEqual(other)
      }
      expect(conflicts).toEqual([{ userId: old.id, otherUserId: other.id }])
      const recorded = await db.selectFrom('weapp_auth_conflicts').selectAll().execute()
      expect(recorded).toMatchObject([{ user_id: old.id, other_user_id: other.id }])
      expect(String(recorded[0]?.unionid)).toBe('u1')
    })

    it('a conflict with a further user, and one about a further unionid of the same two, are recorded and told too', async () => {
      const { db, users, signIn, conflicts } = await setUp()
      const [{ user: late }, { user: later }] = [await signIn('o1'), await signIn('o2')]
      const { user: holder } = await signIn('o3', at('wx2', 'u1'))
      for (const openid of ['o1', 'o2', 'o1']) await signIn(openid, at('wx1', 'u1'))
      const identities = { wx3: 'o4', wx4: 'o5' }
      await users.linkIdentity(late.id, 'wx3', { openid: identities.wx3, unionid: null, sessionKey: newKey() }, 5)
      await users.linkIdentity(holder.id, 'wx4', { openid: identities.wx4, unionid: 'u2', sessionKey: newKey() }, 5)
      await signIn(identities.wx3, at('wx3', 'u2'))
      const otherUserId = holder.id
      expect(conflicts).toEqual([late, later, late].map(({ id: userId }) => ({ userId, otherUserId })))
      expect(await db.selectFrom('weapp_auth_conflicts').selectAll().execute()).toHaveLength(3)
    })

    it('the unionid of a second openid in the same mini-program is a conflict, and a user of its own', async () => {
      const { signIn, conflicts } = await setUp()
      const first = await signIn('o1', at('wx1', 'u1'))
      const second = await signIn('o2', at('wx1', 'u1'))
      expect(second.isNew).toBe(true)
      expect(conflicts).toEqual([{ userId: second.user.id, otherUserId: first.user.id }])
    })

    it('20 first sign-ins with one unionid in ten mini-programs, through as many processes at once, create one user', async () => {
      const { db, vault, conflicts } = await setUp()
      const onConflict = (conflict: IdentityConflict) => void conflicts.push(conflict)
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          createSqlUserStore({ db, vault, onConflict })
            .signIn(`wx${i % 10}`, { openid: `o${i % 10}`, unionid: 'u1', sessionKey: newKey() }, 1)
            .then(getUser),
        ),
      )
      expect(new Set(results.map(({ user }) => user.id)).size).toBe(1)
      expect(results.filter(({ isNew }) => isNew)).toHaveLength(1)
      expect(await db.selectFrom('weapp_auth_users').selectAll().execute()).toHaveLength(1)
      expect(conflicts).toEqual([])
    })
  })

  describe('linking an identity to a user', () => {
    const identity = (openid: string, unionid: string | null = null) => ({ openid, unionid, sessionKey: newKey() })

    it('linking an identity makes a sign-in with it a sign-in of this user', async () => {
      const { users, signIn } = await setUp()
      const { user } = await signIn('o1')
      const result = await users.linkIdentity(user.id, 'wx2', identity('o2', 'u2'), 5)
      expect(result).toEqual({ linked: true, identity: { openid: 'o2', unionid: 'u2' } })
      expect(await users.findIdentity(user.id, 'wx2')).toEqual({ openid: 'o2', unionid: 'u2' })
      expect((await signIn('o2', { appid: 'wx2' })).user).toEqual(user)
      expect((await signIn('o3', { appid: 'wx3', unionid: 'u2' })).user).toEqual(user)
    })

    it('linking an identity twice has the effect of one', async () => {
      const { users, signIn } = await setUp()
      const { user } = await signIn('o1')
      const result = { linked: true, identity: { openid: 'o1', unionid: null } }
      expect(await users.linkIdentity(user.id, 'wx1', identity('o1'), 5)).toEqual(result)
      expect(await users.linkIdentity(user.id, 'wx1', identity('o1'), 5)).toEqual(result)
    })

    it('linking an identity that the user has takes the session_key and the unionid that are new', async () => {
      const { users, signIn } = await setUp()
      const first = newKey()
      const { user } = await signIn('o1', { sessionKey: first })
      const fresh = identity('o1', 'u1')
      await users.linkIdentity(user.id, 'wx1', fresh, 5)
      expect(await users.findIdentity(user.id, 'wx1')).toEqual({ openid: 'o1', unionid: 'u1' })
      expect((await users.findKeys(user.id, 'wx1'))?.sessionKeys).toEqual([fresh.sessionKey, first])
    })

    it('linking is refused when another user has the identity, or the user has another one in the mini-program', async () => {
      const { db, users, signIn } = await setUp()
      const [{ user: alice }, { user: bob }] = [await signIn('o1'), await signIn('o2', { appid: 'wx2' })]
      expect(await users.linkIdentity(alice.id, 'wx2', identity('o2'), 5)).toEqual({
        linked: false,
        reason: 'taken',
        userId: bob.id,
      })
      expect(await users.linkIdentity(alice.id, 'wx1', identity('o9'), 5)).toEqual({
        linked: false,
        reason: 'occupied',
      })
      expect((await signIn('o2', { appid: 'wx2' })).user).toEqual(bob)
      expect(await db.selectFrom('weapp_auth_identities').selectAll().execute()).toHaveLength(2)
    })

    it('of many identities in one mini-program, linked at once through as many processes, a user gets one', async () => {
      const { db, vault, signIn } = await setUp()
      const { user } = await signIn('o1')
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          createSqlUserStore({ db, vault }).linkIdentity(user.id, 'wx2', identity(`p${i}`), 5),
        ),
      )
      expect(results.filter((result) => result?.linked)).toHaveLength(1)
      expect(await db.selectFrom('weapp_auth_identities').selectAll().execute()).toHaveLength(2)
    })

    it('linking an identity whose unionid belongs to another user keeps both users, and tells a conflict once', async () => {
      const { users, signIn, conflicts } = await setUp()
      const [{ user: alice }, { user: bob }] = [await signIn('o1'), await signIn('o2', { appid: 'wx2', unionid: 'u1' })]
      for (let i = 0; i < 2; i++)
        expect(await users.linkIdentity(alice.id, 'wx3', identity('o3', 'u1'), 5)).toMatchObject({ linked: true })
      expect(conflicts).toEqual([{ userId: alice.id, otherUserId: bob.id }])
    })

    it('linking an identity to a user who does not exist answers null', async () => {
      const { users } = await setUp()
      expect(await users.linkIdentity(randomUUID(), 'wx1', identity('o1'), 5)).toBeNull()
    })
  })

  it('a change of the profile leaves the fields that were not given as they are', async () => {
    const { users, signIn } = await setUp()
    const { user } = await signIn('o1')
    expect(await users.updateProfile(user.id, PROFILE)).toEqual({ ...user, profile: PROFILE })
    expect((await signIn('o1')).user.profile).toEqual(PROFILE)
    const profile = { ...PROFILE, nickname: 'x', avatarUrl: '' }
    expect(await users.updateProfile(user.id, { nickname: 'x', avatarUrl: '' })).toEqual({ ...user, profile })
    expect(await users.updateProfile(user.id, {})).toEqual({ ...user, profile })
  })

  it('changes of different fields at the same time are all kept', async () => {
    const { users, signIn } = await setUp()
    const { user } = await signIn('o1')
    for (let round = 0; round < 10; round++) {
      const fields = Object.entries({ ...PROFILE, nickname: `${round}`, city: `${round}` })
      await Promise.all(fields.map(([field, value]) => users.updateProfile(user.id, { [field]: value })))
      expect((await users.findUser(user.id))?.profile).toEqual(Object.fromEntries(fields))
      await users.updateProfile(user.id, user.profile)
    }
  })

  it.each([
    ['oA', 'oa'],
    ['o1', 'o1 '],
    ['é', 'e\u0301'],
    ['ß', 'ss'],
    ['👍', '👎'],
    ['o\u200b', 'o'],
  ])('identifiers that differ in one byte belong to two users: %j and %j', async (one, other) => {
    const { users, signIn } = await setUp()
    const first = await signIn(one)
    const second = await signIn(other)
    expect(second.isNew).toBe(true)
    expect(await users.findIdentity(first.user.id, 'wx1')).toEqual({ openid: one, unionid: null })
    await signIn('p1', { appid: 'wx2', unionid: one })
    expect((await signIn('p2', { appid: 'wx3', unionid: other })).isNew).toBe(true)
    await signIn('p3', { appid: one })
    expect((await signIn('p3', { appid: other })).isNew).toBe(true)
  })

  it.each(HOSTILE_TEXTS)('a text is stored in every field and comes back unchanged: %j', async (text) => {
    const { users, signIn } = await setUp()
    const { user } = await signIn(text, { appid: text, unionid: text })
    expect(await users.findIdentity(user.id, text)).toEqual({ openid: text, unionid: text })
    expect((await users.findKeys(user.id, text))?.openid).toBe(text)
    expect((await signIn(text, { appid: text, unionid: text })).user).toEqual(user)
    const texts = { nickname: text, avatarUrl: text, country: text, province: text, city: text, language: text }
    expect((await users.updateProfile(user.id, texts))?.profile).toEqual({ ...texts, gender: 0 })
    expect((await signIn(text, { appid: text })).user.profile).toEqual({ ...texts, gender: 0 })
    for (const id of [text, `${user.id} `, user.id.toUpperCase()]) expect(await users.findUser(id)).toBeNull()
  })

  it('the longest texts fit, counted in characters, and a longer one is refused and changes nothing', async () => {
    const { users, signIn } = await setUp()
    const texts = {
      ...Object.fromEntries(['nickname', 'country', 'province', 'city'].map((field) => [field, '👍'.repeat(64)])),
      avatarUrl: '图'.repeat(1024),
      language: 'x'.repeat(35),
    }
    const longest = '龙'.repeat(64)
    const { user } = await signIn(longest, { unionid: longest, appid: 'x'.repeat(64) })
    const profile = { ...user.profile, ...texts }
    expect((await users.updateProfile(user.id, texts))?.profile).toEqual(profile)
    expect(await users.findIdentity(user.id, 'x'.repeat(64))).toEqual({ openid: longest, unionid: longest })
    // SQLite knows no longest text: there the checks before it are all there are.
    if (o.connections === 1) return
    const refused = { code: 'internal', message: expect.not.stringContaining('yyyy') }
    await expect(users.updateProfile(user.id, { nickname: 'y'.repeat(65) })).rejects.toMatchObject(refused)
    await expect(signIn('y'.repeat(300))).rejects.toMatchObject(refused)
    expect((await users.findUser(user.id))?.profile).toEqual(profile)
  })

  it.each(UNSTORABLE_TEXTS)('a text that not every engine can store is refused in every field: %j', async (text) => {
    const { db, users, signIn } = await setUp()
    const { user } = await signIn('o1')
    const refused = {
      code: 'internal',
      message: 'the user store refused the data: a text holds NUL or half of a surrogate pair',
    }
    for (const call of [
      () => signIn(text),
      () => signIn('o2', { appid: text }),
      () => signIn('o2', { unionid: text }),
      () => users.findIdentity(user.id, text),
      () => users.findKeys(user.id, text),
      () => users.replaceKey(user.id, text, newKey(), 1),
      () => users.linkIdentity(user.id, 'wx2', { openid: text, unionid: null, sessionKey: newKey() }, 1),
      () => users.updateProfile(user.id, { nickname: text }),
      () => users.updateProfile(user.id, { city: text }),
    ]) {
      await expect(call()).rejects.toMatchObject(refused)
    }
    for (const id of [text, user.id + text]) {
      expect(await users.findUser(id)).toBeNull()
      expect(await users.updateProfile(id, PROFILE)).toBeNull()
    }
    expect(await users.findUser(user.id)).toEqual(user)
    expect(await db.selectFrom('weapp_auth_identities').selectAll().execute()).toHaveLength(1)
  })

  // One connection alone is never locked against itself.
  if (o.connections > 1)
    it('a locked row and 30 calls that wait for it leave connections for everybody else', async () => {
      const { db, users, signIn } = await setUp()
      const { user } = await signIn('o1')
      const other = await signIn('o2')
      let unlock = () => {}
      const unlocked = new Promise<void>((resolve) => {
        unlock = resolve
      })
      const waiting: Promise<unknown>[] = []
      await db.transaction().execute(async (tx) => {
        await tx
          .updateTable('weapp_auth_identities')
          .set({ updated_at: 1 })
          .where('appid', '=', 'wx1')
          .where('openid', '=', 'o1')
          .execute()
        await tx.updateTable('weapp_auth_users').set({ city: 'x' }).where('id', '=', user.id).execute()
        for (let i = 0; i < 30; i++) waiting.push(signIn('o1'), users.updateProfile(user.id, { nickname: `${i}` }))
        expect(await users.findUser(other.user.id)).toEqual(other.user)
        expect((await signIn('o2')).user).toEqual(other.user)
        expect((await signIn('o3')).isNew).toBe(true)
        unlock()
      })
      await unlocked
      await Promise.all(waiting)
      expect((await users.findUser(user.id))?.profile).toMatchObject({ nickname: '29', city: 'x' })
    })

  it('the sign-in of a known user takes one statement, and one more for a new session_key where a write cannot answer with the user', async () => {
    const { db, vault } = await setUp()
    let statements = 0
    const counted = db.withPlugin({
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        statements++
        return result
      },
    })
    const users = createSqlUserStore({ db: counted, vault })
    const [first, second] = [newKey(), newKey()]
    const countOf = async (sessionKey: string) => {
      statements = 0
      await users.signIn('wx1', { openid: 'o1', unionid: 'u1', sessionKey }, 1_700_000_000_000)
      return statements
    }
    const isPostgres = engineOf(db) === 'postgres'
    const ofNew = await countOf(first)
    if (isPostgres) expect(ofNew, 'one that looks, and one that makes the user').toBe(2)
    expect(await countOf(first)).toBe(1)
    expect(await countOf(second)).toBe(isPostgres ? 1 : 2)
    expect(await countOf(second)).toBe(1)
  })

  it('one write serves all pings at the same time, and no ping writes within 100 ms of another write that succeeded', async () => {
    const { db, vault } = await setUp()
    let statements = 0
    const counted = db.withPlugin({
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        statements++
        return result
      },
    })
    const users = createSqlUserStore({ db: counted, vault })
    const signIn = (unionid: string | null, sessionKey: string) =>
      users.signIn('wx1', { openid: 'o1', unionid, sessionKey }, 1).then(getUser)
    const countOfPing = async () => {
      const before = statements
      await Promise.all(Array.from({ length: 10 }, () => users.ping()))
      return statements - before
    }
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const key = newKey()
    const { user } = await signIn(null, key)
    expect(await countOfPing(), 'after the sign-in of a new user').toBe(0)
    vi.advanceTimersByTime(99)
    expect(await countOfPing()).toBe(0)
    vi.advanceTimersByTime(1)
    expect([await countOfPing(), await countOfPing()], 'after 100 ms').toEqual([1, 0])
    expect(await users.findUser(user.id), 'a ping changes no user').toEqual(user)
    for (const write of [
      () => signIn(null, newKey()),
      () => signIn('u1', key),
      () => users.updateProfile(user.id, { city: 'x' }),
    ]) {
      vi.advanceTimersByTime(100)
      await write()
      expect(await countOfPing()).toBe(0)
    }
    vi.advanceTimersByTime(100)
    await signIn('u1', key)
    expect(await countOfPing(), 'after a sign-in with nothing new').toBe(engineOf(db) === 'postgres' ? 0 : 1)
    await expect(users.updateProfile(user.id, { city: '\0' })).rejects.toThrow('refused')
    expect(await countOfPing(), 'after data that was refused').toBe(0)
  })

  describe('the key ring', () => {
    const [one, two] = [generateVaultKey(), generateVaultKey()]
    async function check(db: Kysely<UsersDatabase>, keys: string): Promise<string[]> {
      const warnings: string[] = []
      const warn = (message: string) => void warnings.push(message)
      await checkKeyRing({ db, vault: createSessionKeyVault({ keys }), nowMs: 1, warn })
      return warnings
    }

    it('the key ring may grow and rotate, and a key that sealed and is missing is a warning that names it', async () => {
      const { db } = await setUp()
      const kid = one.split(':')[0]
      for (const ring of [one, one, `${one},${two}`, `${two},${one}`]) expect(await check(db, ring)).toEqual([])
      expect(await check(db, two)).toEqual([expect.stringMatching(`missing from the key ring: ${kid};`)])
    })

    it('the key ring warns once, however often the check fails because the database takes no writes', async () => {
      const { db } = await setUp()
      await check(db, one)
      const readOnly = db.withPlugin({
        transformQuery: ({ node }) => {
          if (node.kind === 'InsertQueryNode') throw new Error('read-only')
          return node
        },
        transformResult: async ({ result }) => result,
      })
      const warnings: string[] = []
      const o = { vault: createSessionKeyVault({ keys: two }), nowMs: 1, warn: (text: string) => warnings.push(text) }
      for (let i = 0; i < 3; i++) await expect(checkKeyRing({ ...o, db: readOnly })).rejects.toThrow('read-only')
      await checkKeyRing({ ...o, db })
      expect(warnings).toHaveLength(1)
    })

    it('a key ring with another key under a kid that sealed is refused, be it the first in the ring or a later one', async () => {
      const { db } = await setUp()
      await check(db, one)
      const kid = one.split(':')[0]
      const wrong = `${kid}:${two.split(':')[1]}`
      for (const ring of [wrong, `${two},${wrong}`]) {
        await expect(check(db, ring)).rejects.toThrow(`the key ${kid} of the key ring is not the key that sealed`)
      }
      expect(await check(db, one)).toEqual([])
    })

    it('of ten processes with ten keys under one kid, one is accepted', async () => {
      const { db } = await setUp()
      const rings = Array.from({ length: 10 }, () => `k1:${generateVaultKey().split(':')[1]}`)
      const checks = await Promise.allSettled(rings.map((ring) => check(db, ring)))
      expect(checks.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    })
  })

  it('every method answers null for an unknown user', async () => {
    const { users, signIn } = await setUp()
    const { user } = await signIn('o1')
    const unknown = randomUUID()
    expect(await users.findUser(unknown)).toBeNull()
    expect(await users.findUser('not a uuid')).toBeNull()
    expect(await users.updateProfile(unknown, PROFILE)).toBeNull()
    expect(await users.updateProfile(unknown, {})).toBeNull()
    expect(await users.findIdentity(unknown, 'wx1')).toBeNull()
    expect(await users.findIdentity(user.id, 'wx2')).toBeNull()
    // No id of ours, and in MySQL a text that is the same as one.
    for (const noId of ['\0', `${user.id} `]) {
      expect(await users.findIdentity(noId, 'wx1')).toBeNull()
      expect(await users.findKeys(noId, 'wx1')).toBeNull()
      const identity = { openid: 'o1', unionid: null, sessionKey: newKey() }
      expect(await users.linkIdentity(noId, 'wx1', identity, 5)).toBeNull()
      await users.unlinkIdentity(noId, { appid: 'wx1', openid: 'o1' })
    }
    expect(await users.findIdentity(user.id, 'wx1')).toEqual({ openid: 'o1', unionid: null })
  })

  it('our tables stand beside tables of other names, and a table of our name that is not ours is refused before anything is made', async () => {
    const db = await open()
    const create = (table: string) => db.schema.createTable(table).addColumn('name', 'varchar(9)').execute()
    for (const table of ['users', 'identities', 'weapp_auth_keys']) await create(table)
    await expect(migrateUsers(db)).rejects.toMatchObject({
      name: 'UnusableDatabaseError',
      message: expect.stringMatching(/^the table weapp_auth_keys .* was not made by weapp-auth.*give the service/),
    })
    const tables = async () => (await db.introspection.getTables()).map(({ name }) => name).sort()
    expect(await tables()).toEqual(['identities', 'users', 'weapp_auth_keys'])
    await db.schema.dropTable('weapp_auth_keys').execute()
    await migrateUsers(db)
    expect(await tables()).toContain('weapp_auth_users')
  })

  it('migrations that a kill cut off after each statement in turn are finished by the next process', async () => {
    const db = await open()
    /** Each process goes through what was begun before, executes one statement more, and is killed at the next. */
    const begun = new Set<string>()
    for (let isCut = true; isCut; ) {
      let hasMore = false
      let wasKilled = false
      const dying = db.withPlugin({
        transformQuery: ({ node }) => {
          if (!/^(CreateTable|AlterTable|CreateIndex)Node$/.test(node.kind)) return node
          const statement = JSON.stringify(node)
          if (begun.has(statement)) return node
          if (hasMore) {
            wasKilled = true
            throw new Error('killed')
          }
          hasMore = true
          begun.add(statement)
          return node
        },
        transformResult: async ({ result }) => result,
      })
      isCut = await migrateUsers(dying).then(
        () => false,
        (error) => {
          expect(error.message).toMatch(/killed$/)
          return true
        },
      )
      expect(isCut, 'a statement that fails ends the migration').toBe(wasKilled)
    }
    expect(begun.size).toBeGreaterThan(10)
    await migrateUsers(db)
    const users = createSqlUserStore({ db, vault: createSessionKeyVault({ keys: generateVaultKey() }) })
    const identity = { openid: 'o1', unionid: 'u1', sessionKey: newKey() }
    expect(getUser(await users.signIn('wx1', identity, 1)).isNew).toBe(true)
  })

  it('migrations run once, however many processes start', async () => {
    const db = await open()
    await Promise.all([migrateUsers(db), migrateUsers(db), migrateUsers(db)])
    await migrateUsers(db)
    expect(await db.selectFrom('weapp_auth_users').selectAll().execute()).toEqual([])
  })

  it('tables that are up to date take a start three statements, and a column that is missing is found all the same', async () => {
    const db = await openOwn()
    let statements = 0
    const counting = db.withPlugin({
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        statements++
        return result
      },
    })
    expect(await migrateUsers(counting)).toEqual([])
    expect(statements).toBe(3)
    await db.schema.alterTable('weapp_auth_phones').dropColumn('proven_at').execute()
    await expect(migrateUsers(db)).rejects.toMatchObject({
      name: 'UnusableDatabaseError',
      message: expect.stringMatching(/^the table weapp_auth_phones .*has no columns .*proven_at/),
    })
  })

  it('a migration that is not noted as made is made, also where all tables are there', async () => {
    const db = await openOwn()
    const { name } = await db
      .selectFrom('weapp_auth_migrations' as never)
      .select((eb) => eb.fn.max('name' as never).as('name'))
      .executeTakeFirstOrThrow()
    await db
      .deleteFrom('weapp_auth_migrations' as never)
      .where('name' as never, '=', name as never)
      .execute()
    expect(await migrateUsers(db)).toEqual([name])
    expect(await migrateUsers(db)).toEqual([])
  })

  it('a database that is away is store_unavailable, and never answers that a user is unknown', async () => {
    const { db, users, signIn } = await setUp(openOwn)
    const { user } = await signIn('o1')
    await users.ping()
    await db.destroy()
    const calls = [
      () => signIn('o1'),
      () => users.findUser(user.id),
      () => users.findIdentity(user.id, 'wx1'),
      () => users.findKeys(user.id, 'wx1'),
      () => users.replaceKey(user.id, 'wx1', newKey(), 1),
      () => users.linkIdentity(user.id, 'wx1', { openid: 'o1', unionid: null, sessionKey: newKey() }, 1),
      () => users.updateProfile(user.id, PROFILE),
      () => users.findUserByExternalId('e1'),
      () => users.listUsers({ after: null, limit: 1 }),
      () => users.setExternalId(user.id, 'e1', true),
      () => users.disableUser(user.id, { atMs: 1, untilMs: null, reason: '' }),
      () => users.enableUser(user.id),
      () => users.beginErasure(user.id, 1),
      () => users.eraseUser(user.id),
      () => users.findErasing(1),
      () => users.ping(),
    ]
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({ code: 'store_unavailable', retryAfterSeconds: 1 })
    }
  })
}
