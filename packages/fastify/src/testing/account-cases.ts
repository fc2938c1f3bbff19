import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { getUser, newIdentity, signIn, type UserStoreCase } from './contract-case.ts'

const DISABLED = { atMs: 1_700_000_000_123, untilMs: null, reason: '刷单 "x" \\ $1' }

/** What a store does with externalIds, with users who are disabled or erased, and with lists of users. */
export const accountCases: readonly UserStoreCase[] = [
  {
    title: 'an externalId belongs to one user, who is found by it, and it may be taken away',
    async run(users) {
      const [one, other] = [await users.createUser(1), await users.createUser(1)]
      const externalId = `"\\'{}$1?${randomUUID()}`
      for (const nobodys of [externalId, '', '用户', 'a\0b']) {
        assert.equal(await users.findUserByExternalId(nobodys), null)
      }
      assert.deepEqual(await users.setExternalId(one.id, externalId, false), { set: true })
      assert.deepEqual(await users.setExternalId(one.id, externalId, false), { set: true })
      assert.deepEqual(await users.findUserByExternalId(externalId), { ...one, externalId })
      assert.deepEqual(await getUser(users, one.id), { ...one, externalId })
      const taken = { set: false, reason: 'taken', userId: one.id }
      assert.deepEqual(await users.setExternalId(other.id, externalId, true), taken)
      assert.deepEqual(await users.setExternalId(one.id, null, true), { set: true })
      assert.deepEqual(await users.setExternalId(other.id, externalId, true), { set: true })
      assert.equal((await users.findUserByExternalId(externalId))?.id, other.id)
    },
  },
  {
    title: 'of many users made with one externalId at the same time, one is made',
    async run(users) {
      const externalId = randomUUID()
      const made = await Promise.all(Array.from({ length: 10 }, () => users.createUserWithExternalId(externalId, 1)))
      const [user, ...others] = made.filter((user) => user !== null)
      assert.deepEqual(others, [])
      assert.equal(user?.externalId, externalId)
      assert.equal(user?.createdAtMs, 1)
      assert.deepEqual(await users.findUserByExternalId(externalId), user)
      assert.equal(await users.createUserWithExternalId(externalId, 2), null)
    },
  },
  {
    title: 'an externalId that is there stays unless it may be replaced',
    async run(users) {
      const { id } = await users.createUser(1)
      const [first, second] = [randomUUID(), randomUUID()]
      await users.setExternalId(id, first, false)
      assert.deepEqual(await users.setExternalId(id, second, false), { set: false, reason: 'different' })
      assert.equal((await getUser(users, id)).externalId, first)
      assert.deepEqual(await users.setExternalId(id, second, true), { set: true })
      assert.equal((await getUser(users, id)).externalId, second)
    },
  },
  {
    title: 'externalIds that differ in one letter’s case are two',
    async run(users) {
      const [one, other] = [await users.createUser(1), await users.createUser(1)]
      const externalId = `a-${randomUUID()}`
      await users.setExternalId(one.id, externalId, false)
      assert.deepEqual(await users.setExternalId(other.id, externalId.toUpperCase(), false), { set: true })
      assert.equal((await users.findUserByExternalId(externalId))?.id, one.id)
    },
  },
  {
    title: 'of many who are given one externalId at the same time, one gets it',
    async run(users) {
      const externalId = randomUUID()
      const made = await Promise.all(Array.from({ length: 10 }, () => users.createUser(1)))
      const results = await Promise.all(made.map(({ id }) => users.setExternalId(id, externalId, true)))
      const winner = made[results.findIndex((result) => result?.set)]
      assert.equal((await users.findUserByExternalId(externalId))?.id, winner?.id)
      for (const result of results) {
        if (!result?.set) assert.deepEqual(result, { set: false, reason: 'taken', userId: winner?.id })
      }
      assert.equal(results.filter((result) => result?.set).length, 1)
    },
  },
  {
    title: 'a user is disabled for a reason, for good or until a time, and enabled again',
    async run(users) {
      const identity = newIdentity()
      const { user } = await signIn(users, 'wx1', identity)
      assert.equal(await users.enableUser(user.id), null)
      for (const disabled of [DISABLED, { ...DISABLED, untilMs: 1_800_000_000_456 }]) {
        assert.equal(await users.disableUser(user.id, disabled), true)
        assert.deepEqual(await getUser(users, user.id), { ...user, disabled })
        assert.deepEqual(await signIn(users, 'wx1', identity), { user: { ...user, disabled }, isNew: false })
      }
      assert.deepEqual(await users.enableUser(user.id), { ...DISABLED, untilMs: 1_800_000_000_456 })
      assert.deepEqual(await getUser(users, user.id), user)
    },
  },
  {
    title: 'a list shows each user on one page, in the order of their ids',
    async run(users) {
      const made = await Promise.all(Array.from({ length: 7 }, () => users.createUser(1)))
      const listed: string[] = []
      let after: string | null = null
      do {
        const page = await users.listUsers({ after, limit: 3 })
        assert(page.length <= 3, 'a page has too many users')
        assert(!page.some(({ id }) => listed.includes(id)), 'a user is on two pages')
        listed.push(...page.map(({ id }) => id))
        after = page.length < 3 ? null : (page.at(-1)?.id ?? null)
      } while (after !== null)
      for (const { id } of made) assert(listed.includes(id), 'a user is on no page')
    },
  },
  {
    title: 'a user whose erasure has begun is found by signIn and findErasing, and by nothing else',
    async run(users) {
      const identity = newIdentity()
      const { user } = await signIn(users, 'wx1', identity)
      const externalId = randomUUID()
      await users.setExternalId(user.id, externalId, false)
      assert.equal(await users.beginErasure(user.id, 1), true)
      assert.equal(await users.beginErasure(user.id, 2), true)
      assert.deepEqual(await users.signIn('wx1', identity, 3), { erasing: user.id })
      assert((await users.findErasing(10_000)).includes(user.id))
      const second = await users.createUser(1)
      await users.beginErasure(second.id, 1)
      assert.equal((await users.findErasing(1)).length, 1)
      await users.eraseUser(second.id)
      assert.equal(await users.findUser(user.id), null)
      assert.equal(await users.findUserByExternalId(externalId), null)
      assert.equal(await users.findUserByIdentity('wx1', identity.openid), null)
      assert.deepEqual(await users.listIdentities(user.id), [])
      assert(!(await users.listUsers({ after: null, limit: 10_000 })).some(({ id }) => id === user.id))
      assert.equal(await users.updateProfile(user.id, { nickname: 'x' }), null)
      assert.equal(await users.setExternalId(user.id, randomUUID(), true), null)
      assert.equal(await users.disableUser(user.id, DISABLED), false)
      assert.equal(await users.enableUser(user.id), null)
      assert.equal(await users.linkIdentity(user.id, 'wx2', newIdentity(), 3), null)
    },
  },
  {
    title: 'an erased user is gone with identities and keys, others stay, and whoever comes back is a new user',
    async run(users) {
      const others = newIdentity({ unionid: `u-${randomUUID()}` })
      const { user: other } = await signIn(users, 'wx1', others)
      const identity = newIdentity({ unionid: `u-${randomUUID()}` })
      const { user } = await signIn(users, 'wx1', identity)
      const externalId = randomUUID()
      await users.setExternalId(user.id, externalId, false)
      await users.linkIdentity(user.id, 'wx2', newIdentity(), 1)
      await users.beginErasure(user.id, 1)
      await users.eraseUser(user.id)
      await users.eraseUser(user.id)
      assert.equal(await users.beginErasure(user.id, 2), false)
      assert(!(await users.findErasing(10_000)).includes(user.id))
      for (const appid of ['wx1', 'wx2']) {
        assert.equal(await users.findIdentity(user.id, appid), null)
        assert.equal(await users.findKeys(user.id, appid), null)
      }
      assert.deepEqual(await signIn(users, 'wx1', others), { user: other, isNew: false })
      assert.deepEqual(await signIn(users, 'wx2', newIdentity({ unionid: others.unionid })), {
        user: other,
        isNew: false,
      })
      const back = await signIn(users, 'wx1', identity)
      assert.equal(back.isNew, true)
      assert.notEqual(back.user.id, user.id)
      assert.deepEqual(await users.setExternalId(back.user.id, externalId, false), { set: true })
    },
  },
  {
    title: 'a user who is known by unionid only, and is being erased, is not brought back in another mini-program',
    async run(users) {
      const unionid = `u-${randomUUID()}`
      const { user } = await signIn(users, 'wx1', newIdentity({ unionid }))
      await users.beginErasure(user.id, 1)
      const elsewhere = newIdentity({ unionid })
      assert.deepEqual(await users.signIn('wx2', elsewhere, 2), { erasing: user.id })
      await users.eraseUser(user.id)
      const { user: fresh, isNew } = await signIn(users, 'wx2', elsewhere)
      assert.equal(isNew, true)
      assert.notEqual(fresh.id, user.id)
    },
  },
  {
    title: 'a user who is not there is told as such, and nothing happens',
    async run(users) {
      for (const id of [randomUUID(), 'not an id of this store', '']) {
        assert.equal(await users.setExternalId(id, randomUUID(), true), null)
        assert.equal(await users.disableUser(id, DISABLED), false)
        assert.equal(await users.enableUser(id), null)
        assert.equal(await users.beginErasure(id, 1), false)
        await users.eraseUser(id)
      }
    },
  },
]
