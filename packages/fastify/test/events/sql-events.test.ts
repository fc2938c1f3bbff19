import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type AuthEvent,
  createEventId,
  createSessionKeyVault,
  createSqlEventStore,
  createSqlPhoneStore,
  createSqlUserStore,
  type EventStore,
  generateVaultKey,
  type NewEvent,
} from '../../src/index.ts'
import { ENGINES, type OpenDatabase } from '../databases.ts'

const APPID = 'wx0123456789abcdef'
const PHONE = { number: '13800138000', countryCode: '86' }
const identity = (unionid: string | null = null) => ({
  openid: `o-${randomUUID()}`,
  unionid,
  sessionKey: Buffer.alloc(16, 7).toString('base64'),
})

/** An event as the recorder stamps it. */
function stamped(event: NewEvent, atMs = Date.now()): AuthEvent {
  return { userId: null, otherUserId: null, data: {}, ...event, id: createEventId(atMs), atMs } as AuthEvent
}

/** What an event says, without what is new in each of them. */
const told = ({ type, by, userId, otherUserId, data }: AuthEvent) => ({
  type,
  by,
  userId,
  ...(otherUserId && { otherUserId }),
  ...(Object.keys(data).length > 0 && { data }),
})

/** The time in the id of an event. */
const timeOf = (event: AuthEvent | undefined) => Number.parseInt(event?.id.replace('-', '').slice(0, 12) ?? '', 16)

