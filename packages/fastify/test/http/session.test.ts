import { describe, expect, it } from 'vitest'
import { APPID, startService } from '../service.ts'

describe('GET /v1/session', () => {
  it('GET /v1/session shows the session, its user and how long it lasts unless it is used', async () => {
    const { app, signIn, advance } = await startService()
    const { headers, userId, sessionId } = await signIn()
    advance(100_000)
    const answer = await app.inject({ url: '/v1/session', headers })
    expect(answer.json()).toEqual({
      session: { id: sessionId, createdAt: expect.stringMatching(/Z$/) },
      user: { id: userId, profile: expect.objectContaining({ nickname: '' }) },
      expiresIn: expect.any(Number),
    })
    expect(answer.json().expiresIn).toBeGreaterThanOrEqual(7_098)
    expect(answer.json().expiresIn).toBeLessThanOrEqual(7_100)
    advance(700_000)
    expect((await app.inject({ url: '/v1/session', headers })).json().expiresIn).toBeGreaterThanOrEqual(7_199)
  })

  it('GET /v1/session answers session_invalid once the idle lifetime has passed', async () => {
    const { app, signIn, advance } = await startService({ sessionIdleSeconds: 60 })
    const { headers } = await signIn()
    advance(60_000)
    expect((await app.inject({ url: '/v1/session', headers })).json()).toMatchObject({ code: 'session_invalid' })
  })
})

describe('DELETE /v1/session', () => {
  it('DELETE /v1/session ends the session, and a second request succeeds too', async () => {
    const { app, signIn, advance } = await startService()
    const { headers } = await signIn()
    const signOut = () => app.inject({ method: 'DELETE', url: '/v1/session', headers })
    expect([(await signOut()).statusCode, (await signOut()).statusCode]).toEqual([204, 204])
    const gone = await app.inject({ url: '/v1/me', headers })
    expect(gone.json()).toMatchObject({ status: 401, code: 'session_revoked', reason: 'signed_out' })
    advance(7_200_000)
    expect((await signOut()).statusCode).toBe(204)
  })

  it('DELETE /v1/session takes the empty JSON body that wx.request announces', async () => {
    const { app, signIn } = await startService()
    const { headers } = await signIn()
    for (const payload of ['', '{}']) {
      const type = { 'content-type': 'application/json', 'content-length': `${payload.length}` }
      const answer = await app.inject({
        method: 'DELETE',
        url: '/v1/session',
        headers: { ...headers, ...type },
        payload,
      })
      expect(answer.statusCode).toBe(204)
    }
  })

  it('DELETE /v1/session refuses a missing and a malformed token only', async () => {
    const { app } = await startService()
    const signOut = (authorization?: string) =>
      app.inject({ method: 'DELETE', url: '/v1/session', headers: authorization ? { authorization } : {} })
    expect((await signOut()).json()).toMatchObject({ status: 401, code: 'session_missing' })
    const detail = 'the bearer token is not one of this service: it looks like wxs1.<3>.<43 characters>'
    expect((await signOut('Bearer x')).json()).toMatchObject({ status: 401, code: 'session_malformed', detail })
    expect((await signOut(`Bearer wxs1.abc.${'a'.repeat(43)}`)).statusCode).toBe(204)
  })

  it('DELETE /v1/session answers 503, not success, when the store is down', async () => {
    const { app, signIn, sessions } = await startService()
    const { headers } = await signIn()
    await sessions.close()
    const answer = await app.inject({ method: 'DELETE', url: '/v1/session', headers })
    expect(answer.json()).toMatchObject({ status: 503, code: 'store_unavailable' })
  })
})

describe('GET /v1/sessions', () => {
  it('GET /v1/sessions lists the devices of the caller: which, since when, last seen, and which one asks', async () => {
    const { app, world, signIn, advance } = await startService()
    const device = { platform: 'ios', model: 'x'.repeat(65), unknown: 'no' }
    const { code } = world.login('alice', APPID)
    await app.inject({ method: 'POST', url: '/v1/sessions', payload: { appid: APPID, code, device } })
    advance(1_000)
    const here = await signIn()
    await signIn('bob')
    advance(800_000)
    const answer = await app.inject({ url: '/v1/sessions', headers: here.headers })
    const at = expect.stringMatching(/^\d{4}-.*Z$/)
    expect(answer.json()).toEqual({
      sessions: [
        {
          id: expect.any(String),
          createdAt: at,
          lastSeenAt: at,
          current: false,
          device: { platform: 'ios', model: 'x'.repeat(64) },
        },
        { id: here.sessionId, createdAt: at, lastSeenAt: at, current: true },
      ],
    })
    const [there, current] = answer.json().sessions
    expect(there.lastSeenAt).toBe(there.createdAt)
    expect(Date.parse(current.lastSeenAt) - Date.parse(current.createdAt)).toBeGreaterThanOrEqual(800_000)
    expect(answer.body).not.toContain(here.token)
  })
})

