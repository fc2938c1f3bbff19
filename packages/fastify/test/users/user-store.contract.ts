import { randomBytes, randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import {
  createSessionKeyVault,
  createSqlUserStore,
  generateVaultKey,
  type IdentityConflict,
  migrateUsers,
  type UsersDatabase,
} from '../../src/index.ts'

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

/** What the SQL UserStore does in every engine. `open` makes an empty database per test. */
export function userStoreContract(open: () => Promise<Kysely<UsersDatabase>>): void {
  async function setUp() {
    const db = await open()
    await migrateUsers(db)
    const vault = createSessionKeyVault({ keys: generateVaultKey() })
    const conflicts: IdentityConflict[] = []
    const users = createSqlUserStore({ db, vault, onConflict: (conflict) => conflicts.push(conflict) })
    const signIn = (
      openid: string,
      o: { appid?: string; sessionKey?: string; unionid?: string | null; at?: number } = {},
    ) =>
      users.signIn(
        o.appid ?? 'wx1',
        { openid, unionid: o.unionid ?? null, sessionKey: o.sessionKey ?? newKey() },
        o.at ?? 1_700_000_000_000,
      )
    const sealedKeys = async (openid: string) => {
      const { session_key, previous_session_key } = await db
        .selectFrom('identities')
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

  it('creates a user who has no WeChat identity, and is found by id', async () => {
    const { users, db } = await setUp()
    const user = await users.createUser(1_700_000_000_123)
    expect(user).toMatchObject({ createdAtMs: 1_700_000_000_123, profile: { nickname: '' } })
    expect(await users.findUser(user.id)).toEqual(user)
    expect((await users.createUser(1_700_000_000_123)).id).not.toBe(user.id)
    expect(await db.selectFrom('identities').selectAll().execute()).toEqual([])
  })

  describe('a sign-in', () => {
    it('creates the user the first time and finds them afterwards', async () => {
      const { users, signIn } = await setUp()
      const first = await signIn('o1', { at: 1_700_000_000_123 })
      expect(first).toEqual({
        isNew: true,
        user: {
          id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          createdAtMs: 1_700_000_000_123,
          profile: { nickname: '', avatarUrl: '', gender: 0, country: '', province: '', city: '', language: '' },
        },
      })
      expect(await signIn('o1', { at: 1_800_000_000_000 })).toEqual({ isNew: false, user: first.user })
      expect(await users.findUser(first.user.id)).toEqual(first.user)
    })

    it('keeps two openids, and one openid in two mini-programs, apart', async () => {
      const { signIn } = await setUp()
      const ids = [await signIn('o1'), await signIn('o2'), await signIn('o1', { appid: 'wx2' })].map(
        ({ user }) => user.id,
      )
      expect(new Set(ids).size).toBe(3)
    })

    it('for the first time, 50 at once, creates one user', async () => {
      const { db, signIn } = await setUp()
      const results = await Promise.all(Array.from({ length: 50 }, () => signIn('o1')))
      expect(new Set(results.map(({ user }) => user.id)).size).toBe(1)
      expect(results.filter(({ isNew }) => isNew)).toHaveLength(1)
      expect(await db.selectFrom('users').selectAll().execute()).toHaveLength(1)
      expect(await db.selectFrom('identities').selectAll().execute()).toHaveLength(1)
    })

    it('that fails halfway leaves neither user nor identity', async () => {
      const { db, users } = await setUp()
      const tooLong = { openid: 'o1', unionid: null, sessionKey: newKey() }
      await db.schema.alterTable('users').renameTo('users_away').execute()
      await expect(users.signIn('wx1', tooLong, 1)).rejects.toMatchObject({ code: 'store_unavailable' })
      expect(await db.selectFrom('identities').selectAll().execute()).toEqual([])
    })

    it('learns a unionid and does not lose it again', async () => {
      const { users, signIn } = await setUp()
      const { user } = await signIn('o1')
      expect(await users.findIdentity(user.id, 'wx1')).toEqual({ openid: 'o1', unionid: null })
      await signIn('o1', { unionid: 'u1' })
      await signIn('o1')
      expect(await users.findIdentity(user.id, 'wx1')).toEqual({ openid: 'o1', unionid: 'u1' })
    })
  })

  describe('the session_key', () => {
    it('is kept sealed, and the one before a rotation with it', async () => {
      const { db, signIn, sealedKeys } = await setUp()
      const [first, second] = [newKey(), newKey()]
      await signIn('o1', { sessionKey: first })
      expect(await sealedKeys('o1')).toEqual({ current: first, previous: null })
      await signIn('o1', { sessionKey: second })
      expect(await sealedKeys('o1')).toEqual({ current: second, previous: first })
      const stored = JSON.stringify(await db.selectFrom('identities').selectAll().execute())
      for (const key of [first, second]) expect(stored).not.toContain(key)
    })

    it('that WeChat did not rotate does not push out the one before', async () => {
      const { signIn, sealedKeys } = await setUp()
      const [first, second] = [newKey(), newKey()]
      await signIn('o1', { sessionKey: first })
      await signIn('o1', { sessionKey: second })
      await signIn('o1', { sessionKey: second })
      expect(await sealedKeys('o1')).toEqual({ current: second, previous: first })
    })
  })

  describe('the keys of a user', () => {
    it('are the current and the previous one, opened', async () => {
      const { users, signIn } = await setUp()
      const [first, second] = [newKey(), newKey()]
      const { user } = await signIn('o1', { sessionKey: first })
      expect(await users.findKeys(user.id, 'wx1')).toEqual({ openid: 'o1', sessionKeys: [first] })
      await signIn('o1', { sessionKey: second })
      expect(await users.findKeys(user.id, 'wx1')).toEqual({ openid: 'o1', sessionKeys: [second, first] })
      expect(await users.findKeys(user.id, 'wx2')).toBeNull()
    })

    it('survive a rotation of the ring, and are none when the ring has lost what sealed them', async () => {
      const db = await open()
      await migrateUsers(db)
      const [old, fresh] = [generateVaultKey(), generateVaultKey()]
      const through = (keys: string) => createSqlUserStore({ db, vault: createSessionKeyVault({ keys }) })
      const [first, second] = [newKey(), newKey()]
      const signIn = (keys: string, sessionKey: string) =>
        through(keys).signIn('wx1', { openid: 'o1', unionid: null, sessionKey }, 1)
      const { user } = await signIn(old, first)
      await signIn(old, second)
      const rotated = `${fresh},${old}`
      expect((await through(rotated).findKeys(user.id, 'wx1'))?.sessionKeys).toEqual([second, first])
      await signIn(rotated, second)
      expect((await through(rotated).findKeys(user.id, 'wx1'))?.sessionKeys).toEqual([second, first])
      expect((await through(fresh).findKeys(user.id, 'wx1'))?.sessionKeys).toEqual([second])
      expect((await through(generateVaultKey()).findKeys(user.id, 'wx1'))?.sessionKeys).toEqual([])
    })

    it('take the one that WeChat made when it was asked to', async () => {
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

    it('makes the users of several mini-programs one', async () => {
      const { users, signIn, conflicts } = await setUp()
      const first = await signIn('o1', at('wx1', 'u1'))
      const second = await signIn('o2', at('wx2', 'u1'))
      expect(second).toEqual({ user: first.user, isNew: false })
      expect(await signIn('o2', at('wx2'))).toEqual({ user: first.user, isNew: false })
      expect((await signIn('o3', at('wx2', 'u3'))).user.id).not.toBe(first.user.id)
      expect(await users.findIdentity(first.user.id, 'wx2')).toEqual({ openid: 'o2', unionid: 'u1' })
      expect(conflicts).toEqual([])
    })

    it('that is learned late links whoever comes after', async () => {
      const { signIn, conflicts } = await setUp()
      const { user } = await signIn('o1', at('wx1'))
      await signIn('o1', at('wx1', 'u1'))
      expect((await signIn('o2', at('wx2', 'u1'))).user).toEqual(user)
      expect(conflicts).toEqual([])
    })

    it('that is learned too late merges nobody: the conflict is recorded and told once', async () => {
      const { db, signIn, conflicts } = await setUp()
      const { user: old } = await signIn('o1', at('wx1'))
      const { user: other } = await signIn('o2', at('wx2', 'u1'))
      for (const at of [5, 6]) {
        expect((await signIn('o1', { appid: 'wx1', unionid: 'u1', at })).user).toEqual(old)
        expect((await signIn('o2', { appid: 'wx2', unionid: 'u1', at })).user).toEqual(other)
      }
      expect(conflicts).toEqual([{ userId: old.id, otherUserId: other.id }])
      expect(await db.selectFrom('identity_conflicts').selectAll().execute()).toMatchObject([
        { user_id: old.id, other_user_id: other.id, unionid: 'u1' },
      ])
    })

    it('of a second openid in the same mini-program is a conflict, and a user of its own', async () => {
      const { signIn, conflicts } = await setUp()
      const first = await signIn('o1', at('wx1', 'u1'))
      const second = await signIn('o2', at('wx1', 'u1'))
      expect(second.isNew).toBe(true)
      expect(conflicts).toEqual([{ userId: second.user.id, otherUserId: first.user.id }])
    })

    it('of 20 first sign-ins in ten mini-programs at once creates one user', async () => {
      const { db, signIn, conflicts } = await setUp()
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, i) => signIn(`o${i % 10}`, at(`wx${i % 10}`, 'u1'))),
      )
      expect(new Set(results.map(({ user }) => user.id)).size).toBe(1)
      expect(results.filter(({ isNew }) => isNew)).toHaveLength(1)
      expect(await db.selectFrom('users').selectAll().execute()).toHaveLength(1)
      expect(conflicts).toEqual([])
    })

    it('that older versions wrote down is known', async () => {
      const { db, signIn } = await setUp()
      const { user } = await signIn('o1', at('wx1', 'u1'))
      for (const table of ['identity_conflicts', 'unionids'] as const) await db.schema.dropTable(table).execute()
      await db.schema.dropIndex('identities_of_user').execute()
      await db.schema.createIndex('identities_of_user').on('identities').columns(['user_id', 'appid']).execute()
      await db.schema.createIndex('identities_by_unionid').on('identities').column('unionid').execute()
      await sql`delete from weapp_auth_migrations where name = '0002-unionids'`.execute(db)
      await migrateUsers(db)
      expect((await signIn('o2', at('wx2', 'u1'))).user).toEqual(user)
    })
  })

  describe('linking an identity to a user', () => {
    const identity = (openid: string, unionid: string | null = null) => ({ openid, unionid, sessionKey: newKey() })

    it('gives them the openid, from then on their own', async () => {
      const { users, signIn } = await setUp()
      const { user } = await signIn('o1')
      const result = await users.linkIdentity(user.id, 'wx2', identity('o2', 'u2'), 5)
      expect(result).toEqual({ linked: true, identity: { openid: 'o2', unionid: 'u2' } })
      expect(await users.findIdentity(user.id, 'wx2')).toEqual({ openid: 'o2', unionid: 'u2' })
      expect((await signIn('o2', { appid: 'wx2' })).user).toEqual(user)
      expect((await signIn('o3', { appid: 'wx3', unionid: 'u2' })).user).toEqual(user)
    })

    it('twice is once', async () => {
      const { users, signIn } = await setUp()
      const { user } = await signIn('o1')
      const result = { linked: true, identity: { openid: 'o1', unionid: null } }
      expect(await users.linkIdentity(user.id, 'wx1', identity('o1'), 5)).toEqual(result)
      expect(await users.linkIdentity(user.id, 'wx1', identity('o1'), 5)).toEqual(result)
    })

    it('is refused where it would take it from somebody, or be a second one', async () => {
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
      expect(await db.selectFrom('identities').selectAll().execute()).toHaveLength(2)
    })

    it('of many identities at once links one', async () => {
      const { db, users, signIn } = await setUp()
      const { user } = await signIn('o1')
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, i) => users.linkIdentity(user.id, 'wx2', identity(`p${i}`), 5)),
      )
      expect(results.filter((result) => result?.linked)).toHaveLength(1)
      expect(await db.selectFrom('identities').selectAll().execute()).toHaveLength(2)
    })

    it('whose unionid is another user’s keeps both users, and records it', async () => {
      const { users, signIn, conflicts } = await setUp()
      const [{ user: alice }, { user: bob }] = [await signIn('o1'), await signIn('o2', { appid: 'wx2', unionid: 'u1' })]
      expect(await users.linkIdentity(alice.id, 'wx3', identity('o3', 'u1'), 5)).toMatchObject({ linked: true })
      expect(conflicts).toEqual([{ userId: alice.id, otherUserId: bob.id }])
    })

    it('of nobody is null', async () => {
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

  it('changes of different fields at once all stay', async () => {
    const { users, signIn } = await setUp()
    const { user } = await signIn('o1')
    for (let round = 0; round < 10; round++) {
      const fields = Object.entries({ ...PROFILE, nickname: `${round}`, city: `${round}` })
      await Promise.all(fields.map(([field, value]) => users.updateProfile(user.id, { [field]: value })))
      expect((await users.findUser(user.id))?.profile).toEqual(Object.fromEntries(fields))
      await users.updateProfile(user.id, user.profile)
    }
  })

  it('a nickname is data, whatever it looks like', async () => {
    const { users, signIn } = await setUp()
    const { user } = await signIn('o1')
    const profile = { ...PROFILE, nickname: `'); DROP TABLE users; --` }
    expect((await users.updateProfile(user.id, profile))?.profile).toEqual(profile)
  })

  it('an unknown user is null everywhere', async () => {
    const { users, signIn } = await setUp()
    const { user } = await signIn('o1')
    const unknown = randomUUID()
    expect(await users.findUser(unknown)).toBeNull()
    expect(await users.findUser('not a uuid')).toBeNull()
    expect(await users.updateProfile(unknown, PROFILE)).toBeNull()
    expect(await users.updateProfile(unknown, {})).toBeNull()
    expect(await users.findIdentity(unknown, 'wx1')).toBeNull()
    expect(await users.findIdentity(user.id, 'wx2')).toBeNull()
  })

  it('migrations run once, however many processes start', async () => {
    const db = await open()
    await Promise.all([migrateUsers(db), migrateUsers(db), migrateUsers(db)])
    await migrateUsers(db)
    expect(await db.selectFrom('users').selectAll().execute()).toEqual([])
  })

  it('that is gone is unavailable and never answers that a user is unknown', async () => {
    const { db, users, signIn } = await setUp()
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
      () => users.ping(),
    ]
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({ code: 'store_unavailable', retryAfterSeconds: 1 })
    }
  })
}
