import type { Kysely } from 'kysely'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { newAvatarName } from '../../src/avatar/names.ts'
import {
  ApiError,
  type AvatarStore,
  createSessionKeyVault,
  createSqlEventStore,
  createSqlPhoneStore,
  createSqlUserStore,
  generateVaultKey,
  migrateUsers,
  openSqliteUsers,
  type UsersDatabase,
} from '../../src/index.ts'
import { APPID, OTHER_APPID, type ServiceOptions, startService } from '../service.ts'
import { SECRETS, sign, type Writing, writePush } from './written-push.ts'

/** The service with its push, one user who is signed in, and what WeChat sends about that user. */
async function setUp(options: ServiceOptions = {}) {
  const db: Kysely<UsersDatabase> = openSqliteUsers(':memory:')
  onTestFinished(() => db.destroy())
  await migrateUsers(db)
  const vault = createSessionKeyVault({ keys: generateVaultKey() })
  const events = createSqlEventStore({ db })
  const users = createSqlUserStore({ db, vault, events })
  const phones = createSqlPhoneStore({ db, vault, events })
  const lines: string[] = []
  const service = await startService({
    users,
    phones: { store: phones },
    events: { store: events },
    push: { apps: { [APPID]: SECRETS, [OTHER_APPID]: SECRETS }, identities: users },
    server: { logger: { level: 'info', stream: { write: (line: string) => void lines.push(line) } } },
    ...options,
  })
  const { app, world, signIn } = service
  const alice = await signIn()
  const openid = world.openid('alice', APPID)
  const about = (event: string, more: Record<string, unknown> = {}) => ({
    ToUserName: 'gh_0123456789ab',
    FromUserName: 'o-of-the-platform',
    CreateTime: Math.floor(Date.now() / 1000),
    MsgType: 'event',
    Event: event,
    OpenID: openid,
    AppID: APPID,
    ...more,
  })
  const send = (writing: Omit<Writing, 'appid'> & { appid?: string }) =>
    app.inject(writePush({ appid: APPID, ...writing }))
  return {
    ...service,
    db,
    users,
    phones,
    /** The events that WeChat caused, oldest first. Not `session_ended`, which is written in a batch some time later. */
    told: async () =>
      (await events.list({ limit: 100 }))
        .filter(({ by, type }) => by === 'wechat' && type !== 'session_ended')
        .toReversed(),
    alice,
    openid,
    about,
    send,
    lines,
    closed: () => about('user_authorization_cancellation'),
    isSignedIn: async () => (await app.inject({ url: '/v1/verify', headers: alice.headers })).statusCode === 204,
    me: async () => (await app.inject({ url: '/v1/me', headers: alice.headers })).json(),
  }
}

const OF_ALICE = { number: '13800138000', countryCode: '86' }

describe('GET /wechat/push/:appid', () => {
  const ask = (query: Record<string, string>, appid = APPID) => ({ url: `/wechat/push/${appid}`, query })

  it('GET /wechat/push/:appid answers what WeChat sent where the signature is right, as text', async () => {
    const { app } = await setUp()
    const [timestamp, nonce, echostr] = ['1', '2', '<b>3</b>']
    const right = { timestamp, nonce, echostr, signature: sign(SECRETS.token, timestamp, nonce) }
    const answer = await app.inject(ask(right))
    expect([answer.statusCode, answer.body]).toEqual([200, echostr])
    expect(answer.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    })
    for (const wrong of [{ signature: sign('another', timestamp, nonce) }, { nonce: '4' }]) {
      const refused = await app.inject(ask({ ...right, ...wrong }))
      expect([refused.statusCode, refused.json().code]).toEqual([400, 'request_invalid'])
      expect(refused.body).not.toContain('<b>')
    }
    expect((await app.inject(ask({ echostr }))).statusCode).toBe(400)
    expect((await app.inject(ask(right, 'wx-of-nobody'))).json()).toMatchObject({
      code: 'appid_unknown',
      detail: 'no push is set up for this appid here',
    })
    expect((await app.inject(ask(right, 'constructor'))).json().code).toBe('appid_unknown')
  })

  it.each(['GET', 'POST'] as const)(
    'a %s of /wechat/push/:appid whose query says a parameter twice is refused',
    async (method) => {
      const { app } = await setUp()
      const [timestamp, nonce] = ['1', '2']
      const signature = sign(SECRETS.token, timestamp, nonce)
      const query = { timestamp, nonce, signature: [signature, signature] }
      const answer = await app.inject({ method, url: `/wechat/push/${APPID}`, query, payload: '{}' })
      expect([answer.statusCode, answer.json().code]).toEqual([400, 'request_invalid'])
    },
  )

  it('GET /wechat/push/:appid does not exist without the option push', async () => {
    const { app } = await startService()
    expect((await app.inject(ask({}))).statusCode).toBe(404)
  })
})

