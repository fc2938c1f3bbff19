import { randomBytes } from 'node:crypto'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  ApiError,
  authenticate,
  createSessionKeyVault,
  createSqlEventStore,
  createSqlUserStore,
  type EventType,
  generateVaultKey,
  migrateUsers,
  openSqliteUsers,
} from '../src/index.ts'
import { USER_CHANGE_MS } from '../src/sessions/session-store.ts'
import { APPID, OTHER_APPID, startService } from './service.ts'

const UNTIL = () => new Date(Date.now() + 60_000)

describe('a disabled user', () => {
  it('a disabled user is signed out as by the operator, and refused until enabled again', async () => {
    const onSignIn = vi.fn(() => undefined)
    const { app, signIn } = await startService({ onSignIn })
    const { headers, userId } = await signIn()
    expect(await app.weappAuth.disableUser(userId, { reason: 'spam' })).toBe(true)
    const answer = await app.inject({ url: '/v1/verify', headers })
    expect(answer.json()).toMatchObject({ status: 401, code: 'session_revoked', reason: 'admin' })
    await expect(signIn()).rejects.toThrow('"code":"user_disabled"')
    await expect(signIn()).rejects.not.toThrow('spam')
    // The host's hook is not asked about somebody who may not come in.
    expect(onSignIn).toHaveBeenCalledTimes(1)
    expect((await signIn('bob')).userId).not.toBe(userId)
    expect(await app.weappAuth.enableUser(userId)).toBe(true)
    expect((await signIn()).userId).toBe(userId)
    expect(await app.weappAuth.enableUser(userId)).toBe(false)
  })

  it('a user who is disabled until a time may sign in from then on, without anybody doing anything', async () => {
    const { app, signIn, advance } = await startService()
    const { userId } = await signIn()
    const longest = 'x'.repeat(256)
    expect(await app.weappAuth.disableUser(userId, { reason: longest, until: UNTIL() })).toBe(true)
    advance(59_000)
    await expect(signIn()).rejects.toThrow('"code":"user_disabled"')
    advance(1_001)
    expect((await signIn()).userId).toBe(userId)
  })

  it('issue and linkIdentity refuse a disabled user too, the latter before the code is spent', async () => {
    const { app, signIn, world } = await startService()
    const { userId } = await signIn()
    await app.weappAuth.disableUser(userId, { reason: 'x' })
    const refused = { code: 'user_disabled', statusCode: 403 }
    await expect(app.weappAuth.issue(userId, { appid: OTHER_APPID })).rejects.toMatchObject(refused)
    const { code } = world.login('carol', world.apps[0]?.appid ?? '')
    const appid = world.apps[0]?.appid ?? ''
    await expect(app.weappAuth.linkIdentity(userId, appid, code)).rejects.toMatchObject(refused)
    const user = await app.weappAuth.createUser()
    expect(await app.weappAuth.linkIdentity(user.id, appid, code)).toMatchObject({ linked: true })
  })

  it('a user who was disabled during a sign-in that took longer than the store remembers disablings gets no session', async () => {
    const { users, sessions, ...plain } = await startService()
    const { userId } = await plain.signIn()
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    let isFirst = true
    const signIn: typeof users.signIn = async (...args) => {
      const answer = await users.signIn(...args)
      if (isFirst) {
        isFirst = false
        await plain.app.weappAuth.disableUser(userId, { reason: 'x' })
        const { disabled } = (await users.findUser(userId)) ?? {}
        // What the store of sessions does after a while.
        await sessions.unblock(userId, String(disabled?.atMs))
        vi.advanceTimersByTime(USER_CHANGE_MS)
      }
      return answer
    }
    const slow = await startService({ users: { ...users, signIn }, sessions, wechatApiBaseUrl: plain.wechatBaseUrl })
    const { code } = plain.world.login('alice', APPID)
    const answer = await slow.app.inject({ method: 'POST', url: '/v1/sessions', payload: { appid: APPID, code } })
    expect(answer.json()).toMatchObject({ status: 403, code: 'user_disabled' })
    expect(await plain.app.weappAuth.list(userId)).toEqual([])
  })

  it('disabling a user needs a date that is one, and a reason that fits', async () => {
    const { app, signIn } = await startService()
    const { userId, headers } = await signIn()
    for (const wrong of [{ reason: 'x', until: new Date('never') }, { reason: 'x'.repeat(257) }]) {
      await expect(app.weappAuth.disableUser(userId, wrong)).rejects.toThrow(RangeError)
    }
    expect((await app.inject({ url: '/v1/verify', headers })).statusCode).toBe(204)
  })
})

