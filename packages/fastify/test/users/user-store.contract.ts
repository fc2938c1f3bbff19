import { randomBytes, randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { describe, expect, it } from 'vitest'
import {
  createSessionKeyVault,
  createSqlUserStore,
  generateVaultKey,
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
    const users = createSqlUserStore({ db, vault })
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
    return { db, vault, users, signIn, sealedKeys }
  }

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

  it('a profile is replaced as a whole', async () => {
    const { users, signIn } = await setUp()
    const { user } = await signIn('o1')
    expect(await users.replaceProfile(user.id, PROFILE)).toEqual({ ...user, profile: PROFILE })
    expect((await signIn('o1')).user.profile).toEqual(PROFILE)
    const bare = { ...user.profile, nickname: 'x' }
    expect(await users.replaceProfile(user.id, bare)).toEqual({ ...user, profile: bare })
  })

  it('a nickname is data, whatever it looks like', async () => {
    const { users, signIn } = await setUp()
    const { user } = await signIn('o1')
    const profile = { ...PROFILE, nickname: `'); DROP TABLE users; --` }
    expect((await users.replaceProfile(user.id, profile))?.profile).toEqual(profile)
  })

  it('an unknown user is null everywhere', async () => {
    const { users, signIn } = await setUp()
    const { user } = await signIn('o1')
    const unknown = randomUUID()
    expect(await users.findUser(unknown)).toBeNull()
    expect(await users.findUser('not a uuid')).toBeNull()
    expect(await users.replaceProfile(unknown, PROFILE)).toBeNull()
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
      () => users.replaceProfile(user.id, PROFILE),
      () => users.ping(),
    ]
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({ code: 'store_unavailable', retryAfterSeconds: 1 })
    }
  })
}
