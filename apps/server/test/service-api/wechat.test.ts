import { ApiError } from '@weapp-auth/fastify'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startServiceApi } from './service-api.ts'

test('the openid is told under the scope wechat, and under no other', async () => {
  const { ask, signIn, tokens, service } = await startServiceApi()
  const { userId } = await signIn()
  const appid = service.world.apps[0]?.appid ?? ''
  const { openid } = (await service.app.weappAuth.findIdentity(userId, appid)) ?? {}
  const identities = await ask(`GET /users/${userId}/identities`, undefined, { token: tokens.wechat })
  expect(identities.data).toEqual({ identities: [{ appid, openid, unionid: null }] })
  const { user } = (await ask('POST /users', {})).data
  expect((await ask(`GET /users/${user.id}/identities`)).data).toEqual({ identities: [] })
  expect((await ask(`GET /users/${user.id}/phone`)).data).toEqual({ phone: null })
  for (const what of ['identities', 'phone'] as const) {
    expect((await ask(`GET /users/nobody/${what}`)).status).toBe(404)
    for (const scope of ['read', 'write', 'issue'] as const) {
      expect((await ask(`GET /users/${userId}/${what}`, undefined, { token: tokens[scope] })).status).toBe(403)
    }
  }
})

test('an account of yours gets a WeChat identity by a code, and nobody loses one', async () => {
  const { ask, signIn, service } = await startServiceApi()
  const { world } = service
  const appid = world.apps[0]?.appid ?? ''
  const { userId } = await signIn('alice')
  const { user } = (await ask('POST /users', {})).data
  const link = (id: string, who: string) => ask(`POST /users/${id}/identities`, { appid, ...world.login(who, appid) })
  expect(await link(user.id, 'alice')).toMatchObject({ status: 409, data: { code: 'identity_taken' } })
  expect((await ask(`GET /users/${user.id}/identities`)).data).toEqual({ identities: [] })
  expect(await link(user.id, 'bob')).toMatchObject({ status: 204, data: null })
  expect(await link(user.id, 'carol')).toMatchObject({ status: 409, data: { code: 'identity_exists' } })
  expect((await signIn('bob')).userId).toBe(user.id)
  expect((await signIn('alice')).userId).toBe(userId)
  expect((await ask('GET /events?type=identity_linked')).data.events).toMatchObject([
    { userId: user.id, by: 'service:all-only' },
  ])
  expect(await ask('POST /users/nobody/identities', { appid, code: 'x' })).toMatchObject({ status: 404 })
})

test('the rule for a login code is that of a sign-in: up to 256 letters, digits, - and _', async () => {
  const { ask, service } = await startServiceApi()
  const appid = service.world.apps[0]?.appid ?? ''
  const { user } = (await ask('POST /users', {})).data
  const link = async (code: string) => (await ask(`POST /users/${user.id}/identities`, { appid, code })).data
  expect(await link('x'.repeat(256))).toMatchObject({ code: 'code_invalid' })
  for (const code of ['x'.repeat(257), 'a b', '']) {
    expect(await link(code)).toMatchObject({ code: 'request_invalid', detail: expect.stringContaining('1 to 256') })
  }
})

test('a proxy learns whose a request is, with the openid', async () => {
  const { ask, signIn, service, tokens } = await startServiceApi()
  const { userId } = await signIn()
  const appid = service.world.apps[0]?.appid ?? ''
  const { weappAuth } = service.app
  const { openid } = (await weappAuth.findIdentity(userId, appid)) ?? {}
  const { token, session } = await weappAuth.issue(userId, { appid })
  const verify = (header: string | undefined) =>
    ask('GET /verify', undefined, { headers: header === undefined ? {} : { 'x-forwarded-authorization': header } })
  expect(await verify(`Bearer ${token}`)).toMatchObject({
    status: 204,
    headers: {
      'x-auth-user-id': userId,
      'x-auth-session-id': session.id,
      'x-auth-appid': appid,
      'x-auth-openid': openid,
    },
  })
  const { user } = (await ask('POST /users', { externalId: 'shop-1' })).data
  const own = await weappAuth.issue(user.id, { appid })
  const { headers } = await verify(`Bearer ${own.token}`)
  expect(headers).toMatchObject({ 'x-auth-user-id': user.id, 'x-auth-external-id': 'shop-1' })
  expect(headers).not.toHaveProperty('x-auth-openid')

  await weappAuth.revokeAll(userId)
  for (const [header, code] of [
    [`Bearer ${token}`, 'session_revoked'],
    [`Bearer ${tokens.all}`, 'session_malformed'],
    [undefined, 'session_missing'],
  ] as const) {
    const { status, data, headers } = await verify(header)
    expect({ status, data }).toMatchObject({ status: 401, data: { code } })
    expect(JSON.parse(String(headers['x-auth-refusal']))).toEqual(data)
  }
})

