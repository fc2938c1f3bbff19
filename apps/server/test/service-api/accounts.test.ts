import { expect, test } from 'vitest'
import { startServiceApi } from './service-api.ts'

test('a user is made with your own id and a phone number, each of which one user has', async () => {
  const { ask, tokens } = await startServiceApi()
  const phone = { number: '13800138000' }
  const { status, data } = await ask('POST /users', { externalId: 'shop-1', phone })
  expect({ status, data }).toMatchObject({ status: 201, data: { user: { externalId: 'shop-1', disabled: null } } })
  const { id } = data.user
  expect((await ask('POST /users/find', { phone })).data.user.id).toBe(id)
  expect((await ask('POST /users/find', { externalId: 'shop-1' })).data.user.id).toBe(id)
  expect((await ask(`GET /users/${id}/phone`)).data).toEqual({
    phone: { number: '13800138000', countryCode: '86', isProven: false },
  })
  for (const [body, code] of [
    [{ externalId: 'shop-1' }, 'external_id_taken'],
    [{ externalId: 'shop-2', phone }, 'phone_taken'],
    [{ phone }, 'phone_taken'],
  ] as const) {
    const answer = await ask('POST /users', body)
    expect(answer).toMatchObject({ status: 409, data: { code } })
    expect(answer.headers).not.toHaveProperty('www-authenticate')
  }
  // Nothing stays of what was refused.
  expect((await ask('GET /users')).data.users).toHaveLength(1)
  expect((await ask('GET /events?type=user_erased')).data.events).toEqual([])
  expect((await ask('POST /users', {})).data.user).toMatchObject({ externalId: null })
  expect((await ask('POST /users', {}, { token: tokens.issue })).status).toBe(403)
})

test('of many who make a user with one id and one phone number at the same time, one makes it', async () => {
  const { ask } = await startServiceApi()
  const phone = { number: '13900139000' }
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, i) => ask('POST /users', { externalId: `id-${i % 2}`, phone })),
  )
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
  for (const { status } of answers) expect([201, 409]).toContain(status)
  const { users } = (await ask('GET /users')).data
  expect(users).toHaveLength(1)
})

test('nothing stays of a user whose phone number somebody else got while the user was made', async () => {
  const phone = { number: '13900139000' }
  let isFirst = true
  const { ask } = await startServiceApi({
    wrapUsers: (users) => ({
      ...users,
      async createUserWithExternalId(externalId, nowMs) {
        const user = await users.createUserWithExternalId(externalId, nowMs)
        const isSlow = isFirst
        isFirst = false
        if (isSlow) expect((await ask('POST /users', { externalId: 'faster', phone })).status).toBe(201)
        return user
      },
    }),
  })
  const slower = { externalId: 'slower', phone }
  expect(await ask('POST /users', slower)).toMatchObject({ status: 409, data: { code: 'phone_taken' } })
  expect((await ask('GET /users')).data.users).toMatchObject([{ externalId: 'faster' }])
  // The id is free again.
  expect((await ask('POST /users', { externalId: 'slower' })).status).toBe(201)
})

test('your own id is given, replaced and taken away, and live sessions have it', async () => {
  const { ask, signIn, service } = await startServiceApi()
  const { userId } = await signIn()
  const { token } = await service.app.weappAuth.issue(userId, { appid: service.world.apps[0]?.appid ?? '' })
  const { user: other } = (await ask('POST /users', { externalId: 'taken' })).data
  const put = (externalId: string | null) => ask(`PUT /users/${userId}/external-id`, { externalId })
  for (const externalId of ['shop-1', 'shop-2', null]) {
    expect(await put(externalId)).toMatchObject({ status: 204, data: null })
    const { external_id = null } = (await ask('POST /introspect', { token })).data
    expect(external_id).toBe(externalId)
  }
  expect(await put('taken')).toMatchObject({ status: 409, data: { code: 'external_id_taken' } })
  expect((await ask(`GET /users/${other.id}`)).data.user.externalId).toBe('taken')
  expect(await put('用户')).toMatchObject({ status: 400, data: { code: 'request_invalid' } })
  expect((await ask('PUT /users/nobody/external-id', { externalId: 'x' })).status).toBe(404)
})

