import { randomBytes, randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { describe, expect, it } from 'vitest'
import { createSessionKeyVault, createSqlUserStore, generateVaultKey, type UsersDatabase } from '../../src/index.ts'

/** What the SQL store does, in every engine, about users whom WeChat names by their openid. */
export function identityStoreContract(openPrepared: () => Promise<Kysely<UsersDatabase>>): void {
  async function setUp() {
    const db = await openPrepared()
    const users = createSqlUserStore({ db, vault: createSessionKeyVault({ keys: generateVaultKey() }) })
    const identity = (openid: string, unionid: string | null = null) => {
      return { openid, unionid, sessionKey: randomBytes(16).toString('base64') }
    }
    const signIn = async (openid: string, o: { appid?: string; unionid?: string } = {}) => {
      const answer = await users.signIn(o.appid ?? 'wx1', identity(openid, o.unionid), 1_700_000_000_000)
      if ('erasing' in answer) throw new Error('the user is being erased')
      return answer.user.id
    }
    const count = async (table: 'weapp_auth_users' | 'weapp_auth_identities' | 'weapp_auth_unionids') =>
      (await db.selectFrom(table).selectAll().execute()).length
    return { db, users, identity, signIn, count }
  }

  describe('a user whom WeChat names', () => {
    it('a user is found by the openid in its mini-program, byte by byte, also while being erased', async () => {
      const { users, signIn } = await setUp()
      const [lower, upper, elsewhere] = [await signIn('oa'), await signIn('oA'), await signIn('oa', { appid: 'wx2' })]
      expect(await users.findUserIdEvenIfErasing('wx1', 'oa')).toBe(lower)
      expect(await users.findUserIdEvenIfErasing('wx1', 'oA')).toBe(upper)
      expect(await users.findUserIdEvenIfErasing('wx2', 'oa')).toBe(elsewhere)
      expect(await users.findUserIdEvenIfErasing('wx1', 'ob')).toBeNull()
      await users.beginErasure(lower, 1)
      expect(await users.findUserIdEvenIfErasing('wx1', 'oa')).toBe(lower)
    })

    it('a sign-in replaces the session_key of its own identity and of no other one', async () => {
      const { users, identity } = await setUp()
      const places = [
        ['wx1', 'o1'],
        ['wx1', 'o2'],
        ['wx2', 'o1'],
      ] as const
      const known = []
      for (const [appid, openid] of places) {
        const { sessionKey, ...who } = identity(openid)
        const answer = await users.signIn(appid, { ...who, sessionKey }, 1)
        known.push({ userId: 'user' in answer ? answer.user.id : '', appid, openid, sessionKeys: [sessionKey] })
      }
      // Twice, because the key before is kept as well.
      const fresh = [identity('o1'), identity('o1')]
      for (const who of fresh) await users.signIn('wx1', who, 2)
      Object.assign(known[0] ?? {}, { sessionKeys: fresh.map(({ sessionKey }) => sessionKey).reverse() })
      for (const { userId, appid, ...keys } of known) expect(await users.findKeys(userId, appid)).toEqual(keys)
    })

    it('a user loses one identity, and a sign-in with it makes a new user', async () => {
      const { users, identity, signIn } = await setUp()
      const [userId, other] = [await signIn('o1'), await signIn('o3')]
      await users.linkIdentity(userId, 'wx2', identity('o2'), 5)
      await users.unlinkIdentity(userId, { appid: 'wx1', openid: 'o1' })
      await users.unlinkIdentity(userId, { appid: 'wx1', openid: 'o1' })
      expect(await users.findIdentity(userId, 'wx1')).toBeNull()
      expect(await users.findIdentity(other, 'wx1')).toMatchObject({ openid: 'o3' })
      expect(await users.findIdentity(userId, 'wx2')).toMatchObject({ openid: 'o2' })
      expect(await signIn('o1')).not.toBe(userId)
    })

    it("a user keeps an identity that is not the one named, or is somebody else's", async () => {
      const { users, signIn, count } = await setUp()
      const [userId] = [await signIn('o1'), await signIn('o2')]
      await users.unlinkIdentity(userId, { appid: 'wx1', openid: 'o2' })
      await users.unlinkIdentity(userId, { appid: 'wx2', openid: 'o1' })
      await users.unlinkIdentity(randomUUID(), { appid: 'wx1', openid: 'o1' })
      await users.unlinkIdentity('no id', { appid: 'wx1', openid: 'o1' })
      expect(await count('weapp_auth_identities')).toBe(2)
    })

    it('a user keeps the unionid as long as another identity has it', async () => {
      const { users, signIn, count } = await setUp()
      const userId = await signIn('o1', { unionid: 'u1' })
      expect(await signIn('o2', { appid: 'wx2', unionid: 'u1' })).toBe(userId)
      await users.unlinkIdentity(userId, { appid: 'wx1', openid: 'o1' })
      expect(await signIn('o3', { appid: 'wx3', unionid: 'u1' })).toBe(userId)
      await users.unlinkIdentity(userId, { appid: 'wx2', openid: 'o2' })
      await users.unlinkIdentity(userId, { appid: 'wx3', openid: 'o3' })
      expect(await count('weapp_auth_unionids')).toBe(0)
      expect(await signIn('o4', { unionid: 'u1' })).not.toBe(userId)
    })

    it('a user keeps the unionid of another Open Platform account', async () => {
      const { users, identity, signIn } = await setUp()
      const userId = await signIn('o1', { unionid: 'u1' })
      await users.linkIdentity(userId, 'wx2', identity('o2', 'u2'), 5)
      await users.unlinkIdentity(userId, { appid: 'wx1', openid: 'o1' })
      expect(await signIn('o3', { appid: 'wx3', unionid: 'u2' })).toBe(userId)
      expect(await signIn('o4', { appid: 'wx4', unionid: 'u1' })).not.toBe(userId)
    })

    it('a user loses the unionid of an identity that goes, whatever other identities the user has', async () => {
      const { users, identity, signIn, count } = await setUp()
      const userId = await signIn('o1', { unionid: 'u1' })
      await users.linkIdentity(userId, 'wx2', identity('o2'), 5)
      await users.unlinkIdentity(userId, { appid: 'wx1', openid: 'o1' })
      expect(await count('weapp_auth_unionids')).toBe(0)
      expect(await users.findIdentity(userId, 'wx2')).toMatchObject({ openid: 'o2' })
    })

    it('a user who loses a unionid leaves the conflicts about it; all other conflicts stay, and so does who has the unionid', async () => {
      const { db, users, signIn, count } = await setUp()
      const [late, later] = [await signIn('o1'), await signIn('o2')]
      const holder = await signIn('o3', { appid: 'wx2', unionid: 'u1' })
      for (const openid of ['o1', 'o2']) await signIn(openid, { unionid: 'u1' })
      const second = { user_id: late, other_user_id: holder, unionid: 'u2', created_at: 1 }
      await db.insertInto('weapp_auth_conflicts').values(second).execute()
      await users.unlinkIdentity(late, { appid: 'wx1', openid: 'o1' })
      const left = await db.selectFrom('weapp_auth_conflicts').select(['user_id', 'unionid']).execute()
      expect(new Set(left.map(({ user_id, unionid }) => `${user_id} ${unionid}`))).toEqual(
        new Set([`${later} u1`, `${late} u2`]),
      )
      expect(await count('weapp_auth_unionids')).toBe(1)
      expect(await signIn('o4', { appid: 'wx3', unionid: 'u1' })).toBe(holder)
    })

    it('a user is erased with the last identity, unless an externalId keeps them', async () => {
      const { users, identity, signIn } = await setUp()
      const userId = await signIn('o1')
      await users.setExternalId(userId, 'e1', false)
      expect(await users.beginErasureOfLast(userId, 'wx1', 1)).toBe(false)
      await users.setExternalId(userId, null, true)
      await users.linkIdentity(userId, 'wx2', identity('o2'), 5)
      expect(await users.beginErasureOfLast(userId, 'wx1', 1)).toBe(false)
      expect(await users.findUser(userId)).not.toBeNull()
      await users.unlinkIdentity(userId, { appid: 'wx2', openid: 'o2' })
      expect(await users.beginErasureOfLast(userId, 'wx1', 1)).toBe(true)
      expect(await users.beginErasureOfLast(userId, 'wx1', 1)).toBe(true)
      expect(await users.findUser(userId)).toBeNull()
      expect(await users.beginErasureOfLast(randomUUID(), 'wx1', 1)).toBe(false)
      expect(await users.beginErasureOfLast('no id', 'wx1', 1)).toBe(false)
    })

    it('a user who leaves two mini-programs at the same time stays in none', async () => {
      const { users, identity, signIn, count } = await setUp()
      for (let round = 0; round < 10; round++) {
        const userId = await signIn(`o${round}`)
        await users.linkIdentity(userId, 'wx2', identity(`p${round}`), 5)
        const leave = async (appid: string, openid: string) => {
          if (await users.beginErasureOfLast(userId, appid, 1)) return users.eraseUser(userId)
          await users.unlinkIdentity(userId, { appid, openid })
          if (await users.beginErasureOfLast(userId, appid, 1)) await users.eraseUser(userId)
        }
        await Promise.all([leave('wx1', `o${round}`), leave('wx2', `p${round}`)])
      }
      expect(await count('weapp_auth_users')).toBe(0)
    })
  })
}