test('the openid of a verified request is asked of SQL once a minute, and while SQL is away a new one is 503', async () => {
  const asked: string[] = []
  let isAway = false
  let laterMs = 0
  const realNow = Date.now
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => realNow() + laterMs)
  onTestFinished(() => clock.mockRestore())
  const { ask, signIn, service } = await startServiceApi({
    wrapUsers: (users) => ({
      ...users,
      findIdentity: async (userId, appid) => {
        asked.push(userId)
        if (isAway) throw new ApiError('store_unavailable', 'away', { retryAfterSeconds: 1 })
        return users.findIdentity(userId, appid)
      },
    }),
  })
  const appid = service.world.apps[0]?.appid ?? ''
  const [alice, bob] = [await signIn('alice'), await signIn('bob')]
  const [first, second] = await Promise.all(
    [alice, bob].map(({ userId }) => service.app.weappAuth.issue(userId, { appid })),
  )
  const verify = async (token = '') => {
    const { status } = await ask('GET /verify', undefined, {
      headers: { 'x-forwarded-authorization': `Bearer ${token}` },
    })
    return status
  }
  expect(await Promise.all(Array.from({ length: 10 }, () => verify(first?.token)))).toEqual(Array(10).fill(204))
  expect(asked).toEqual([alice.userId])
  isAway = true
  expect(await verify(first?.token)).toBe(204)
  expect(await verify(second?.token)).toBe(503)
  isAway = false
  expect(await verify(second?.token)).toBe(204)
  laterMs = 60_000
  expect(await verify(first?.token)).toBe(204)
  expect(asked).toEqual([alice.userId, bob.userId, bob.userId, alice.userId])
})

test('all programs get one access_token, and a refused one is replaced once for all who say so', async () => {
  const { ask, service } = await startServiceApi()
  const { world } = service
  const appid = world.apps[0]?.appid ?? ''
  const path = `/apps/${appid}/access-token` as const
  const calls = () => world.ledger.count('stable_token')
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask(`GET ${path}`)))
  const [{ data }] = answers as [(typeof answers)[0]]
  expect(data).toEqual({ accessToken: expect.any(String), expiresIn: expect.any(Number) })
  expect(data.expiresIn).toBeGreaterThan(3_600)
  expect(data.expiresIn).toBeLessThanOrEqual(7_200)
  for (const other of answers) expect(other).toMatchObject({ status: 200, data: { accessToken: data.accessToken } })
  expect(calls()).toBe(1)

  // Somebody has lost the token meanwhile: one call brings the next one, for all who say so.
  world.revokeAccessToken(appid)
  const replaced = await Promise.all(
    Array.from({ length: 8 }, () => ask(`POST ${path}/refused`, { accessToken: data.accessToken })),
  )
  const next = replaced[0]?.data.accessToken
  expect(next).not.toBe(data.accessToken)
  for (const other of replaced) expect(other).toMatchObject({ status: 200, data: { accessToken: next } })
  // One that reports late gets what is there.
  expect((await ask(`POST ${path}/refused`, { accessToken: 'an older one' })).data.accessToken).toBe(next)
  expect(calls()).toBe(2)

  expect(await ask('GET /apps/wx-other/access-token')).toMatchObject({ status: 404, data: { code: 'appid_unknown' } })
})

test('a forced refresh that did not help is not done again for anybody, and the day has its bound', async () => {
  const { ask, service } = await startServiceApi()
  const { world } = service
  const appid = world.apps[0]?.appid ?? ''
  const path = `/apps/${appid}/access-token` as const
  let { accessToken } = (await ask(`GET ${path}`)).data
  const report = () => ask(`POST ${path}/refused`, { accessToken })
  // WeChat hands out the same one, so that it has to be forced.
  const forced = await report()
  expect(forced.status).toBe(200)
  expect(forced.data.accessToken).not.toBe(accessToken)
  accessToken = forced.data.accessToken
  const before = world.ledger.count('stable_token')
  for (let i = 0; i < 3; i++) {
    expect(await report()).toMatchObject({ status: 500, data: { code: 'wechat_misconfigured' } })
  }
  // Each asked, and none forced.
  expect(world.ledger.count('stable_token')).toBe(before + 3)
})
