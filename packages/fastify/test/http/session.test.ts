import { describe, expect, it } from 'vitest'
import { startService } from '../service.ts'

describe('GET /v1/session', () => {
  it('shows the session, its user and how long it lasts unless it is used', async () => {
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

  it('answers session_invalid once the idle lifetime has passed', async () => {
    const { app, signIn, advance } = await startService({ sessionIdleSeconds: 60 })
    const { headers } = await signIn()
    advance(60_000)
    expect((await app.inject({ url: '/v1/session', headers })).json()).toMatchObject({ code: 'session_invalid' })
  })
})

describe('DELETE /v1/session', () => {
  it('ends the session, and again is still a success', async () => {
    const { app, signIn, advance } = await startService()
    const { headers } = await signIn()
    const signOut = () => app.inject({ method: 'DELETE', url: '/v1/session', headers })
    expect([(await signOut()).statusCode, (await signOut()).statusCode]).toEqual([204, 204])
    const gone = await app.inject({ url: '/v1/me', headers })
    expect(gone.json()).toMatchObject({ status: 401, code: 'session_revoked', reason: 'signed_out' })
    advance(7_200_000)
    expect((await signOut()).statusCode).toBe(204)
  })

  it('takes the empty JSON body that wx.request announces', async () => {
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

  it('refuses a missing and a malformed token only', async () => {
    const { app } = await startService()
    const signOut = (authorization?: string) =>
      app.inject({ method: 'DELETE', url: '/v1/session', headers: authorization ? { authorization } : {} })
    expect((await signOut()).json()).toMatchObject({ status: 401, code: 'session_missing' })
    expect((await signOut('Bearer x')).json()).toMatchObject({ status: 401, code: 'session_malformed' })
    expect((await signOut(`Bearer wxs1.abc.${'a'.repeat(43)}`)).statusCode).toBe(204)
  })

  it('does not claim success when the store is down', async () => {
    const { app, signIn, sessions } = await startService()
    const { headers } = await signIn()
    await sessions.close()
    const answer = await app.inject({ method: 'DELETE', url: '/v1/session', headers })
    expect(answer.json()).toMatchObject({ status: 503, code: 'store_unavailable' })
  })
})

describe('DELETE /v1/sessions', () => {
  it('with scope=others ends the others, which learn that it was elsewhere', async () => {
    const { app, signIn } = await startService()
    const [here, there, stranger] = [await signIn(), await signIn(), await signIn('bob')]
    const answer = await app.inject({ method: 'DELETE', url: '/v1/sessions?scope=others', headers: here.headers })
    expect([answer.statusCode, answer.json()]).toEqual([200, { revoked: 1 }])
    expect((await app.inject({ url: '/v1/me', headers: here.headers })).statusCode).toBe(200)
    expect((await app.inject({ url: '/v1/me', headers: stranger.headers })).statusCode).toBe(200)
    const gone = await app.inject({ url: '/v1/me', headers: there.headers })
    expect(gone.json()).toMatchObject({ code: 'session_revoked', reason: 'signed_out_elsewhere' })
  })

  it('with scope=all ends this one too, as an ordinary sign-out', async () => {
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
  ])('with %j is refused and ends nothing', async (query, detail) => {
    const { app, signIn } = await startService()
    const { headers } = await signIn()
    const answer = await app.inject({ method: 'DELETE', url: `/v1/sessions${query}`, headers })
    expect(answer.json()).toMatchObject({ status: 400, code: 'request_invalid', detail })
    expect((await app.inject({ url: '/v1/me', headers })).statusCode).toBe(200)
  })
})