it('GET /v1/sessions sends nothing of a device that the wire contract does not name', async () => {
  const { app, signIn, sessions } = await startService()
  const { headers } = await signIn()
  const { list } = sessions
  sessions.list = async (...args) =>
    (await list(...args)).map((record) => ({ ...record, device: { platform: 'ios', address: '192.0.2.1' } }))
  const [listed] = (await app.inject({ url: '/v1/sessions', headers })).json().sessions
  expect(listed.device).toEqual({ platform: 'ios' })
})

describe('DELETE /v1/sessions/:id', () => {
  it('DELETE /v1/sessions/:id ends another session of the caller with the reason signed_out_elsewhere', async () => {
    const { app, signIn } = await startService()
    const [here, there] = [await signIn(), await signIn()]
    const end = () => app.inject({ method: 'DELETE', url: `/v1/sessions/${there.sessionId}`, headers: here.headers })
    expect((await end()).statusCode).toBe(204)
    const gone = await app.inject({ url: '/v1/me', headers: there.headers })
    expect(gone.json()).toMatchObject({ code: 'session_revoked', reason: 'signed_out_elsewhere' })
    expect((await end()).json()).toMatchObject({ status: 404, code: 'not_found' })
  })

  it('DELETE /v1/sessions/:id with the id of the session that asks is an ordinary sign-out', async () => {
    const { app, signIn } = await startService()
    const { headers, sessionId } = await signIn()
    expect((await app.inject({ method: 'DELETE', url: `/v1/sessions/${sessionId}`, headers })).statusCode).toBe(204)
    expect((await app.inject({ url: '/v1/me', headers })).json()).toMatchObject({ reason: 'signed_out' })
  })

  it('DELETE /v1/sessions/:id answers 404 for a session of another user, and for a text that is no id', async () => {
    const { app, signIn } = await startService()
    const [{ headers }, bob] = [await signIn(), await signIn('bob')]
    for (const id of [bob.sessionId, 'x', '%2f', '%7Ba%7D']) {
      const answer = await app.inject({ method: 'DELETE', url: `/v1/sessions/${id}`, headers })
      expect(answer.json()).toMatchObject({
        status: 404,
        code: 'not_found',
        detail: 'you have no session of this id',
      })
    }
    expect((await app.inject({ url: '/v1/me', headers: bob.headers })).statusCode).toBe(200)
  })
})

describe('POST /v1/sessions with an old token', () => {
  it('a sign-in with an old token ends the session of that token, also when another user signs in now', async () => {
    const { app, world, signIn } = await startService()
    for (const user of ['alice', 'bob']) {
      const old = await signIn('alice')
      const { code } = world.login(user, APPID)
      const payload = { appid: APPID, code }
      const answer = await app.inject({ method: 'POST', url: '/v1/sessions', payload, headers: old.headers })
      expect(answer.statusCode).toBe(201)
      const gone = await app.inject({ url: '/v1/me', headers: old.headers })
      expect(gone.json()).toMatchObject({ code: 'session_revoked', reason: 'replaced' })
    }
  })

  it.each(['Bearer', 'Bearer x', `Bearer wxs1.abc.${'a'.repeat(43)}`, 'Basic x', ''])(
    'that is %j is ignored, and the sign-in succeeds',
    async (authorization) => {
      const { app, world } = await startService()
      const { code } = world.login('alice', APPID)
      const payload = { appid: APPID, code }
      const answer = await app.inject({ method: 'POST', url: '/v1/sessions', payload, headers: { authorization } })
      expect(answer.statusCode).toBe(201)
    },
  )

  it('a sign-in with an old token succeeds when the old session cannot be ended', async () => {
    const { app, world, signIn, sessions } = await startService()
    const old = await signIn('alice')
    sessions.find = () => Promise.reject(new Error('down'))
    const { code } = world.login('bob', APPID)
    const payload = { appid: APPID, code }
    const answer = await app.inject({ method: 'POST', url: '/v1/sessions', payload, headers: old.headers })
    expect(answer.statusCode).toBe(201)
  })
})

