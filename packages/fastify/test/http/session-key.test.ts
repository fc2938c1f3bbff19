import { describe, expect, it } from 'vitest'
import { ApiError } from '../../src/index.ts'
import { APPID, OTHER_APPID, startService } from '../service.ts'

const CHECK = { method: 'POST', url: '/v1/session-key/check' } as const

describe('POST /v1/session-key/check', () => {
  it('POST /v1/session-key/check tells whether the session_key on the server is still the current one of WeChat', async () => {
    const { app, world, signIn } = await startService()
    const { headers } = await signIn()
    const check = () => app.inject({ ...CHECK, headers })
    const alive = await check()
    expect([alive.statusCode, alive.json(), alive.headers['cache-control']]).toEqual([200, { valid: true }, 'no-store'])
    world.expireSessionKey('alice', APPID)
    expect((await check()).json()).toEqual({ valid: false })
    await signIn()
    expect((await check()).json()).toEqual({ valid: true })
  })

  it('POST /v1/session-key/check does not ask WeChat about a user without a session_key', async () => {
    const { app, world } = await startService()
    const { id } = await app.weappAuth.createUser()
    const { token } = await app.weappAuth.issue(id, { appid: OTHER_APPID })
    const answer = await app.inject({ ...CHECK, headers: { authorization: `Bearer ${token}` } })
    expect(answer.json()).toEqual({ valid: false })
    expect(world.ledger.count('stable_token')).toBe(0)
  })

  it('a session_key that the key ring cannot open any more is not valid, and is not reset', async () => {
    const { app, world, users, signIn } = await startService()
    const { headers, userId } = await signIn()
    users.findKeys = async () => ({ openid: world.openid('alice', APPID), sessionKeys: [] })
    expect((await app.inject({ ...CHECK, headers })).json()).toEqual({ valid: false })
    expect(await app.weappAuth.resetSessionKey(userId, APPID)).toBe(false)
    expect(world.ledger.count('stable_token')).toBe(0)
  })

  it('a failure of WeChat to check a session_key is answered as such, and never as an invalid session_key', async () => {
    const { app, world, signIn } = await startService()
    const { headers } = await signIn()
    for (const [fault, status, code] of [
      [{ errcode: -1 }, 503, 'wechat_busy'],
      [{ errcode: 40164 }, 500, 'wechat_misconfigured'],
      [{ body: '<html>' }, 502, 'wechat_bad_response'],
    ] as const) {
      world.faults.set('stable_token', fault)
      expect((await app.inject({ ...CHECK, headers })).json()).toMatchObject({ status, code })
    }
  })

  it('POST /v1/session-key/check needs a session', async () => {
    const { app } = await startService()
    expect((await app.inject(CHECK)).json()).toMatchObject({ code: 'session_missing' })
  })
})

describe('app.weappAuth.resetSessionKey', () => {
  it('resetSessionKey lets WeChat replace the session_key; data encrypted with the old or the new one still opens', async () => {
    const { app, world, signIn } = await startService()
    const { headers, userId } = await signIn()
    const before = world.encrypt('alice', APPID, { n: 1 })
    expect(await app.weappAuth.resetSessionKey(userId, APPID)).toBe(true)
    const after = world.encrypt('alice', APPID, { n: 2 })
    for (const [payload, data] of [
      [before, { n: 1 }],
      [after, { n: 2 }],
    ] as const) {
      const answer = await app.inject({ method: 'POST', url: '/v1/open-data/decrypt', headers, payload })
      expect(answer.json()).toEqual({ data })
    }
    expect((await app.inject({ ...CHECK, headers })).json()).toEqual({ valid: true })
  })

  it('resetSessionKey answers false when WeChat no longer knows the session_key', async () => {
    const { app, world, signIn } = await startService()
    const { userId } = await signIn()
    expect(await app.weappAuth.resetSessionKey(userId, 'wx-other')).toBe(false)
    world.expireSessionKey('alice', APPID)
    expect(await app.weappAuth.resetSessionKey(userId, APPID)).toBe(false)
  })
})

describe('app.weappAuth.linkIdentity', () => {
  it('linkIdentity refuses the codes that a sign-in refuses, without asking WeChat', async () => {
    const { app, world, signIn } = await startService()
    const { userId } = await signIn()
    const exchanges = world.ledger.count('jscode2session')
    for (const code of ['', 'a b', 'x&appid=y', '码', 'x'.repeat(257)]) {
      await expect(app.weappAuth.linkIdentity(userId, APPID, code)).rejects.toMatchObject({ code: 'request_invalid' })
      const signedIn = await app.inject({ method: 'POST', url: '/v1/sessions', payload: { appid: APPID, code } })
      expect(signedIn.json()).toMatchObject({ code: 'request_invalid' })
    }
    expect(world.ledger.count('jscode2session')).toBe(exchanges)
  })

  it('linkIdentity links the WeChat identity behind a code to a user of the host application', async () => {
    const { app, world, signIn } = await startService()
    const { id } = await app.weappAuth.createUser()
    const { code } = world.login('alice', APPID)
    const identity = { openid: world.openid('alice', APPID), unionid: null }
    expect(await app.weappAuth.linkIdentity(id, APPID, code)).toEqual({ linked: true, identity })
    expect(await app.weappAuth.findIdentity(id, APPID)).toEqual(identity)
    expect((await signIn('alice')).userId).toBe(id)
  })

  it('linkIdentity leaves an identity with the user who has it, and sends a code once', async () => {
    const { app, world, signIn } = await startService()
    const alice = await signIn('alice')
    const { id } = await app.weappAuth.createUser()
    const { code } = world.login('alice', APPID)
    const taken = { linked: false, reason: 'taken', userId: alice.userId }
    expect(await app.weappAuth.linkIdentity(id, APPID, code)).toEqual(taken)
    await expect(app.weappAuth.linkIdentity(id, APPID, code)).rejects.toMatchObject({ code: 'code_used' })
    expect(world.ledger.count('jscode2session', { code: 'c2' })).toBe(1)
  })

  it('linkIdentity spends no code for an unknown user or mini-program', async () => {
    const { app, world } = await startService()
    const { id } = await app.weappAuth.createUser()
    const { code } = world.login('alice', APPID)
    await expect(app.weappAuth.linkIdentity('nobody', APPID, code)).rejects.toThrow(RangeError)
    await expect(app.weappAuth.linkIdentity(id, 'wx-other', code)).rejects.toMatchObject({ code: 'appid_unknown' })
    expect(world.ledger.count('jscode2session')).toBe(0)
  })

  it('linkIdentity says that there is no such user also where the user goes while WeChat is asked', async () => {
    const { app, world, users } = await startService()
    const { id } = await app.weappAuth.createUser()
    users.linkIdentity = async () => null
    const { code } = world.login('alice', APPID)
    await expect(app.weappAuth.linkIdentity(id, APPID, code)).rejects.toThrow('there is no such user')
  })

  it('linkIdentity spends no code while the user store takes no writes', async () => {
    const { app, world, users } = await startService()
    const { id } = await app.weappAuth.createUser()
    users.ping = () => Promise.reject(new ApiError('store_unavailable', 'read-only'))
    const { code } = world.login('alice', APPID)
    await expect(app.weappAuth.linkIdentity(id, APPID, code)).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(world.ledger.count('jscode2session')).toBe(0)
  })
})