describe('a sign-in', () => {
  const signInTo = async ({ app, world }: Awaited<ReturnType<typeof startService>>) => {
    const { code } = world.login('alice', APPID)
    return await app.inject({ method: 'POST', url: '/v1/sessions', payload: { appid: APPID, code } })
  }

  it('a sign-in whose session cannot be written fails, and is not tried again by the service', async () => {
    const service = await startService()
    vi.spyOn(service.sessions, 'create').mockRejectedValueOnce(new ApiError('store_unavailable', 'the disk is full'))
    expect((await signInTo(service)).json()).toMatchObject({ status: 503, code: 'store_unavailable' })
    expect(service.sessions.create).toHaveBeenCalledTimes(1)
  })

  it('a sign-in of a user who is changed or erased each time that it looks is refused for a few seconds, and asks the host once', async () => {
    /** Answers this some times, so that whoever asks for ever fails. */
    const answerAgain = <T>(answer: T) => {
      let left = 10
      return async () => {
        if (left-- === 0) throw new Error('asked again and again')
        return answer
      }
    }
    const onSignIn = vi.fn(() => undefined)
    const changing = await startService({ onSignIn })
    const { userId } = await changing.signIn()
    vi.spyOn(changing.sessions, 'create').mockImplementation(answerAgain(null))
    const erasing = await startService()
    vi.spyOn(erasing.users, 'signIn').mockImplementation(answerAgain({ erasing: userId }))
    for (const service of [changing, erasing]) {
      const answer = await signInTo(service)
      expect(answer.json()).toMatchObject({ status: 503, code: 'store_unavailable' })
      expect(answer.headers['retry-after']).toBe('5')
    }
    // One for the session that is there, one for all attempts of the other sign-in.
    expect(onSignIn).toHaveBeenCalledTimes(2)
  })
})

describe('a list of users', () => {
  it('a list of users goes on after the last one of the page before', async () => {
    const { app, signIn } = await startService()
    const ids = await Promise.all(['a', 'b', 'c'].map(async (name) => (await signIn(name)).userId))
    const first = await app.weappAuth.listUsers({ limit: 2 })
    const second = await app.weappAuth.listUsers({ limit: 2, after: first.at(-1)?.id ?? null })
    expect([...first, ...second].map(({ id }) => id)).toEqual(ids.sort())
    expect(await app.weappAuth.listUsers({ limit: 1 })).toHaveLength(1)
    expect(await app.weappAuth.listUsers({ limit: 1_000 })).toHaveLength(3)
    for (const limit of [0, -1, 1.5, 1_001]) {
      await expect(app.weappAuth.listUsers({ limit })).rejects.toThrow('limit must be a whole number from 1 to 1000')
    }
  })
})