describe('a closed account', () => {
  it.each(['json', 'xml'] as const)(
    'the user of a closed account is erased, and the sessions end: %s',
    async (format) => {
      const { send, closed, isSignedIn, users, alice, signIn, app } = await setUp()
      const answer = await send({ fields: closed(), format })
      expect([answer.statusCode, answer.body]).toEqual([200, 'success'])
      const after = await app.inject({ url: '/v1/verify', headers: alice.headers })
      expect(after.json()).toMatchObject({ code: 'session_revoked', reason: 'erased' })
      expect(await isSignedIn()).toBe(false)
      expect(await users.findUser(alice.userId)).toBeNull()
      expect((await signIn()).userId).not.toBe(alice.userId)
    },
  )

  it('a user with an externalId whose account is closed loses identity and sessions, and stays', async () => {
    const { send, closed, app, users, alice, openid, db } = await setUp()
    await app.weappAuth.setExternalId(alice.userId, 'crm-7')
    const elsewhere = await app.weappAuth.issue(alice.userId, { appid: OTHER_APPID })
    expect((await send({ fields: closed() })).statusCode).toBe(200)
    expect(await users.findUser(alice.userId)).toMatchObject({ externalId: 'crm-7' })
    expect(await users.findUserIdEvenIfErasing(APPID, openid)).toBeNull()
    expect(await db.selectFrom('weapp_auth_identities').selectAll().execute()).toEqual([])
    const gone = await app.inject({ url: '/v1/verify', headers: alice.headers })
    expect(gone.json()).toMatchObject({ reason: 'erased' })
    const headers = { authorization: `Bearer ${elsewhere.token}` }
    expect((await app.inject({ url: '/v1/verify', headers })).statusCode).toBe(204)
  })

  it('a user who closes two accounts loses one identity, then the other, and then is erased', async () => {
    const { send, about, users, alice, openid, db } = await setUp()
    const other = { openid: 'o-other', unionid: 'u-1', sessionKey: 'a'.repeat(22) }
    await users.linkIdentity(alice.userId, OTHER_APPID, other, 1)
    await send({ fields: about('user_authorization_cancellation') })
    expect(await users.findUserIdEvenIfErasing(APPID, openid)).toBeNull()
    expect(await users.findUserIdEvenIfErasing(OTHER_APPID, 'o-other')).toBe(alice.userId)
    const fields = about('user_authorization_cancellation', { OpenID: 'o-other', AppID: OTHER_APPID })
    await send({ appid: OTHER_APPID, fields })
    expect(await users.findUser(alice.userId)).toBeNull()
    expect(await db.selectFrom('weapp_auth_unionids').selectAll().execute()).toEqual([])
  })

  it('accounts that are closed in two mini-programs at the same time leave no user without an identity', async () => {
    const { send, about, users, alice, db } = await setUp()
    await users.linkIdentity(alice.userId, OTHER_APPID, { openid: 'o-other', unionid: null, sessionKey: 'a' }, 1)
    const fields = about('user_authorization_cancellation', { OpenID: 'o-other', AppID: OTHER_APPID })
    // Both have seen that the user has another identity before either of them goes.
    const { unlinkIdentity } = users
    const { promise: bothAreHere, resolve: go } = Promise.withResolvers<void>()
    let here = 0
    vi.spyOn(users, 'unlinkIdentity').mockImplementation(async (...args) => {
      if (++here === 2) go()
      await bothAreHere
      return unlinkIdentity(...args)
    })
    const answers = await Promise.all([
      send({ fields: about('user_authorization_cancellation') }),
      send({ appid: OTHER_APPID, fields }),
    ])
    expect(answers.map(({ body }) => body)).toEqual(['success', 'success'])
    expect(await db.selectFrom('weapp_auth_users').selectAll().execute()).toEqual([])
  })

  it('the message about a closed account of somebody who is not known here is taken', async () => {
    const { send, about, isSignedIn } = await setUp()
    const fields = about('user_authorization_cancellation', { OpenID: 'o-of-nobody' })
    expect((await send({ fields })).body).toBe('success')
    expect(await isSignedIn()).toBe(true)
  })

  it('a message about a closed account that names nobody is taken, and deletes nothing', async () => {
    const { send, about, isSignedIn } = await setUp()
    const { OpenID: _OpenID, ...fields } = about('user_authorization_cancellation')
    expect((await send({ fields })).body).toBe('success')
    expect(await isSignedIn()).toBe(true)
  })

  it('an account that is closed during a sign-in leaves no session', async () => {
    let isHeld = Promise.resolve()
    const onSignIn = vi.fn(() => isHeld)
    const { send, closed, app, signIn, alice } = await setUp({ onSignIn })
    await app.weappAuth.setExternalId(alice.userId, 'crm-7')
    let release = () => {}
    isHeld = new Promise((resolve) => {
      release = resolve
    })
    const late = signIn()
    await vi.waitFor(() => expect(onSignIn).toHaveBeenCalledTimes(2))
    await send({ fields: closed() })
    release()
    // Whoever signs in now is not the one who closed the account.
    const { userId, headers } = await late
    expect(userId).not.toBe(alice.userId)
    expect((await app.inject({ url: '/v1/verify', headers })).statusCode).toBe(204)
    expect(await app.weappAuth.list(alice.userId)).toEqual([])
  })
})