describe('the session limit', () => {
  it('the session limit is 20 by default, and 0 means no limit', async () => {
    for (const [options, left] of [
      [{}, 20],
      [{ sessionLimit: 2 }, 2],
      [{ sessionLimit: 0 }, 22],
    ] as const) {
      const { app, signIn } = await startService(options)
      const first = await signIn()
      for (let i = 0; i < 20; i++) await signIn()
      const { userId, headers } = await signIn('alice')
      expect(await app.weappAuth.list(userId)).toHaveLength(left)
      expect((await app.inject({ url: '/v1/me', headers })).statusCode).toBe(200)
      const oldest = await app.inject({ url: '/v1/me', headers: first.headers })
      expect(oldest.json().reason).toBe(left === 22 ? undefined : 'limit')
    }
  })

  it.each([-1, 1.5, Number.NaN])('a session limit of %s is refused', async (sessionLimit) => {
    await expect(startService({ sessionLimit })).rejects.toThrow('sessionLimit must be a whole number')
  })
})

describe('DELETE /v1/sessions', () => {
  it('DELETE /v1/sessions with scope=others ends the others with the reason signed_out_elsewhere', async () => {
    const { app, signIn } = await startService()
    const [here, there, stranger] = [await signIn(), await signIn(), await signIn('bob')]
    const answer = await app.inject({ method: 'DELETE', url: '/v1/sessions?scope=others', headers: here.headers })
    expect([answer.statusCode, answer.json()]).toEqual([200, { revoked: 1 }])
    expect((await app.inject({ url: '/v1/me', headers: here.headers })).statusCode).toBe(200)
    expect((await app.inject({ url: '/v1/me', headers: stranger.headers })).statusCode).toBe(200)
    const gone = await app.inject({ url: '/v1/me', headers: there.headers })
    expect(gone.json()).toMatchObject({ code: 'session_revoked', reason: 'signed_out_elsewhere' })
  })

  it('DELETE /v1/sessions with scope=all ends the session of the caller too, with the reason signed_out', async () => {
    const { app, signIn } = await startService()
    const [here, there] = [await signIn(), await signIn()]
    const answer = await app.inject({ method: 'DELETE', url: '/v1/sessions?scope=all', headers: here.headers })
    expect(answer.json()).toEqual({ revoked: 2 })
    const reasons = [here, there].map(
      async ({ headers }) => (await app.inject({ url: '/v1/me', headers })).json().reason,
    )
    expect(await Promise.all(reasons)).toEqual(['signed_out', 'signed_out_elsewhere'])
  })

  it.each([
    ['', 'scope is missing'],
    ['?scope=', 'scope must be one of others, all'],
    ['?scope=mine', 'scope must be one of others, all'],
    ['?scope=all&scope=all', 'scope must be one of others, all'],
  ])('DELETE /v1/sessions with %j is refused and ends nothing', async (query, detail) => {
    const { app, signIn } = await startService()
    const { headers } = await signIn()
    const answer = await app.inject({ method: 'DELETE', url: `/v1/sessions${query}`, headers })
    expect(answer.json()).toMatchObject({ status: 400, code: 'request_invalid', detail })
    expect((await app.inject({ url: '/v1/me', headers })).statusCode).toBe(200)
  })
})

it('GET /v1/session reads the user once in 10 s, and anew after a change of the profile', async () => {
  const { app, users, signIn, advance } = await startService()
  const { headers } = await signIn()
  const { findUser } = users
  let reads = 0
  users.findUser = (userId) => {
    reads++
    return findUser(userId)
  }
  const nickname = async () => (await app.inject({ url: '/v1/session', headers })).json().user.profile.nickname
  for (let i = 0; i < 5; i++) expect(await nickname()).toBe('')
  expect(reads).toBe(1)
  await app.inject({ method: 'POST', url: '/v1/me/profile', headers, payload: { nickname: '小明' } })
  for (let i = 0; i < 5; i++) expect(await nickname()).toBe('小明')
  expect(reads).toBe(2)
  advance(10_000)
  await nickname()
  expect(reads).toBe(3)
})