describe('an externalId', () => {
  it('the externalId that the hook answers at a sign-in reaches guarded routes, proxies and other devices at once', async () => {
    let answer: { externalId?: string } | undefined
    const { app, signIn } = await startService({
      onSignIn: async () => answer,
      host: (app) => app.get('/own', { onRequest: authenticate }, async ({ auth }) => auth),
    })
    const before = await signIn()
    answer = { externalId: 'crm-7' }
    const after = await signIn()
    for (const { headers } of [before, after]) {
      expect((await app.inject({ url: '/own', headers })).json()).toMatchObject({ externalId: 'crm-7' })
      expect((await app.inject({ url: '/v1/verify', headers })).headers['x-auth-external-id']).toBe('crm-7')
    }
    expect(await app.weappAuth.findUserByExternalId('crm-7')).toMatchObject({ id: before.userId })
  })

  it('GET /v1/verify names no externalId for a user who has none', async () => {
    const { app, signIn } = await startService()
    const { headers } = await signIn()
    expect((await app.inject({ url: '/v1/verify', headers })).headers).not.toHaveProperty('x-auth-external-id')
  })

  it.each([
    ['another user has it', 'taken'],
    ['the user has a different one', 'other'],
    ['not 1 to 128 visible ASCII characters', 'with space'],
    ['not 1 to 128 visible ASCII characters', 'x'.repeat(129)],
    ['not 1 to 128 visible ASCII characters', ''],
    ['not 1 to 128 visible ASCII characters', '用户'],
  ])(
    'an externalId that cannot be taken from the hook is logged and stops no sign-in: %s (%j)',
    async (why, externalId) => {
      const lines: string[] = []
      let answer = {}
      const { app, signIn } = await startService({
        onSignIn: () => answer,
        server: { logger: { level: 'warn', stream: { write: (line: string) => void lines.push(line) } } },
      })
      const { userId, headers } = await signIn()
      await app.weappAuth.setExternalId(userId, 'mine')
      // A hook that answers none has said nothing wrong.
      await signIn()
      expect(lines).toEqual([])
      const bob = await signIn('bob')
      await app.weappAuth.setExternalId(bob.userId, 'taken')
      if (why.startsWith('another')) await app.weappAuth.setExternalId(userId, null)
      answer = { externalId }
      expect((await signIn()).userId).toBe(userId)
      const line = lines.find((line) => line.includes(why)) ?? '{}'
      expect(JSON.parse(line)).toMatchObject({ userId })
      const own = why.startsWith('another') ? undefined : 'mine'
      expect((await app.inject({ url: '/v1/verify', headers })).headers['x-auth-external-id']).toBe(own)
    },
  )

  it('the host changes an externalId, and is told when another user has it', async () => {
    const { app, sessions, signIn } = await startService()
    const [alice, bob] = [await signIn(), await signIn('bob')]
    const written = vi.spyOn(sessions, 'setExternalId')
    expect(await app.weappAuth.setExternalId(alice.userId, 'a')).toEqual({ set: true })
    expect(await app.weappAuth.setExternalId(alice.userId, 'b')).toEqual({ set: true })
    const taken = { set: false, reason: 'taken', userId: alice.userId }
    expect(await app.weappAuth.setExternalId(bob.userId, 'b')).toEqual(taken)
    // A refused externalId is never written into the sessions of that user.
    expect(written.mock.calls.map(([userId]) => userId)).toEqual([alice.userId, alice.userId])
    await expect(app.weappAuth.setExternalId(bob.userId, 'a b')).rejects.toThrow(TypeError)
    await expect(app.weappAuth.setExternalId('nobody', 'x')).rejects.toThrow('there is no such user')
  })

  it('an externalId is written with the first sign-in whose hook answers it, and not with each one after it', async () => {
    const { signIn, users } = await startService({ onSignIn: () => ({ externalId: 'crm-7' }) })
    const written = vi.spyOn(users, 'setExternalId')
    for (let i = 0; i < 3; i++) await signIn()
    expect(written).toHaveBeenCalledTimes(1)
  })

  it('an externalId is set without an error although its user is erased at the same moment', async () => {
    const { app, users, signIn } = await startService({ onSignIn: () => ({ externalId: 'crm-7' }) })
    const { userId } = await signIn()
    users.findUser = async () => null
    expect(await app.weappAuth.setExternalId(userId, 'crm-8')).toEqual({ set: true })
    users.setExternalId = async () => null
    expect((await signIn('bob')).userId).not.toBe(userId)
  })

  it('an externalId that is set twice at the same time is in all sessions what the store of users has', async () => {
    const { app, signIn, sessions } = await startService()
    const { userId, headers } = await signIn()
    const { setExternalId } = sessions
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    // The first one's sessions are written last.
    sessions.setExternalId = async (...args) => {
      if (args[1] === 'first') await held
      return setExternalId(...args)
    }
    const first = app.weappAuth.setExternalId(userId, 'first')
    await vi.waitFor(async () => expect(await app.weappAuth.findUserByExternalId('first')).not.toBeNull())
    await app.weappAuth.setExternalId(userId, 'second')
    release()
    await first
    expect((await app.inject({ url: '/v1/verify', headers })).headers['x-auth-external-id']).toBe('second')
  })
})