describe('the events of a push', () => {
  it('the events of a push name WeChat, and the user while there is one', async () => {
    const { send, about, closed, app, alice, users, told, openid } = await setUp()
    const { userId } = alice
    await users.updateProfile(userId, { nickname: 'Alice' })
    await app.weappAuth.setExternalId(userId, 'crm-7')
    await send({ fields: about('user_info_modified') })
    await send({ fields: about('user_authorization_revoke', { RevokeInfo: '6' }) })
    await send({ fields: closed() })
    await send({ fields: closed(), plain: true })
    const data = (event: string, isProven = true) => ({ appid: APPID, event, isProven })
    expect(await told()).toMatchObject([
      { type: 'wechat_pushed', userId: null, data: data('user_info_modified') },
      { type: 'profile_changed', userId },
      { type: 'wechat_pushed', userId, data: data('user_authorization_revoke') },
      { type: 'identity_unlinked', userId, data: { appid: APPID } },
      { type: 'wechat_pushed', userId, data: data('user_authorization_cancellation') },
      { type: 'wechat_pushed', userId: null, data: data('user_authorization_cancellation', false) },
    ])
    expect(JSON.stringify(await told())).not.toContain(openid)
  })

  it('of the events of a push, only the one of the erasure holds the id of an erased user', async () => {
    const { send, closed, told } = await setUp()
    const fields = closed()
    await send({ fields })
    await send({ fields })
    expect(await told()).toMatchObject([{ type: 'user_erased' }, { type: 'wechat_pushed', userId: null }])
  })

  it('the name of an event is written down as far as it can be one: 64 characters, and no half of one', async () => {
    const { send, about, told } = await setUp()
    await send({ fields: about(`${'x'.repeat(63)}\u{1f375}`) })
    expect(await told()).toMatchObject([{ data: { event: `${'x'.repeat(63)}\ufffd` } }])
  })

  it('WeChat sends a message again whose event could not be written', async () => {
    const { send, closed, told, db } = await setUp()
    const fields = closed()
    await db.schema.alterTable('weapp_auth_events').renameTo('away').execute()
    expect((await send({ fields })).statusCode).toBe(503)
    await db.schema.alterTable('away').renameTo('weapp_auth_events').execute()
    expect((await send({ fields })).body).toBe('success')
    expect((await told()).map(({ type }) => type)).toEqual(['user_erased', 'wechat_pushed'])
  })
})