describe.each(ENGINES)('events in %s', (_engine, openDatabase) => {
  let database: OpenDatabase
  beforeAll(async () => {
    database = await openDatabase()
  })
  afterAll(() => database.close())

  /** Stores on an empty database. */
  async function openEmpty() {
    const { db } = database
    for (const table of ['events', 'phones', 'phone_key', 'conflicts', 'unionids', 'identities', 'users'] as const) {
      await db.deleteFrom(`weapp_auth_${table}`).execute()
    }
    const vault = createSessionKeyVault({ keys: generateVaultKey() })
    const events = createSqlEventStore({ db })
    const users = createSqlUserStore({ db, vault, events })
    const phones = createSqlPhoneStore({ db, vault, events })
    return { db, events, users, phones, newUser: async () => (await users.createUser(1)).id }
  }

  /** What was written about a user, oldest first. */
  async function historyOf(events: EventStore, userId: string) {
    return (await events.list({ userId, limit: 100 })).reverse().map(told)
  }

  it('appended events are listed newest first, by user, kind and time, in pages by key', async () => {
    const { events } = await openEmpty()
    const [alice, bob] = [randomUUID(), randomUUID()]
    const t = Date.now() - 1_000
    const written = Array.from({ length: 300 }, (_, index) =>
      stamped(
        {
          type: index % 3 === 0 ? 'sign_out' : 'sign_in',
          by: 'user',
          userId: index % 2 === 0 ? alice : bob,
          data: { appid: APPID, 'ключ 👍': '\\\'"' },
        },
        t + index,
      ),
    )
    await events.append(written)
    const newest = [...written].reverse()
    expect(await events.list({ limit: 1_000 })).toEqual(newest)
    const pages: AuthEvent[] = []
    for (let page = await events.list({ limit: 77 }); page.length > 0 && pages.length < newest.length; ) {
      expect(page.length).toBeLessThanOrEqual(77)
      pages.push(...page)
      page = await events.list({ limit: 77, after: page.at(-1)?.id ?? '' })
    }
    expect(pages).toEqual(newest)
    const signOutsOfBob = newest.filter(({ userId, type }) => userId === bob && type === 'sign_out')
    expect(await events.list({ limit: 1_000, userId: bob, type: 'sign_out' })).toEqual(signOutsOfBob)
    expect(await events.list({ limit: 1_000, sinceMs: t + 290 })).toEqual(newest.slice(0, 10))
    expect(await events.list({ limit: 10, userId: randomUUID() })).toEqual([])
  })

  it('events that are appended again after a lost answer are stored once', async () => {
    const { events } = await openEmpty()
    const first = stamped({ type: 'sign_in', by: 'user' })
    await events.append([first])
    await events.append([first, stamped({ type: 'sign_out', by: 'user' })])
    expect((await events.list({ limit: 10 })).map(({ type }) => type)).toEqual(['sign_out', 'sign_in'])
  })

  it('each change of an account writes an event that says by whom, in the order of the changes', async () => {
    const { events, users, newUser } = await openEmpty()
    const userId = await newUser()
    await users.updateProfile(userId, { nickname: 'secret name', avatarUrl: 'https://secret.example' }, 'user')
    expect(await users.updateProfile(randomUUID(), { nickname: 'x' }, 'user'), 'nobody').toBeNull()
    await users.setExternalId(userId, 'crm-1', true, 'service:crm')
    await users.setExternalId(userId, 'crm-1', true, 'service:crm')
    await users.disableUser(userId, { atMs: 1, untilMs: 1_700_000_000_000, reason: 'spam' }, 'operator:root')
    await users.enableUser(userId, 'operator:root')
    await users.enableUser(userId, 'operator:root')
    await users.beginErasure(userId, 1, 'wechat')
    await users.beginErasure(userId, 2, 'host')
    await users.eraseUser(userId)
    expect(await historyOf(events, userId)).toEqual([
      { type: 'profile_changed', by: 'user', userId, data: { fields: ['nickname', 'avatarUrl'] } },
      { type: 'profile_changed', by: 'service:crm', userId, data: { fields: ['externalId'] } },
      {
        type: 'user_disabled',
        by: 'operator:root',
        userId,
        data: { reason: 'spam', until: '2023-11-14T22:13:20.000Z' },
      },
      { type: 'user_enabled', by: 'operator:root', userId },
      { type: 'user_erased', by: 'wechat', userId },
    ])
    const all = await events.list({ limit: 100 })
    expect(all.filter((event) => event.userId !== userId)).toEqual([])
    expect(JSON.stringify(all)).not.toMatch(/secret/)
  })

  it('the identity of a new user writes no event, a link writes one, and so does a conflict', async () => {
    const { events, users, newUser } = await openEmpty()
    const unionid = `u-${randomUUID()}`
    const alices = identity(unionid)
    const alice = await signIn('wx1', alices)
    expect(await events.list({ limit: 10 })).toEqual([])
    expect(await signIn('wx2', identity(unionid))).toBe(alice)
    const bobs = identity()
    const bob = await signIn('wx1', bobs)
    await signIn('wx1', { ...bobs, unionid })
    await signIn('wx1', { ...bobs, unionid })
    const carol = await newUser()
    const carols = identity()
    await users.linkIdentity(carol, 'wx1', carols, 1, 'service:shop')
    await users.linkIdentity(carol, 'wx1', carols, 1, 'service:shop')
    await users.linkIdentity(carol, 'wx1', alices, 1)
    const all = await events.list({ limit: 100 })
    expect(all.reverse().map(told)).toEqual([
      { type: 'identity_linked', by: 'user', userId: alice, data: { appid: 'wx2' } },
      { type: 'identity_conflict', by: 'user', userId: bob, otherUserId: alice, data: { appid: 'wx1' } },
      { type: 'identity_linked', by: 'service:shop', userId: carol, data: { appid: 'wx1' } },
    ])
    const text = JSON.stringify(all)
    for (const { openid } of [alices, bobs, carols]) expect(text).not.toContain(openid)
    expect(text).not.toContain(unionid)

    async function signIn(appid: string, who: ReturnType<typeof identity>): Promise<string> {
      const signedIn = await users.signIn(appid, who, 1)
      if ('erasing' in signedIn) throw new Error('the user is being erased')
      return signedIn.user.id
    }
  })

  it('events tell how a phone number comes, moves and goes, without the number', async () => {
    const { events, phones, newUser } = await openEmpty()
    const [alice, bob] = [await newUser(), await newUser()]
    await phones.give(alice, PHONE, 1)
    await phones.give(alice, PHONE, 1)
    await phones.prove(bob, PHONE, 2, 'user')
    await phones.remove(bob, 'user')
    await phones.remove(bob, 'user')
    expect(await historyOf(events, alice)).toEqual([
      { type: 'phone_bound', by: 'host', userId: alice, data: { isProven: false } },
      { type: 'phone_moved', by: 'user', userId: alice, otherUserId: bob },
    ])
    expect(await historyOf(events, bob)).toEqual([
      { type: 'phone_bound', by: 'user', userId: bob, data: { isProven: true } },
      { type: 'phone_unbound', by: 'user', userId: bob },
    ])
    await phones.prove(alice, PHONE, 3)
    await phones.remove(alice)
    expect((await historyOf(events, alice)).slice(-2)).toEqual([
      { type: 'phone_bound', by: 'host', userId: alice, data: { isProven: true } },
      { type: 'phone_unbound', by: 'host', userId: alice },
    ])
    await phones.give(alice, PHONE, 4)
    const identity = { openid: 'linked-by-phone', unionid: null, sessionKey: Buffer.alloc(16, 7).toString('base64') }
    await phones.linkHolder(PHONE, 'wx1', identity, 5)
    expect((await historyOf(events, alice)).at(-1)).toMatchObject({ type: 'identity_linked', by: 'user' })
    expect(JSON.stringify(await events.list({ limit: 20 }))).not.toContain(PHONE.number.slice(-4))
  })

  it('a change whose event cannot be written does not happen', async () => {
    const { db, users, events, newUser } = await openEmpty()
    const userId = await newUser()
    await sql`alter table weapp_auth_events rename to hidden`.execute(db)
    try {
      const disable = users.disableUser(userId, { atMs: 1, untilMs: null, reason: '' })
      await expect(disable).rejects.toMatchObject({ code: 'store_unavailable' })
    } finally {
      await sql`alter table hidden rename to weapp_auth_events`.execute(db)
    }
    expect(await users.findUser(userId)).toMatchObject({ disabled: null })
    expect(await users.disableUser(userId, { atMs: 1, untilMs: null, reason: '' })).toBe(true)
    expect(await historyOf(events, userId)).toMatchObject([{ type: 'user_disabled' }])
  })

  it('an event written in a transaction that is rolled back is gone', async () => {
    const { db, events } = await openEmpty()
    const change = db.transaction().execute(async (tx) => {
      await events.write(tx, { type: 'user_enabled', by: 'host', userId: randomUUID() })
      throw new Error('rolled back')
    })
    await expect(change).rejects.toThrow('rolled back')
    expect(await events.list({ limit: 10 })).toEqual([])
  })

  describe('after a process with a clock ahead has written an event', () => {
    const aheadMs = Date.now() + 3_600_000
    const time = aheadMs.toString(16).padStart(12, '0')
    const id = `${time.slice(0, 8)}-${time.slice(8)}-7fff-bfff-ffffffffffff`

    it('events of this user are in the order of the changes', async () => {
      const { users, events, newUser } = await openEmpty()
      const userId = await newUser()
      await events.append([{ ...stamped({ type: 'sign_in', by: 'user', userId }), id, atMs: aheadMs }])
      await users.disableUser(userId, { atMs: 1, untilMs: null, reason: '' })
      await users.enableUser(userId)
      const types = (await historyOf(events, userId)).map(({ type }) => type)
      expect(types).toEqual(['sign_in', 'user_disabled', 'user_enabled'])
      // The ids of the changes are ahead, and their times are not.
      const recent = await events.list({ userId, sinceMs: aheadMs, limit: 10 })
      expect(recent.map(({ type }) => type)).toEqual(['sign_in'])
    })

    it('events of other users are listed at their own time', async () => {
      const { users, events, newUser } = await openEmpty()
      const [userId, other] = [await newUser(), await newUser()]
      await events.append([{ ...stamped({ type: 'sign_in', by: 'user', userId }), id, atMs: aheadMs }])
      await users.disableUser(other, { atMs: 1, untilMs: null, reason: '' })
      expect(timeOf((await events.list({ userId: other, limit: 1 }))[0])).toBeLessThan(aheadMs)
    })
  })

  it('a store without the option events writes no events', async () => {
    const { db, events, newUser } = await openEmpty()
    const vault = createSessionKeyVault({ keys: generateVaultKey() })
    const silent = createSqlUserStore({ db, vault })
    const userId = await newUser()
    await silent.updateProfile(userId, { nickname: 'a' })
    await silent.beginErasure(userId, 1)
    expect(await events.list({ limit: 10 })).toEqual([])
  })

  it('old events are deleted in steps, the oldest first, while others are listed', async () => {
    const { events } = await openEmpty()
    const old = Array.from({ length: 5 }, () => stamped({ type: 'sign_in', by: 'user' }))
    await events.append(old.toReversed())
    const cutMs = timeOf(old[4]) + 1
    // A later millisecond: the time in an id is never behind the clock.
    const young = stamped({ type: 'sign_out', by: 'user' }, cutMs)
    await events.append([young])
    const [newest] = await events.list({ limit: 1 })
    expect(await events.deleteBefore(cutMs, 2)).toBe(2)
    expect(await events.list({ limit: 10 })).toEqual([young, old[4], old[3], old[2]])
    // A page that goes on behind an event that was deleted meanwhile misses none.
    expect(await events.deleteBefore(cutMs, 2)).toBe(2)
    expect(await events.list({ limit: 10, after: newest?.id ?? '' })).toEqual([old[4]])
    expect(await events.deleteBefore(cutMs, 2)).toBe(1)
    expect(await events.deleteBefore(cutMs, 2)).toBe(0)
    expect(await events.list({ limit: 10 })).toEqual([young])
  })

  it('events of an erased user get one random id, some time after the erasure has ended', async () => {
    const { db, events, users, phones, newUser } = await openEmpty()
    const [alice, bob, carol] = [await newUser(), await newUser(), await newUser()]
    await users.setExternalId(alice, 'crm-1', true)
    await users.disableUser(carol, { atMs: 1, untilMs: null, reason: 'not erased' })
    // The row of this user is gone, because the user was merged into another one and not erased.
    const merged = stamped({ type: 'sign_in', by: 'user', userId: randomUUID(), otherUserId: carol })
    await events.append([merged])
    await users.disableUser(alice, { atMs: 1, untilMs: null, reason: 'canary' })
    await phones.give(bob, PHONE, 1)
    await phones.prove(alice, PHONE, 2)
    await users.beginErasure(alice, 1)
    const before = await events.list({ limit: 100 })
    await events.forgetErased(Date.now() + 1)
    expect(await events.list({ limit: 100 })).toEqual(before)
    await users.eraseUser(alice)
    await events.append([stamped({ type: 'session_ended', by: 'user', userId: alice, data: { reason: 'erased' } })])
    await events.forgetErased(Date.now() - 60_000)
    expect(await events.list({ userId: alice, limit: 100 })).toHaveLength(5)
    await events.forgetErased(Date.now() + 1)
    const after = await events.list({ limit: 100 })
    expect(JSON.stringify(after)).not.toContain(alice)
    expect(JSON.stringify(after)).not.toContain('canary')
    const isOfOthers = ({ userId }: AuthEvent) => userId === carol || userId === merged.userId
    expect(after.filter(isOfOthers)).toEqual(before.filter(isOfOthers))
    expect(before.filter(isOfOthers)).toHaveLength(2)
    const [ended] = await events.list({ type: 'session_ended', limit: 1 })
    expect(ended?.data).toEqual({ reason: 'erased' })
    const [erased] = await events.list({ type: 'user_erased', limit: 1 })
    expect(erased?.userId).toMatch(/^erased-[0-9a-f]{28}$/)
    expect(await events.list({ userId: erased?.userId as string, limit: 100 })).toHaveLength(5)
    expect(await events.list({ userId: bob, type: 'phone_moved', limit: 1 })).toMatchObject([
      { otherUserId: erased?.userId },
    ])
    const left = db.selectFrom('weapp_auth_events').select('id').where('external_id', 'is not', null)
    expect(await left.execute()).toEqual([])
    await events.forgetErased(Date.now() + 1)
    expect(await events.list({ limit: 100 })).toEqual(after)
  })
})
