import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { getUser, newIdentity, newSessionKey, signIn, type UserStoreCase } from './contract-case.ts'

const EMPTY = { nickname: '', avatarUrl: '', gender: 0, country: '', province: '', city: '', language: '' }

/** What a store does with identities, profiles and the first sign-in of a user. */
export const signInCases: readonly UserStoreCase[] = [
  {
    title: 'the first sign-in makes a user, the next ones find the same user',
    async run(users) {
      const identity = newIdentity()
      const { user, isNew } = await signIn(users, 'wx1', identity, 1_700_000_000_123)
      assert.equal(isNew, true)
      const { id, ...rest } = user
      assert.equal(typeof id, 'string')
      assert.deepEqual(rest, { createdAtMs: 1_700_000_000_123, profile: EMPTY, externalId: null, disabled: null })
      assert.deepEqual(await signIn(users, 'wx1', identity), { user, isNew: false })
      assert.deepEqual(await getUser(users, id), user)
      assert.deepEqual(await users.findIdentity(id, 'wx1'), { openid: identity.openid, unionid: null })
    },
  },
  {
    title: 'of many first sign-ins at the same time, one makes the user',
    async run(users) {
      const identity = newIdentity()
      const results = await Promise.all(Array.from({ length: 20 }, () => signIn(users, 'wx1', identity)))
      assert.equal(new Set(results.map(({ user }) => user.id)).size, 1)
      assert.equal(results.filter(({ isNew }) => isNew).length, 1)
    },
  },
  {
    title: 'openids that differ in one letter’s case, and one openid in two mini-programs, are different users',
    async run(users) {
      const identity = newIdentity()
      const upper = { ...identity, openid: identity.openid.toUpperCase() }
      const ids = [
        await signIn(users, 'wx1', identity),
        await signIn(users, 'wx1', upper),
        await signIn(users, 'wx2', identity),
      ].map(({ user }) => user.id)
      assert.equal(new Set(ids).size, 3)
    },
  },
  {
    title: 'a unionid makes the users of several mini-programs one, and is not lost when WeChat leaves it out',
    async run(users) {
      const unionid = `u-${randomUUID()}`
      const identity = newIdentity({ unionid })
      const { user } = await signIn(users, 'wx1', identity)
      assert.deepEqual(await signIn(users, 'wx2', newIdentity({ unionid })), { user, isNew: false })
      await signIn(users, 'wx1', { ...identity, unionid: null })
      assert.deepEqual(await users.findIdentity(user.id, 'wx1'), { openid: identity.openid, unionid })
    },
  },
  {
    title: 'users who exist already are not merged when a unionid shows that they are one person',
    async run(users) {
      const unionid = `u-${randomUUID()}`
      const late = newIdentity()
      const { user: one } = await signIn(users, 'wx1', late)
      const { user: other } = await signIn(users, 'wx2', newIdentity({ unionid }))
      assert.equal((await signIn(users, 'wx1', { ...late, unionid })).user.id, one.id)
      assert.notEqual(one.id, other.id)
    },
  },
  {
    title: 'findKeys answers the current and the previous session_key, or none at all',
    async run(users) {
      const identity = newIdentity()
      const { user } = await signIn(users, 'wx1', identity)
      const next = newSessionKey()
      await signIn(users, 'wx1', { ...identity, sessionKey: next })
      const last = newSessionKey()
      await users.replaceKey(user.id, 'wx1', last, Date.now())
      const keys = await users.findKeys(user.id, 'wx1')
      assert.equal(keys?.openid, identity.openid)
      if (keys?.sessionKeys.length !== 0) assert.deepEqual(keys?.sessionKeys, [last, next])
      assert.equal(await users.findKeys(user.id, 'wx-unknown'), null)
    },
  },
  {
    title: 'linkIdentity gives an identity to one user and takes none from anybody',
    async run(users) {
      const [one, other] = [await users.createUser(1), await users.createUser(1)]
      const identity = newIdentity()
      const linked = { linked: true, identity: { openid: identity.openid, unionid: null } }
      assert.deepEqual(await users.linkIdentity(one.id, 'wx1', identity, 1), linked)
      assert.deepEqual(await users.linkIdentity(one.id, 'wx1', identity, 1), linked)
      const taken = { linked: false, reason: 'taken', userId: one.id }
      assert.deepEqual(await users.linkIdentity(other.id, 'wx1', identity, 1), taken)
      const occupied = { linked: false, reason: 'occupied' }
      assert.deepEqual(await users.linkIdentity(one.id, 'wx1', newIdentity(), 1), occupied)
      assert.deepEqual((await signIn(users, 'wx1', identity)).user, one)
    },
  },
  {
    title: 'a user is found by an identity, and shows all of them in the order of the appids',
    async run(users) {
      const [first, second] = [newIdentity(), newIdentity()]
      const { user } = await signIn(users, 'wx2', second)
      await users.linkIdentity(user.id, 'wx1', first, 1)
      assert.deepEqual(await users.findUserByIdentity('wx1', first.openid), user)
      assert.deepEqual(await users.findUserByIdentity('wx2', second.openid), user)
      for (const [appid, openid] of [
        ['wx2', first.openid],
        ['wx1', first.openid.toUpperCase()],
        ['wx1', ''],
        ['wx1', 'a\0b'],
      ] as const) {
        assert.equal(await users.findUserByIdentity(appid, openid), null)
      }
      const listed = (await users.listIdentities(user.id)).map(({ appid, openid }) => ({ appid, openid }))
      assert.deepEqual(listed, [
        { appid: 'wx1', openid: first.openid },
        { appid: 'wx2', openid: second.openid },
      ])
    },
  },
  {
    title:
      'changes of different fields of a profile at the same time all stay, and profiles of others stay as they are',
    async run(users) {
      const [{ id }, other] = [await users.createUser(1), await users.createUser(1)]
      const profile = {
        ...EMPTY,
        nickname: '小明👍',
        city: '杭州',
        gender: 2 as const,
        avatarUrl: 'https://a.example/1',
      }
      const changes = Object.entries(profile).map(([field, value]) => users.updateProfile(id, { [field]: value }))
      await Promise.all(changes)
      assert.deepEqual((await getUser(users, id)).profile, profile)
      assert.deepEqual((await users.updateProfile(id, { nickname: '' }))?.profile, { ...profile, nickname: '' })
      assert.deepEqual(await getUser(users, other.id), other)
    },
  },
  {
    title: 'a user who is not there is null in every method that reads',
    async run(users) {
      for (const id of [randomUUID(), 'not an id of this store', '']) {
        assert.equal(await users.findUser(id), null)
        assert.equal(await users.findIdentity(id, 'wx1'), null)
        assert.deepEqual(await users.listIdentities(id), [])
        assert.equal(await users.findKeys(id, 'wx1'), null)
        assert.equal(await users.updateProfile(id, { nickname: 'x' }), null)
        assert.equal(await users.linkIdentity(id, 'wx1', newIdentity(), 1), null)
      }
    },
  },
  {
    title: 'ping resolves while the store takes writes',
    async run(users) {
      await users.ping()
    },
  },
]