describe('withdrawn consent', () => {
  const PROFILE = { nickname: 'Alice', avatarUrl: 'https://example.com/a.png', city: 'Shenzhen' }

  it.each([
    ['8', { ...PROFILE }, false],
    ['6', { ...PROFILE, nickname: '', avatarUrl: '' }, true],
    ['19', { ...PROFILE, nickname: '' }, true],
    ['20', { ...PROFILE, avatarUrl: '' }, true],
    ['8,19', { ...PROFILE, nickname: '' }, false],
    ['5', PROFILE, true],
    ['18', PROFILE, true],
    ['', PROFILE, true],
  ])('withdrawn consent to %s deletes what is named and nothing else', async (RevokeInfo, profile, hasPhone) => {
    const { send, about, app, users, phones, alice, me, isSignedIn } = await setUp()
    await users.updateProfile(alice.userId, PROFILE)
    await phones.prove(alice.userId, OF_ALICE, 1)
    const session = () => app.inject({ url: '/v1/session', headers: alice.headers })
    expect((await session()).json().user.profile).toMatchObject(PROFILE)
    expect((await send({ fields: about('user_authorization_revoke', { RevokeInfo }) })).body).toBe('success')
    const now = await me()
    expect(now.user.profile).toMatchObject(profile)
    expect('phoneMasked' in now).toBe(hasPhone)
    // Not from what was remembered before.
    expect((await session()).json().user.profile).toMatchObject(profile)
    expect(await isSignedIn()).toBe(true)
  })

  it('withdrawn consent to the avatar removes the picture itself, where the service keeps it', async () => {
    const kept = new Set<string>()
    const store: AvatarStore = {
      put: async (name) => void kept.add(name),
      find: async () => null,
      remove: async (name) => void kept.delete(name),
      list: async () => [],
    }
    const { send, about, users, alice } = await setUp({ avatars: { store } })
    const name = newAvatarName(alice.userId)
    await store.put(name, Buffer.from('x'))
    await users.updateProfile(alice.userId, { avatarUrl: `https://example.com/avatars/${name}` })
    const withdraw = (RevokeInfo: string) => send({ fields: about('user_authorization_revoke', { RevokeInfo }) })
    expect((await withdraw('8,19')).body).toBe('success')
    expect([...kept]).toEqual([name])
    expect((await withdraw('20')).body).toBe('success')
    await expect.poll(() => [...kept]).toEqual([])
  })

  it('withdrawn consent may come as a number, and to a service that keeps neither phone numbers nor events', async () => {
    const { send, about, users, alice } = await setUp({ phones: undefined as never, events: undefined as never })
    await users.updateProfile(alice.userId, PROFILE)
    expect((await send({ fields: about('user_authorization_revoke', { RevokeInfo: 6 }) })).body).toBe('success')
    expect((await send({ fields: about('user_authorization_revoke', { RevokeInfo: 8 }) })).body).toBe('success')
    expect((await users.findUser(alice.userId))?.profile.nickname).toBe('')
  })
})

describe('a message that deletes nothing', () => {
  const minutes = 60_000

  it.each<[string, Partial<Writing>, string]>([
    ['signed with another token', { token: 'AnotherToken' }, 'the msg_signature is not one of this token and body'],
    ['with another body than the signed one', { swap: 'AAAA' }, 'the msg_signature is not one of this token and body'],
    ['encrypted with another key', { aesKey: 'B'.repeat(43) }, 'the message '],
    ['for another mini-program inside', { inside: OTHER_APPID }, 'the message is for another mini-program'],
    ['for a mini-program whose appid begins alike', { inside: `${APPID}0` }, 'the message is for another mini-program'],
    ['six minutes old', { ageMs: 6 * minutes }, 'the timestamp is more than five minutes away'],
    ['six minutes ahead', { ageMs: -6 * minutes }, 'the timestamp is more than five minutes away'],
    ['without a time', { ageMs: Number.NaN }, 'the timestamp is more than five minutes away'],
    ['that is neither JSON nor XML inside', { text: 'success' }, 'the message is neither JSON nor XML'],
  ])('a message %s is refused', async (_name, writing, detail) => {
    const { send, closed, isSignedIn } = await setUp()
    const answer = await send({ fields: closed(), ...writing })
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'request_invalid'])
    expect(answer.json().detail).toContain(detail)
    expect(await isSignedIn()).toBe(true)
  })

  it('a message whose own field names another mini-program is refused', async () => {
    const { send, about, isSignedIn } = await setUp()
    const answer = await send({ fields: about('user_authorization_cancellation', { AppID: OTHER_APPID }) })
    expect(answer.statusCode).toBe(400)
    expect(await isSignedIn()).toBe(true)
  })

  it.each([
    ['no body', undefined],
    ['an empty body', ''],
    ['no message', '{}'],
    ['a broken body', '{"Encrypt":'],
    ['an XML entity bomb', '<!DOCTYPE x [<!ENTITY a "1">]><xml><Encrypt>&a;</Encrypt></xml>'],
  ])('a request with %s is refused', async (_name, payload) => {
    const { app, closed, isSignedIn } = await setUp()
    const answer = await app.inject({ ...writePush({ appid: APPID, fields: closed() }), payload })
    expect(answer.statusCode).toBe(400)
    expect(await isSignedIn()).toBe(true)
  })

  it('a request that has neither a body nor a content type is refused', async () => {
    const { app, closed } = await setUp()
    const { method, url, query } = writePush({ appid: APPID, fields: closed() })
    const answer = await app.inject({ method, url, query })
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'request_invalid'])
  })

  it('a message of more than 64 kB is refused', async () => {
    const { send, about } = await setUp()
    expect((await send({ fields: about('x', { Content: 'x'.repeat(70_000) }) })).statusCode).toBe(413)
  })

  it.each(['json', 'xml'] as const)(
    'a message in plain mode is taken, deletes nothing and is warned of once: %s',
    async (format) => {
      const { send, closed, isSignedIn, lines } = await setUp()
      const fields = closed()
      for (const more of [{}, { Content: 'another' }]) {
        expect((await send({ fields: { ...fields, ...more }, format, plain: true })).body).toBe('success')
      }
      expect(await isSignedIn()).toBe(true)
      const warnings = lines.filter((line) => line.includes('plain mode'))
      expect(warnings.map((line) => JSON.parse(line))).toMatchObject([{ appid: APPID }])
      expect((await send({ fields, format, plain: true, token: 'AnotherToken' })).statusCode).toBe(400)
      // It does not count as the proven one.
      expect((await send({ fields, format })).body).toBe('success')
      expect(await isSignedIn()).toBe(false)
    },
  )

  it.each(['user_info_modified', 'wxa_punish_event', 'subscribe_msg_popup_event'])(
    'the message %s is taken, and deletes nothing',
    async (event) => {
      const { send, about, isSignedIn } = await setUp()
      expect((await send({ fields: about(event) })).body).toBe('success')
      expect(await isSignedIn()).toBe(true)
    },
  )
})

