import { randomBytes } from 'node:crypto'
import type { DestinationStream } from 'pino'
import { expect, test } from 'vitest'
import type { Stores } from '../../src/stores.ts'
import { startServiceApi } from './service-api.ts'

/** Alice, who is signed in on a phone, and another user of whom WeChat says later that it is Alice. */
async function startWithConflict(logTo?: DestinationStream) {
  let users: Stores['users'] | undefined
  const started = await startServiceApi({
    ...(logTo && { logTo }),
    wrapUsers: (opened) => {
      users = opened
      return opened
    },
  })
  const appid = started.service.world.apps[0]?.appid ?? ''
  const { auth, userId } = await started.signIn()
  const { openid = '' } = (await started.service.app.weappAuth.findIdentity(userId, appid)) ?? {}
  const signIn = async (appid: string, openid: string) => {
    const sessionKey = randomBytes(16).toString('base64')
    const signedIn = await users?.signIn(appid, { openid, unionid: 'canary-unionid', sessionKey }, Date.now())
    return signedIn && 'user' in signedIn ? signedIn.user.id : ''
  }
  const otherId = await signIn('wx-other', 'b')
  expect(await signIn(appid, openid)).toBe(userId)
  return { ...started, auth, appid, openid, userId, otherId }
}

test('two users of one person are merged, and the phone of the one who goes signs in by itself as the other', async () => {
  const lines: string[] = []
  const logTo = { write: (line: string) => void lines.push(line) }
  const { ask, auth, userId, otherId, openid, service, tokens } = await startWithConflict(logTo)
  await ask(`PUT /users/${userId}/external-id`, { externalId: 'shop-1' })
  const { data } = await ask('GET /conflicts', undefined, { token: tokens.read })
  expect(data).toEqual({
    conflicts: [{ id: `${userId}.${otherId}`, at: expect.any(String), users: [expect.anything(), expect.anything()] }],
    next: null,
  })
  expect(data.conflicts[0].users).toMatchObject([{ id: userId, externalId: 'shop-1' }, { id: otherId }])
  for (const secret of [openid, 'canary-unionid']) expect(JSON.stringify(data)).not.toContain(secret)

  const merge = `POST /conflicts/${data.conflicts[0].id}/merge` as const
  expect((await ask(merge, { keep: otherId }, { token: tokens.read })).status).toBe(403)
  const merged = await ask(merge, { keep: otherId })
  expect(merged).toMatchObject({ status: 200, data: { user: { id: otherId, externalId: 'shop-1' } } })
  expect((await ask(`GET /users/${userId}`)).status).toBe(404)
  expect((await ask(`GET /users/${userId}/sessions`)).data.sessions).toEqual([])
  expect((await ask(merge, { keep: otherId })).status).toBe(404)
  expect((await ask('GET /events?type=user_merged')).data.events).toMatchObject([
    { by: 'service:all-only', userId: otherId, otherUserId: userId },
  ])
  const logged = (begin: string) => lines.map((line) => JSON.parse(line)).find(({ msg }) => msg?.startsWith(begin))
  expect(logged('two users have one unionid')).toMatchObject({ userId, otherUserId: otherId })
  expect(logged('two users were merged')).toMatchObject({ userId: otherId, otherUserId: userId })

  // What began as one user is not sent as another.
  await expect(auth.request({ url: '/v1/me' })).rejects.toMatchObject({ code: 'unauthorized' })
  expect(await auth.request({ url: '/v1/me' })).toMatchObject({ statusCode: 200, data: { user: { id: otherId } } })
  expect(service.world.ledger.count('wx.login')).toBe(2)
})

test('a merge that cannot be is refused and says what is in the way, and both users stay', async () => {
  const { ask, userId, otherId, appid, service } = await startWithConflict()
  const merge = `POST /conflicts/${userId}.${otherId}/merge` as const
  await ask(`PUT /users/${userId}/external-id`, { externalId: 'shop-1' })
  await ask(`PUT /users/${otherId}/external-id`, { externalId: 'shop-2' })
  expect(await ask(merge, { keep: userId })).toMatchObject({
    status: 409,
    data: { code: 'merge_refused', detail: expect.stringContaining('externalId') },
  })
  await ask(`PUT /users/${otherId}/external-id`, { externalId: null })
  await ask(`PUT /users/${otherId}/disabled`, { reason: 'a test' })
  expect((await ask(merge, { keep: userId })).data).toMatchObject({ detail: expect.stringContaining('disabled') })
  await ask(`DELETE /users/${otherId}/disabled`)
  await ask(`POST /users/${otherId}/identities`, { appid, ...service.world.login('bob', appid) })
  expect((await ask(merge, { keep: userId })).data).toMatchObject({
    detail: expect.stringContaining('identity in one mini-program'),
  })
  expect((await ask('GET /conflicts')).data.conflicts).toHaveLength(1)
  const { user: third } = (await ask('POST /users', {})).data
  for (const [call, keep] of [
    [merge, 'somebody else'],
    [merge, third.id],
    [`POST /conflicts/${otherId}.${otherId}/merge`, otherId],
    ['POST /conflicts/x/merge', userId],
    [`POST /conflicts/x${userId}.${otherId}/merge`, userId],
    [`POST /conflicts/${userId}.${otherId}x/merge`, userId],
  ] as const) {
    const detail = 'there is no such conflict: GET /conflicts lists those that are left'
    expect(await ask(call, { keep })).toMatchObject({ status: 404, data: { code: 'not_found', detail } })
  }
  expect((await ask('GET /conflicts?after=x')).status).toBe(404)
})

test('a full page of conflicts names the next one', async () => {
  const { ask, userId, otherId } = await startWithConflict()
  const id = `${userId}.${otherId}`
  expect((await ask('GET /conflicts?limit=1')).data).toMatchObject({ conflicts: [{ id }], next: id })
  expect((await ask(`GET /conflicts?limit=1&after=${id}`)).data).toEqual({ conflicts: [], next: null })
})

test('a conflict is listed also while its users are being erased', async () => {
  const gone = { userId: 'a', otherUserId: 'b', createdAtMs: 0 }
  const { ask } = await startServiceApi({ wrapUsers: (users) => ({ ...users, listConflicts: async () => [gone] }) })
  expect((await ask('GET /conflicts')).data.conflicts).toEqual([
    { id: 'a.b', at: '1970-01-01T00:00:00.000Z', users: [] },
  ])
})