describe('an erased user', () => {
  it('an erased user is gone, signed out on every device as erased, and comes back as a new user', async () => {
    const { app, signIn } = await startService()
    const [own, other] = [await signIn(), await signIn()]
    expect((await app.inject({ method: 'DELETE', url: '/v1/me', headers: own.headers })).statusCode).toBe(204)
    for (const { headers } of [own, other]) {
      const answer = await app.inject({ method: 'DELETE', url: '/v1/me', headers })
      expect(answer.json()).toMatchObject({ code: 'session_revoked', reason: 'erased' })
    }
    expect(await app.weappAuth.findUser(own.userId)).toBeNull()
    expect(await app.weappAuth.eraseUser(own.userId)).toBe(false)
    expect((await signIn()).userId).not.toBe(own.userId)
  })

  it('an erasure that was cut off is finished by itself after a while', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    try {
      const { app, signIn, users } = await startService()
      const { userId } = await signIn()
      await users.beginErasure(userId, Date.now())
      await vi.advanceTimersByTimeAsync(10 * 60_000)
      await vi.waitFor(async () => expect(await users.findErasing(1)).toEqual([]))
      await app.close()
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  it('the events name who finished an erasure that was cut off: the user who signs in again, or else the host', async () => {
    const { users, events } = await openWithEvents()
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const { app, signIn } = await startService({ users, events: { store: events } })
    const [alice, bob] = [await signIn('alice'), await signIn('bob')]
    for (const { userId } of [alice, bob]) await users.beginErasure(userId, Date.now(), 'operator:root')
    await signIn('alice')
    await vi.advanceTimersByTimeAsync(10 * 60_000)
    await vi.waitFor(async () => expect(await users.findErasing(1)).toEqual([]))
    await app.close()
    const ended = await events.list({ type: 'session_ended', limit: 10 })
    expect(new Map(ended.map(({ userId, by }) => [userId, by]))).toEqual(
      new Map([
        [alice.userId, 'user'],
        [bob.userId, 'host'],
      ]),
    )
  })
})

/** A store of users that writes down what happens to them. */
async function openWithEvents() {
  const db = openSqliteUsers(':memory:')
  onTestFinished(() => db.destroy())
  await migrateUsers(db)
  const events = createSqlEventStore({ db })
  const users = createSqlUserStore({ db, vault: createSessionKeyVault({ keys: generateVaultKey() }), events })
  return { users, events }
}

/** Two users of one person, who are both signed in, and what WeChat said of them. */
async function startWithConflict() {
  const { users, events } = await openWithEvents()
  const service = await startService({ users, conflicts: { store: users }, events: { store: events } })
  const { app } = service
  const signIn = async (appid: string, openid: string, unionid: string | null) => {
    const sessionKey = randomBytes(16).toString('base64')
    const signedIn = await users.signIn(appid, { openid, unionid, sessionKey }, Date.now())
    return 'user' in signedIn ? signedIn.user.id : ''
  }
  const keep = await signIn(APPID, 'a', 'of one person')
  const drop = await signIn(OTHER_APPID, 'b', null)
  await signIn(OTHER_APPID, 'b', 'of one person')
  const ask = async (url: string, userId: string, appid: string) => {
    const { token } = await app.weappAuth.issue(userId, { appid })
    return () => app.inject({ url, headers: { authorization: `Bearer ${token}` } })
  }
  const askKept = await ask('/v1/verify', keep, APPID)
  const askDropped = await ask('/v1/verify', drop, OTHER_APPID)
  const showKept = await ask('/v1/session', keep, APPID)
  return { ...service, users, events, keep, drop, askKept, askDropped, showKept }
}

describe('a user who goes in a merge', () => {
  it('a user who goes in a merge is signed out as replaced; the sessions of the other one go on, with the externalId of both', async () => {
    const { app, events, keep, drop, askKept, askDropped } = await startWithConflict()
    await app.weappAuth.setExternalId(drop, 'crm-7')
    expect(await app.weappAuth.mergeUsers({ keep, drop })).toEqual({ merged: true })
    expect((await askDropped()).json()).toMatchObject({ code: 'session_revoked', reason: 'replaced' })
    const { statusCode, headers } = await askKept()
    expect([statusCode, headers['x-auth-external-id']]).toEqual([204, 'crm-7'])
    await app.close()
    const of = async (type: EventType) => await events.list({ type, limit: 10 })
    expect(await of('user_merged')).toMatchObject([{ by: 'host', userId: keep, otherUserId: drop }])
    expect(await of('session_ended')).toMatchObject([{ by: 'host', userId: drop, data: { reason: 'replaced' } }])
  })

  it('a merge that is refused leaves both users and their sessions', async () => {
    const { app, keep, drop, askKept, askDropped } = await startWithConflict()
    for (const userId of [keep, drop]) await app.weappAuth.setExternalId(userId, `crm-${userId}`)
    expect(await app.weappAuth.mergeUsers({ keep, drop })).toEqual({ merged: false, reason: 'external_ids' })
    expect(await app.weappAuth.mergeUsers({ keep, drop: 'nobody' })).toBeNull()
    expect(await app.weappAuth.findUser(drop)).not.toBeNull()
    expect([(await askKept()).statusCode, (await askDropped()).statusCode]).toEqual([204, 204])
  })

  it('what a merge changes about the profile of the user who stays is shown at once', async () => {
    const { app, users, keep, drop, showKept } = await startWithConflict()
    expect((await showKept()).json()).toMatchObject({ user: { profile: { nickname: '' } } })
    const { mergeUsers } = users
    // As a store of the host may do it.
    users.mergeUsers = async (...merge) => {
      await users.updateProfile(keep, { nickname: 'Alice' })
      return mergeUsers(...merge)
    }
    expect(await app.weappAuth.mergeUsers({ keep, drop })).toEqual({ merged: true })
    expect((await showKept()).json()).toMatchObject({ user: { profile: { nickname: 'Alice' } } })
  })

  it('a merge is done also when the user who stays is erased at the same moment', async () => {
    const { app, users, keep, drop } = await startWithConflict()
    const { findUser } = users
    users.findUser = async (userId) => (userId === keep ? null : findUser(userId))
    expect(await app.weappAuth.mergeUsers({ keep, drop })).toEqual({ merged: true })
  })

  it('a user who goes in a merge is not noted as erased: in a backup from before it, the user has what the other one has now', async () => {
    const { app, sessions, keep, drop } = await startWithConflict()
    expect(await app.weappAuth.mergeUsers({ keep, drop })).toEqual({ merged: true })
    expect(await app.weappAuth.findUser(drop)).toBeNull()
    const listErased = () => sessions.restore?.listErased({ skip: 0, limit: 10 })
    expect(await listErased()).toEqual([])
    await app.weappAuth.eraseUser(keep)
    expect(await listErased()).toMatchObject([{ userId: keep }])
  })
})