describe('the same message', () => {
  it('the same message is handled once, also when it was encrypted anew', async () => {
    const { send, app, closed, signIn, users, lines } = await setUp()
    const fields = closed()
    const request = writePush({ appid: APPID, fields })
    expect((await app.inject(request)).body).toBe('success')
    const { userId } = await signIn()
    expect((await app.inject(request)).body).toBe('success')
    expect((await send({ fields })).body).toBe('success')
    expect(await users.findUser(userId)).not.toBeNull()
    const skipped = lines.filter((line) => line.includes('was handled before'))
    expect(skipped.map((line) => JSON.parse(line))).toMatchObject([{ appid: APPID }, { appid: APPID }])
    // The user closed the account again.
    expect((await send({ fields: { ...fields, CreateTime: 1 } })).body).toBe('success')
    expect(await users.findUser(userId)).toBeNull()
  })

  it('the same message is refused while another request handles it, so that WeChat sends it again', async () => {
    const { send, closed, users, alice } = await setUp()
    const { eraseUser } = users
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const erasing = vi.spyOn(users, 'eraseUser').mockImplementation(async (userId) => {
      await held
      return eraseUser(userId)
    })
    const fields = closed()
    const first = send({ fields })
    await vi.waitFor(() => expect(erasing).toHaveBeenCalled())
    const second = await send({ fields })
    expect([second.statusCode, second.json().code]).toEqual([503, 'store_unavailable'])
    release()
    expect((await first).body).toBe('success')
    expect(await users.findUser(alice.userId)).toBeNull()
    expect(erasing).toHaveBeenCalledTimes(1)
  })
})

