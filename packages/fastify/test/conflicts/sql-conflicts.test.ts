import { randomBytes, randomUUID } from 'node:crypto'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  createSessionKeyVault,
  createSqlEventStore,
  createSqlPhoneStore,
  createSqlUserStore,
  generateVaultKey,
  type UserConflict,
} from '../../src/index.ts'
import { afterFirst, ENGINES } from '../databases.ts'

const PHONE = { number: '13800138000', countryCode: '86' }

describe.each(ENGINES)('conflicts in %s', (engine, openDatabase) => {
  async function setUp() {
    const { db, close } = await openDatabase()
    onTestFinished(close)
    const vault = createSessionKeyVault({ keys: generateVaultKey() })
    const events = createSqlEventStore({ db })
    const users = createSqlUserStore({ db, vault, events })
    const phones = createSqlPhoneStore({ db, vault, events })

    async function signIn(appid: string, openid: string, unionid: string | null = null): Promise<string> {
      const sessionKey = randomBytes(16).toString('base64')
      const signedIn = await users.signIn(appid, { openid, unionid, sessionKey }, 1)
      if ('erasing' in signedIn) throw new Error('the user is being erased')
      return signedIn.user.id
    }

    /** Two users, known in `wx1` and `wx2`, of whom WeChat says later that they are one person. */
    async function makeConflict() {
      const [openid, unionid] = [randomUUID(), randomUUID()]
      const late = await signIn('wx1', `a-${openid}`)
      const holder = await signIn('wx2', `b-${openid}`, unionid)
      expect(await signIn('wx1', `a-${openid}`, unionid)).toBe(late)
      return { late, holder, unionid, openids: { wx1: `a-${openid}`, wx2: `b-${openid}` } }
    }

    return { db, vault, users, phones, events, signIn, makeConflict }
  }

  // SQLite runs one transaction at a time.
  if (engine !== 'SQLite') {
    test('a link of an identity whose unionid another user gets while the link is under way succeeds, and is a conflict', async () => {
      const { db, vault, users, signIn } = await setUp()
      const alice = await signIn('wx2', 'o1')
      let bob = ''
      const late = afterFirst('session_key', db, async () => {
        // The same openid as in the other mini-program, where it is another user's.
        bob = await signIn('wx1', 'o1', 'u1')
      })
      const identity = { openid: 'o1', unionid: 'u1', sessionKey: randomBytes(16).toString('base64') }
      const linked = await createSqlUserStore({ db: late, vault }).linkIdentity(alice, 'wx2', identity, 5)
      expect(linked).toEqual({ linked: true, identity: { openid: 'o1', unionid: 'u1' } })
      const conflict = { userId: alice, otherUserId: bob, createdAtMs: 5 }
      expect(await users.listConflicts({ after: null, limit: 9 })).toEqual([conflict])
    })
  }

  test('each pair is listed once, on one page, until one of the two is erased', async () => {
    const { users, makeConflict, db } = await setUp()
    const made = [await makeConflict(), await makeConflict(), await makeConflict()]
    const pairs = made.map(({ late, holder }) => ({ userId: late, otherUserId: holder, createdAtMs: 1 }))
    const [first, second] = pairs
    if (!first || !second) throw new Error('there are three')
    // The same two under a second unionid, and one of them with a third user.
    pairs.push({ ...first, otherUserId: second.otherUserId, createdAtMs: 9 })
    const again = { user_id: first.userId, other_user_id: first.otherUserId, unionid: 'u2', created_at: 7 }
    const third = { ...again, other_user_id: second.otherUserId, unionid: 'u3', created_at: 9 }
    await db.insertInto('weapp_auth_conflicts').values([again, third]).execute()
    pairs.sort((a, b) => (a.userId + a.otherUserId < b.userId + b.otherUserId ? -1 : 1))
    const pages: UserConflict[][] = []
    for (let after: UserConflict | null = null; pages.length <= pairs.length; after = pages.at(-1)?.at(-1) ?? after) {
      pages.push(await users.listConflicts({ after, limit: 1 }))
    }
    expect(pages).toEqual([...pairs.map((pair) => [pair]), []])
    const listLeft = async (erasedId: string) => {
      await users.beginErasure(erasedId, 1)
      return users.listConflicts({ after: null, limit: 10 })
    }
    expect(await listLeft(second.otherUserId)).toEqual(
      pairs.filter(({ otherUserId }) => otherUserId !== second.otherUserId),
    )
    expect(await listLeft(first.userId)).toEqual(pairs.filter(({ userId }) => userId === made[2]?.late))
  })

  test.each(['late', 'holder'] as const)('a merge that keeps the %s one gives them all of the other', async (kept) => {
    const { users, phones, events, signIn, makeConflict } = await setUp()
    const { late, holder, unionid, openids } = await makeConflict()
    const [keep, drop] = kept === 'late' ? [late, holder] : [holder, late]
    await users.setExternalId(drop, 'shop-1', true)
    await phones.prove(drop, PHONE, 1)
    const { id: stranger } = await users.createUser(1)
    const number = { number: '13900139000', countryCode: '86' }
    await phones.prove(stranger, number, 1)
    await users.updateProfile(keep, { nickname: 'kept' })
    expect(await users.mergeUsers({ keep, drop }, 2, 'service:shop')).toEqual({ merged: true })

    expect(await users.findUser(drop)).toBeNull()
    expect(await users.findErasing(10)).toEqual([drop])
    expect(await users.findUser(keep)).toMatchObject({ externalId: 'shop-1', profile: { nickname: 'kept' } })
    expect(await phones.find(keep)).toEqual({ ...PHONE, isProven: true })
    expect(await phones.findHolder(PHONE)).toEqual({ userId: keep, isProven: true })
    expect(await phones.find(stranger)).toEqual({ ...number, isProven: true })
    expect((await users.listIdentities(keep)).map(({ appid }) => appid)).toEqual(['wx1', 'wx2'])
    await users.eraseUser(drop)
    for (const appid of ['wx1', 'wx2'] as const) {
      expect(await signIn(appid, openids[appid], unionid)).toBe(keep)
      expect((await users.findKeys(keep, appid))?.sessionKeys).toHaveLength(2)
    }
    expect(await signIn('wx3', 'new', unionid)).toBe(keep)
    expect(await users.listConflicts({ after: null, limit: 10 })).toEqual([])
    expect(await users.mergeUsers({ keep, drop }, 3)).toBeNull()
    const [merged] = await events.list({ limit: 1, type: 'user_merged' })
    expect(merged).toMatchObject({ userId: keep, otherUserId: drop, by: 'service:shop' })
    expect(await events.list({ limit: 10, type: 'user_erased' })).toEqual([])
  })

  test('the phone number and the externalId of the one who stays win, and the other number is free again', async () => {
    const { users, phones, events, makeConflict } = await setUp()
    const { late, holder } = await makeConflict()
    const other = { number: '13900139000', countryCode: '86' }
    await phones.prove(late, PHONE, 1)
    await phones.prove(holder, other, 1)
    await users.setExternalId(late, 'shop-1', true)
    await users.mergeUsers({ keep: late, drop: holder }, 2)
    expect(await events.list({ limit: 1, type: 'user_merged' })).toMatchObject([{ by: 'host' }])
    await users.eraseUser(holder)
    expect(await phones.find(late)).toEqual({ ...PHONE, isProven: true })
    expect(await phones.findHolder(other)).toBeNull()
    expect(await users.findUser(late)).toMatchObject({ externalId: 'shop-1' })
  })

  test('a merge with a number that no key of the ring opens gives them all but the number', async () => {
    const { db, users, makeConflict } = await setUp()
    const { late, holder, openids } = await makeConflict()
    const lost = createSqlPhoneStore({ db, vault: createSessionKeyVault({ keys: generateVaultKey() }) })
    await lost.prove(holder, PHONE, 1)
    expect(await users.mergeUsers({ keep: late, drop: holder }, 2)).toEqual({ merged: true })
    expect(await users.findIdentity(late, 'wx2')).toMatchObject({ openid: openids.wx2 })
    await users.eraseUser(holder)
    expect(await lost.findHolder(PHONE)).toBeNull()
  })

  test.each(['late', 'holder'] as const)('a merge is refused while the %s one is being erased', async (erasing) => {
    const { users, makeConflict } = await setUp()
    const { late, holder } = await makeConflict()
    const [gone, there, appid] = erasing === 'late' ? [late, holder, 'wx2'] : [holder, late, 'wx1']
    await users.beginErasure(gone, 1)
    expect(await users.mergeUsers({ keep: late, drop: holder }, 2)).toBeNull()
    expect(await users.mergeUsers({ keep: holder, drop: late }, 2)).toBeNull()
    expect(await users.listIdentities(there)).toMatchObject([{ appid }])
    expect(await users.findErasing(10)).toEqual([gone])
  })

  test('a conflict with a third user passes to the one who stays, and one of two others stays theirs', async () => {
    const { users, makeConflict, db } = await setUp()
    const { late, holder } = await makeConflict()
    const { id: third } = await users.createUser(1)
    const { id: fourth } = await users.createUser(1)
    await db
      .insertInto('weapp_auth_conflicts')
      .values([
        { user_id: third, other_user_id: holder, unionid: 'u3', created_at: 3 },
        { user_id: holder, other_user_id: fourth, unionid: 'u4', created_at: 4 },
        { user_id: third, other_user_id: fourth, unionid: 'u5', created_at: 5 },
      ])
      .execute()
    await users.mergeUsers({ keep: late, drop: holder }, 2)
    await users.eraseUser(holder)
    const left = await users.listConflicts({ after: null, limit: 10 })
    expect(new Set(left)).toEqual(
      new Set([
        { userId: third, otherUserId: late, createdAtMs: 3 },
        { userId: late, otherUserId: fourth, createdAtMs: 4 },
        { userId: third, otherUserId: fourth, createdAtMs: 5 },
      ]),
    )
  })

  test('a merge that is refused changes nothing', async () => {
    const { users, signIn, makeConflict, db, events } = await setUp()
    const { late, holder, openids } = await makeConflict()
    const both = { keep: late, drop: holder }
    const { id: stranger } = await users.createUser(1)
    for (const merge of [
      { keep: late, drop: stranger },
      { keep: late, drop: late },
      { keep: late, drop: randomUUID() },
      { keep: 'x\0', drop: late },
      { keep: late, drop: 'x\0' },
    ]) {
      expect(await users.mergeUsers(merge, 2)).toBeNull()
    }
    const state = async () => [
      await db.selectFrom('weapp_auth_users').selectAll().orderBy('id').execute(),
      await db.selectFrom('weapp_auth_identities').select(['appid', 'user_id']).orderBy('appid').execute(),
      await db.selectFrom('weapp_auth_unionids').selectAll().execute(),
      await db.selectFrom('weapp_auth_conflicts').selectAll().execute(),
    ]
    const refuse = async (reason: string) => {
      const before = await state()
      expect(await users.mergeUsers(both, 2)).toEqual({ merged: false, reason })
      expect(await state()).toEqual(before)
      expect(await events.list({ limit: 1, type: 'user_merged' })).toEqual([])
    }
    await users.disableUser(holder, { atMs: 1, untilMs: null, reason: 'x' })
    await refuse('disabled')
    await users.enableUser(holder)
    await users.setExternalId(late, 'shop-1', true)
    await users.setExternalId(holder, 'shop-2', true)
    await refuse('external_ids')
    await users.setExternalId(holder, null, true)
    const identity = { openid: 'a-second', unionid: null, sessionKey: randomBytes(16).toString('base64') }
    await users.linkIdentity(holder, 'wx1', identity, 1)
    await refuse('identities')
    expect(await signIn('wx1', openids.wx1)).toBe(late)
    // A disabling that is over is none.
    await users.unlinkIdentity(holder, { appid: 'wx1', openid: 'a-second' })
    await users.disableUser(holder, { atMs: 1, untilMs: 2, reason: 'x' })
    expect(await users.mergeUsers(both, 2)).toEqual({ merged: true })
  })

  test('of two opposite decisions at the same time one is carried out', async () => {
    const { users, makeConflict } = await setUp()
    for (let round = 0; round < 5; round++) {
      const { late, holder } = await makeConflict()
      const results = await Promise.all([
        users.mergeUsers({ keep: late, drop: holder }, 2),
        users.mergeUsers({ keep: holder, drop: late }, 2),
      ])
      expect(results.filter((result) => result?.merged)).toHaveLength(1)
      const kept = results[0]?.merged ? late : holder
      expect((await users.listIdentities(kept)).map(({ appid }) => appid)).toEqual(['wx1', 'wx2'])
    }
  })

  test('whoever signs in during a merge is one of the two, and afterwards the one who stays', async () => {
    const { users, signIn, makeConflict } = await setUp()
    for (let round = 0; round < 5; round++) {
      const { late, holder, unionid, openids } = await makeConflict()
      const [, ...signedIn] = await Promise.all([
        users.mergeUsers({ keep: late, drop: holder }, 2),
        ...[1, 2, 3].flatMap(() => [
          users.signIn('wx2', { openid: openids.wx2, unionid, sessionKey: randomBytes(16).toString('base64') }, 1),
          users.signIn('wx1', { openid: openids.wx1, unionid, sessionKey: randomBytes(16).toString('base64') }, 1),
        ]),
      ])
      for (const found of signedIn) {
        if (!found || !('user' in found)) continue
        expect([late, holder]).toContain(found.user.id)
      }
      await users.eraseUser(holder)
      expect(await signIn('wx2', openids.wx2, unionid)).toBe(late)
      expect(await signIn('wx1', openids.wx1, unionid)).toBe(late)
    }
  })
})
