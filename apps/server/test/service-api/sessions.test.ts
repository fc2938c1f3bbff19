import { expect, test } from 'vitest'
import { startServiceApi } from './service-api.ts'

test('sessions are listed without their tokens, and end one by one or all at once', async () => {
  const { ask, signIn, service } = await startServiceApi()
  const { userId, sessionId, auth } = await signIn()
  const appid = service.world.apps[0]?.appid ?? ''
  const device = { platform: 'ios', model: 'iPhone 20' }
  const issued = await service.app.weappAuth.issue(userId, { appid, device })
  const { status, data } = await ask(`GET /users/${userId}/sessions`)
  const session = {
    appid,
    createdAt: expect.any(String),
    lastSeenAt: expect.any(String),
    expiresAt: expect.any(String),
  }
  expect({ status, data }).toEqual({
    status: 200,
    data: {
      sessions: [
        { ...session, id: sessionId },
        { ...session, id: issued.session.id, device },
      ],
    },
  })
  expect((await ask(`DELETE /users/${userId}/sessions/${issued.session.id}`)).status).toBe(204)
  for (const gone of [issued.session.id, 'x']) {
    expect(await ask(`DELETE /users/${userId}/sessions/${gone}`)).toMatchObject({
      status: 404,
      data: { code: 'not_found', detail: 'the user has no such session' },
    })
  }
  expect(await ask(`DELETE /users/${userId}/sessions`)).toMatchObject({ status: 200, data: { revoked: 1 } })
  await expect(auth.request({ url: '/v1/me' })).rejects.toMatchObject({ code: 'logged_out' })
  expect((await ask(`GET /users/${userId}/sessions`)).data).toEqual({ sessions: [] })
})

test('introspection tells whose token it is, and of everything else that it is not active', async () => {
  const { ask, signIn, service, tokens, api } = await startServiceApi()
  const { userId } = await signIn()
  const { weappAuth } = service.app
  const appid = service.world.apps[0]?.appid ?? ''
  const { token, session } = await weappAuth.issue(userId, { appid })
  const active = { active: true, sub: userId, appid, session_id: session.id, exp: expect.any(Number) }
  const introspect = async (token: string) => (await ask('POST /introspect', { token })).data
  const first = await introspect(token)
  expect(first).toEqual(active)
  const [listed] = (await weappAuth.list(userId)).filter(({ id }) => id === session.id)
  expect(first.exp).toBe(Math.floor((listed?.expiresAtMs ?? 0) / 1000))
  await weappAuth.setExternalId(userId, 'shop-1')
  expect(await introspect(token)).toEqual({ ...active, external_id: 'shop-1' })
  // It counts as use: the session lives on.
  for (let hour = 0; hour < 3; hour++) {
    service.world.clock.advance(3_600_000)
    expect(await introspect(token)).toMatchObject({ active: true })
  }
  const form = await api.inject({
    method: 'POST',
    url: '/service/v1/introspect',
    headers: {
      'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
      authorization: `Bearer ${tokens.read}`,
    },
    payload: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
  })
  expect(form.json()).toMatchObject({ active: true, sub: userId })
  await weappAuth.revokeAll(userId)
  for (const other of [token, `${token}x`, tokens.all, '', 'x'.repeat(1024)]) {
    expect(await introspect(other)).toEqual({ active: false })
  }
})