describe('a store that is away', () => {
  const away = () => Promise.reject(new ApiError('store_unavailable', 'away'))

  /** Each call of a store on the way, one after the other, fails once. */
  it('a store that is away at any step makes the push fail, and the next attempt completes the erasure', async () => {
    const { send, closed, users, sessions, alice, lines } = await setUp()
    const steps = [
      [sessions, 'claimMessage'],
      [users, 'findUserIdEvenIfErasing'],
      [users, 'beginErasureOfLast'],
      [sessions, 'block'],
      [sessions, 'revokeAll'],
      [users, 'eraseUser'],
      [sessions, 'settleMessage'],
    ] as const
    const fields = closed()
    for (const [store, method] of steps) {
      const spy = vi
        .spyOn(store as unknown as Record<string, () => Promise<never>>, method)
        .mockImplementationOnce(away)
      const answer = await send({ fields })
      expect([method, answer.statusCode, answer.json().code]).toEqual([method, 503, 'store_unavailable'])
      spy.mockRestore()
    }
    expect((await send({ fields })).body).toBe('success')
    expect(await users.findUser(alice.userId)).toBeNull()
    expect(await users.findErasing(1)).toEqual([])
    expect(lines.join('')).not.toContain('OpenID')
  })

  it('after a store was away at any step, the next attempt takes away an identity and its sessions', async () => {
    const { send, closed, app, users, sessions, alice, openid, isSignedIn } = await setUp()
    await app.weappAuth.setExternalId(alice.userId, 'crm-7')
    const steps = [
      [sessions, 'list'],
      [sessions, 'revoke'],
      [users, 'unlinkIdentity'],
      [sessions, 'settleMessage'],
    ] as const
    const fields = closed()
    for (const [store, method] of steps) {
      const spy = vi
        .spyOn(store as unknown as Record<string, () => Promise<never>>, method)
        .mockImplementationOnce(away)
      expect([method, (await send({ fields })).statusCode]).toEqual([method, 503])
      spy.mockRestore()
    }
    expect((await send({ fields })).body).toBe('success')
    expect(await users.findUserIdEvenIfErasing(APPID, openid)).toBeNull()
    expect(await isSignedIn()).toBe(false)
  })

  it('a push is answered before WeChat gives up, although a store hangs', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const { send, about, closed, users } = await setUp()
    const hanging = vi.spyOn(users, 'findUserIdEvenIfErasing').mockImplementation(() => new Promise(() => {}))
    const answer = send({ fields: closed() })
    await vi.waitFor(() => expect(hanging).toHaveBeenCalled())
    await vi.advanceTimersByTimeAsync(4_000)
    const { statusCode, headers } = await answer
    expect([statusCode, headers['retry-after']]).toEqual([503, '5'])
    hanging.mockRestore()
    const timers = vi.getTimerCount()
    expect((await send({ fields: about('x') })).body).toBe('success')
    expect(vi.getTimerCount()).toBe(timers)
  })
})

it('nothing of a push is in the log but its event and our id of the user', async () => {
  const { send, closed, openid, lines, alice } = await setUp()
  await send({ fields: closed() })
  await send({ fields: closed(), token: 'AnotherToken' })
  const log = lines.filter((line) => line.includes('push of WeChat'))
  expect(log.join('')).toContain(alice.userId)
  for (const secret of [openid, SECRETS.token, SECRETS.aesKey]) expect(log.join('')).not.toContain(secret)
})

it('WeChat itself, over HTTP: the address is verified, and a closed account is erased', async () => {
  const { app, world, users, alice, openid } = await setUp()
  const url = `${await app.listen({ host: '127.0.0.1', port: 0 })}/wechat/push/${APPID}`
  world.pushes.setTarget(APPID, { ...SECRETS, url })
  expect(await world.pushes.verify(APPID)).toBe(true)
  const taken = { taken: true, attempts: 1, statusCode: 200 }
  await users.updateProfile(alice.userId, { nickname: 'Alice' })
  const revokeInfo = { revokeInfo: '6' }
  expect(await world.pushes.accountEvent('alice', APPID, 'user_authorization_revoke', revokeInfo)).toEqual(taken)
  expect((await users.findUser(alice.userId))?.profile.nickname).toBe('')
  world.pushes.setTarget(APPID, { ...SECRETS, url, format: 'xml' })
  expect(await world.pushes.accountEvent('alice', APPID, 'user_authorization_cancellation')).toEqual(taken)
  expect(await users.findUserIdEvenIfErasing(APPID, openid)).toBeNull()
  world.pushes.setTarget(APPID, { ...SECRETS, url, token: 'AnotherToken' })
  expect(await world.pushes.verify(APPID)).toBe(false)
  const refused = { taken: false, attempts: 3, statusCode: 400 }
  expect(await world.pushes.accountEvent('alice', APPID, 'user_authorization_cancellation')).toEqual(refused)
})

describe('the option push', () => {
  it.each([
    [{ 'wx-of-nobody': SECRETS }, 'wx-of-nobody is not one of the option apps'],
    [{ [APPID]: { ...SECRETS, token: 'a' } }, 'the token of wx0123456789abcdef must be 3 to 32 letters and digits'],
    [{ [APPID]: { ...SECRETS, aesKey: 'short' } }, 'must be the EncodingAESKey, 43 letters and digits'],
  ])('the option push with %j ends the start', async (apps, message) => {
    await expect(setUp({ push: { apps, identities: {} as never } })).rejects.toThrow(message)
  })
})