test('a session that was issued can be found in the log by its user', async () => {
  const lines: string[] = []
  const logTo = { write: (line: string) => void lines.push(line) }
  const { ask, service } = await startServiceApi({ logTo })
  const appid = service.world.apps[0]?.appid ?? ''
  const { user } = (await ask('POST /users', {})).data
  const { session } = (await ask(`POST /users/${user.id}/sessions`, { appid })).data
  const line = lines.map((line) => JSON.parse(line)).find(({ msg }) => msg === 'signed in')
  const requestId = expect.stringMatching(/^[0-9a-f-]{36}$/)
  const by = 'service:all-only'
  expect(line).toMatchObject({ userId: user.id, sessionId: session.id, appid, isNew: false, by, requestId })
})

test('a session that was issued is one like any other, and a user who may not have one gets none', async () => {
  const { ask, service, signIn } = await startServiceApi()
  const appid = service.world.apps[0]?.appid ?? ''
  const { user } = (await ask('POST /users', { externalId: 'shop-1' })).data
  const first = await ask(`POST /users/${user.id}/sessions`, { appid, isNew: true, device: { model: 'iPhone 20' } })
  expect({ status: first.status, data: first.data }).toEqual({
    status: 201,
    data: {
      token: expect.stringMatching(/^wxs1\./),
      tokenType: 'Bearer',
      expiresIn: 7200,
      absoluteExpiresIn: 2_592_000,
      session: { id: expect.any(String), createdAt: expect.any(String) },
      user: { id: user.id, profile: user.profile, isNew: true },
    },
  })
  const { sessions } = (await ask(`GET /users/${user.id}/sessions`)).data
  expect(sessions).toMatchObject([{ id: first.data.session.id, appid, device: { model: 'iPhone 20' } }])
  const verify = (token: string) =>
    service.app.inject({ url: '/v1/verify', headers: { authorization: `Bearer ${token}` } })
  expect((await verify(first.data.token)).headers).toMatchObject({
    'x-auth-user-id': user.id,
    'x-auth-external-id': 'shop-1',
  })
  const second = await ask(`POST /users/${user.id}/sessions`, { appid, replaces: first.data.token })
  expect((await verify(first.data.token)).json()).toMatchObject({ code: 'session_revoked', reason: 'replaced' })
  expect((await verify(second.data.token)).statusCode).toBe(204)
  expect((await ask(`POST /users/${user.id}/sessions`, { appid, replaces: 'anything' })).status).toBe(201)

  const { userId } = await signIn()
  await ask(`PUT /users/${userId}/disabled`, { reason: 'x' })
  for (const [id, app, problem] of [
    [userId, appid, { status: 403, code: 'user_disabled' }],
    ['nobody', appid, { status: 404, code: 'not_found', detail: 'there is no such user' }],
    [user.id, 'wx-other', { status: 404, code: 'not_found', detail: 'this appid is not configured here' }],
  ]) {
    expect((await ask(`POST /users/${id}/sessions`, { appid: app })).data).toMatchObject(problem)
  }
})

test('an erased user is gone, and their phone is told so', async () => {
  const { ask, signIn } = await startServiceApi()
  const { auth, userId } = await signIn()
  const ended = new Promise((resolve) => auth.on('logout', resolve))
  expect(await ask(`DELETE /users/${userId}`)).toMatchObject({ status: 204, data: null })
  await expect(auth.request({ url: '/v1/me' })).rejects.toMatchObject({ code: 'logged_out' })
  expect(await ended).toMatchObject({ reason: 'erased' })
  for (const call of ['GET', 'DELETE'] as const) expect((await ask(`${call} /users/${userId}`)).status).toBe(404)
})
