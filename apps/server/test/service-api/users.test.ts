import { expect, test } from 'vitest'
import { startServiceApi } from './service-api.ts'

test('a user is found by id, externalId, phone number and openid, and no answer holds an openid', async () => {
  const { ask, signIn, service } = await startServiceApi()
  const { userId } = await signIn('alice')
  const { weappAuth } = service.app
  const appid = service.world.apps[0]?.appid ?? ''
  const { openid = '' } = (await weappAuth.findIdentity(userId, appid)) ?? {}
  await weappAuth.setExternalId(userId, 'shop-1')
  await weappAuth.setPhone(userId, { number: '13800138000', countryCode: '86' })
  const expected = {
    status: 200,
    data: {
      user: {
        id: userId,
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        profile: expect.objectContaining({ nickname: '' }),
        externalId: 'shop-1',
        disabled: null,
      },
    },
  }
  for (const [call, body] of [
    [`GET /users/${userId}`],
    ['POST /users/find', { externalId: 'shop-1' }],
    ['POST /users/find', { phone: { number: '13800138000' } }],
    ['POST /users/find', { phone: { number: '13800138000', countryCode: '86' } }],
    ['POST /users/find', { appid, openid }],
  ] as const) {
    const { status, data } = await ask(call, body)
    expect({ status, data }).toEqual(expected)
    expect(JSON.stringify(data)).not.toContain(openid)
  }
  for (const [call, body] of [
    ['GET /users/nobody'],
    ['GET /users/00000000-0000-4000-8000-000000000000'],
    ['POST /users/find', { externalId: 'shop-2' }],
    ['POST /users/find', { phone: { number: '13800138000', countryCode: '852' } }],
    ['POST /users/find', { appid, openid: `${openid}x` }],
    ['POST /users/find', { appid: 'wx0', openid }],
    ['POST /users/find', { appid, openid: 'a\0b' }],
  ] as const) {
    const answer = await ask(call, body)
    expect([call, body, answer]).toMatchObject([call, body, { status: 404, data: { code: 'not_found' } }])
  }
})

test('pages show each user once, also while users are added and removed', async () => {
  const { ask, service } = await startServiceApi()
  const { weappAuth } = service.app
  const made = await Promise.all(Array.from({ length: 25 }, () => weappAuth.createUser()))
  const [removed, ...stay] = made.map(({ id }) => id).sort()
  const listed: string[] = []
  let next: string | null = ''
  while (next !== null) {
    const path: string = next === '' ? '/users?limit=7' : `/users?limit=7&after=${next}`
    const { data } = await ask(`GET ${path}`)
    listed.push(...data.users.map(({ id }: { id: string }) => id))
    next = data.next
    if (listed.length === 7) await weappAuth.eraseUser(removed ?? '')
    await weappAuth.createUser()
  }
  expect(new Set(listed).size).toBe(listed.length)
  expect(listed).toEqual(listed.toSorted())
  for (const id of stay) expect(listed).toContain(id)
  expect((await ask('GET /users?limit=100')).data.next).toBeNull()
})

test('a user who is disabled is signed out and refused, and enabled again', async () => {
  const { ask, signIn } = await startServiceApi()
  const { auth, userId } = await signIn()
  expect(await ask(`PUT /users/${userId}/disabled`, { reason: '刷单' })).toMatchObject({ status: 204, data: null })
  await expect(auth.request({ url: '/v1/me' })).rejects.toMatchObject({ code: 'logged_out' })
  await expect(auth.ensureLogin({ force: true })).rejects.toMatchObject({ code: 'login_rejected' })
  const { data } = await ask(`GET /users/${userId}`)
  expect(data.user.disabled).toEqual({ at: expect.any(String), until: null, reason: '刷单' })
  expect((await ask(`PUT /users/${userId}/disabled`, { reason: 'x', until: '2026-12-31T00:00:00+08:00' })).status).toBe(
    204,
  )
  expect((await ask(`GET /users/${userId}`)).data.user.disabled.until).toBe('2026-12-30T16:00:00.000Z')
  for (let i = 0; i < 2; i++) expect((await ask(`DELETE /users/${userId}/disabled`)).status).toBe(204)
  await auth.ensureLogin({ force: true })
  for (const call of ['PUT /users/nobody/disabled', 'DELETE /users/nobody/disabled'] as const) {
    expect(await ask(call, call.startsWith('PUT') ? { reason: 'x' } : undefined)).toMatchObject({
      status: 404,
      data: { code: 'not_found' },
    })
  }
})
