import { createAuth } from '@weapp-auth/client'
import { createDevice, localLink } from '@weapp-auth/emulator'
import { describe, expect, test } from 'vitest'
import { runExample, startProvider } from '../../../packages/fastify/test/example.ts'

/** The real client on a phone, whose app talks to an example. */
function createAuthOnPhone({ world, address }: Awaited<ReturnType<typeof runExample>>) {
  const { wx, clock } = createDevice({ link: localLink(world), appid: world.apps[0]?.appid ?? '', user: 'alice' })
  return createAuth({ baseUrl: address, wx, now: clock.now })
}

describe('loginWith drives the example', () => {
  test('loginWith and the example own-account: the session passes the guard, and WeChat is not asked', async () => {
    const example = await runExample('own-account.ts')
    const credentials = { name: 'alice', password: 'correct horse' }
    const account = (await example.post('/accounts', credentials)).body
    const auth = createAuthOnPhone(example)
    const session = await auth.loginWith({ url: '/accounts/login', data: credentials })
    expect(session.user).toMatchObject({ id: account.user.id, isNew: false })
    expect((await auth.request({ url: '/orders' })).data).toEqual({ ordersOf: account.user.id })
    expect(example.world.ledger.count('jscode2session')).toBe(0)

    const wrong = { ...credentials, password: 'correct hose' }
    await expect(auth.loginWith({ url: '/accounts/login', data: wrong })).rejects.toMatchObject({
      code: 'login_rejected',
      problem: 'request_invalid',
    })
    expect(auth.getSession()?.id).toBe(session.id)

    await example.send('PUT', '/accounts/password', account.token, {
      oldPassword: 'correct horse',
      password: 'another horse',
    })
    await expect(auth.request({ url: '/orders' })).rejects.toMatchObject({ code: 'logged_out' })
  })

  test('loginWith and the example third-party: its session and one by WeChat pass the same guard', async () => {
    const example = await runExample('third-party.ts', await startProvider())
    const auth = createAuthOnPhone(example)
    const first = await auth.loginWith({ url: '/provider/login', data: { ticket: 'ticket-of-alice' } })
    expect((await auth.request({ url: '/orders' })).data).toEqual({ ordersOf: first.user.id })
    await auth.logout()
    const byWechat = await auth.ensureLogin({ force: true })
    expect((await auth.request({ url: '/orders' })).data).toEqual({ ordersOf: byWechat.user.id })
    const again = await auth.loginWith({ url: '/provider/login', data: { ticket: 'ticket-of-alice' } })
    expect(again.user.id).toBe(first.user.id)
  })

  test.each([
    ['own-account', '/accounts/login', { name: 'alice', password: 'correct horse' }],
    ['third-party', '/provider/login', { ticket: 'ticket-of-alice' }],
  ])('loginWith and the example %s: the session that the phone had before ends', async (name, url, data) => {
    const example = await runExample(`${name}.ts`, name === 'third-party' ? await startProvider() : {})
    if (name === 'own-account') await example.post('/accounts', data)
    const auth = createAuthOnPhone(example)
    const sessions = [await auth.loginWith({ url, data }), await auth.loginWith({ url, data })]
    const listed = await auth.request<{ sessions: { id: string }[] }>({ url: '/v1/sessions' })
    const live = listed.data.sessions.map(({ id }) => id)
    expect(sessions.map(({ id }) => live.includes(id))).toEqual([false, true])
  })
})
