import { expect, it } from 'vitest'
import { ERRCODES } from '../../src/wechat/errcodes.ts'
import { APPID, startService } from '../service.ts'

async function startLogged() {
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  const service = await startService({ server: { logger: { stream } } })
  const find = (where: object) => lines.map((line) => JSON.parse(line)).filter((line) => isPart(where, line))
  return { ...service, find }
}

const isPart = (part: object, whole: Record<string, unknown>) =>
  Object.entries(part).every(([name, value]) => whole[name] === value)

it('a sign-in can be found by its user, its session and its request', async () => {
  const { signIn, find, app } = await startLogged()
  const { userId, sessionId, headers } = await signIn()
  const [line, ...others] = find({ userId })
  expect(others).toEqual([])
  expect(line).toMatchObject({ level: 30, msg: 'signed in', userId, sessionId, appid: APPID, isNew: true })
  expect(find({ msg: 'incoming request', reqId: line?.reqId })).toHaveLength(1)
  await signIn()
  expect(find({ userId, isNew: false })).toHaveLength(1)
  await app.weappAuth.revoke(userId, sessionId)
  const refused = await app.inject({ url: '/v1/me', headers })
  expect(find({ code: 'session_revoked', reqId: refused.json().requestId })).toMatchObject([{ sessionId }])
})

it('the end of a session by its lifetime can be found by its user', async () => {
  const { signIn, find, app, advance } = await startLogged()
  const { userId, sessionId, headers } = await signIn()
  advance(3 * 3_600_000)
  const { requestId } = (await app.inject({ url: '/v1/me', headers })).json()
  expect(find({ code: 'session_invalid', userId, sessionId, reqId: requestId })).toHaveLength(1)
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
