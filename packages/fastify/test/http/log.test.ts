import type { FastifyInstance } from 'fastify'
import { expect, it } from 'vitest'
import { ApiError, authenticate, type User } from '../../src/index.ts'
import { ERRCODES } from '../../src/wechat/errcodes.ts'
import { APPID, type ServiceOptions, startService } from '../service.ts'

async function startLogged(options: ServiceOptions = {}) {
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  const service = await startService({ ...options, server: { logger: { stream } } })
  const find = (where: object) => lines.map((line) => JSON.parse(line)).filter((line) => isPart(where, line))
  return { ...service, find }
}

const isPart = (part: object, whole: Record<string, unknown>) =>
  Object.entries(part).every(([name, value]) => whole[name] === value)

it('a sign-in can be found by its user, its session and its request', async () => {
  const { signIn, find } = await startLogged()
  const { userId, sessionId } = await signIn()
  const [line, ...others] = find({ userId })
  expect(others).toEqual([])
  expect(line).toMatchObject({ level: 30, msg: 'signed in', userId, sessionId, appid: APPID, isNew: true })
  expect(find({ msg: 'incoming request', reqId: line?.reqId })).toHaveLength(1)
  await signIn()
  expect(find({ userId, isNew: false })).toHaveLength(1)
})

it.each<
  [how: string, end: (service: Awaited<ReturnType<typeof startLogged>>, userId: string) => unknown, code: string]
>([
  ['by its lifetime', ({ advance }) => advance(3 * 3_600_000), 'session_invalid'],
  ['by the application', ({ app }, userId) => app.weappAuth.revokeAll(userId), 'session_revoked'],
  ['by another sign-in at the limit', ({ signIn }) => signIn(), 'session_revoked'],
])('the refusal of a session that was ended %s can be found by its user, and by its request', async (_, end, code) => {
  const host = (app: FastifyInstance) => app.get('/orders', { onRequest: authenticate }, async () => [])
  const service = await startLogged({ sessionLimit: 1, host })
  const { app, find } = service
  const { userId, sessionId, headers } = await service.signIn()
  await end(service, userId)
  for (const url of ['/v1/me', '/v1/verify', '/v1/session', '/orders']) {
    const { requestId } = (await app.inject({ url, headers })).json()
    expect(find({ code, userId, sessionId, reqId: requestId }), url).toHaveLength(1)
  }
})

it.each([
  ['refuses', () => new ApiError('user_disabled', 'banned'), { level: 30, code: 'user_disabled', msg: 'banned' }],
  ['fails', () => new Error('no such table'), { level: 50 }],
  ['throws what cannot be changed', () => Object.freeze(new Error('no such table')), { level: 50 }],
])('a sign-in whose onSignIn hook %s can be found by its user, its appid, and its request', async (_, make, line) => {
  let userId = ''
  const onSignIn = (user: User) => {
    userId = user.id
    throw make()
  }
  const { app, world, find } = await startLogged({ onSignIn })
  const { code } = world.login('alice', APPID)
  const answer = await app.inject({ method: 'POST', url: '/v1/sessions', payload: { appid: APPID, code } })
  expect(answer.statusCode).toBeGreaterThanOrEqual(400)
  expect(find({ ...line, userId, appid: APPID, reqId: answer.json().requestId })).toHaveLength(1)
  expect(answer.body).not.toContain(userId)
})

it('the refused sign-in of a disabled user can be found by its user and its appid', async () => {
  const { app, world, find, signIn } = await startLogged()
  const { userId } = await signIn()
  await app.weappAuth.disableUser(userId, { reason: 'spam' })
  const { code } = world.login('alice', APPID)
  const answer = await app.inject({ method: 'POST', url: '/v1/sessions', payload: { appid: APPID, code } })
  expect(find({ userId, appid: APPID, code: 'user_disabled', reqId: answer.json().requestId })).toHaveLength(1)
})

it.each([40164, 40029, 45011])(
  'a refused sign-in says errcode %i, what it means, and the request of the phone',
  async (errcode) => {
    const { app, world, find } = await startLogged()
    world.faults.set('jscode2session', { errcode })
    const { code } = world.login('alice', APPID)
    const answer = await app.inject({ method: 'POST', url: '/v1/sessions', payload: { appid: APPID, code } })
    const [line] = find({ errcode, reqId: answer.json().requestId })
    expect(line?.msg).toContain(ERRCODES[errcode]?.meaning)
    expect(answer.body).not.toContain(ERRCODES[errcode]?.meaning)
  },
)
