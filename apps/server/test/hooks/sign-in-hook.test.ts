import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { authenticate, CHANNELS } from '@weapp-auth/fastify'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { openSignInHook } from '../../src/hooks/sign-in-hook.ts'
import { signBody } from '../../src/hooks/signed-post.ts'
import { createAuthOnPhone, environment, startService } from '../service.ts'

const SECRET = 'canary-hook-secret'

type Answer = (response: ServerResponse, told: Record<string, never>) => void

/** A program of the team, in whatever language, that answers as it is told to. */
async function startProgram(answer: Answer) {
  const calls: { told: Record<string, never>; body: string; headers: IncomingMessage['headers'] }[] = []
  const program = { answer, calls, url: '' }
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const text of request.setEncoding('utf8')) body += text
    const told = JSON.parse(body)
    calls.push({ told, body, headers: request.headers })
    program.answer(response, told)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  program.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/sign-in`
  return program
}

function openHook(url: string) {
  const warnings: string[] = []
  const hook = openSignInHook({ url, secret: SECRET, warn: (message) => void warnings.push(message) })
  onTestFinished(() => hook.close())
  return { ...hook, warnings }
}

/** The service that asks the program, and a phone. */
async function start(answer: Answer) {
  const program = await startProgram(answer)
  const hook = openHook(program.url)
  const routes = (app: Parameters<NonNullable<Parameters<typeof startService>[1]>>[0]) =>
    app.get('/own', { onRequest: authenticate }, async ({ auth }) => auth)
  const service = await startService(await environment('embedded'), routes, {
    onSignIn: hook.onSignIn,
  })
  const appid = service.world.apps[0]?.appid ?? ''
  const signIn = async (change: Record<string, unknown> = {}, user = 'alice') => {
    const payload = { appid, code: service.world.login(user, appid).code, ...change }
    return service.app.inject({ method: 'POST', url: '/v1/sessions', payload })
  }
  return { ...service, program, hook, appid, signIn }
}

const json = (status: number, body: unknown) => (response: ServerResponse) =>
  void response.writeHead(status).end(JSON.stringify(body))

describe('the sign-in hook', () => {
  test('the sign-in hook is told who signs in, where, with what, and the whole number where a phone code came; the call is signed', async () => {
    const { signIn, program, world, appid } = await start(json(200, {}))
    const { user } = (await signIn({ data: { inviter: 'bob' } })).json()
    const { code } = world.phones.issueCode('alice', appid)
    expect((await signIn({ phoneCode: code })).statusCode).toBe(201)
    const about = { id: user.id, createdAt: expect.stringMatching(/^2.*Z$/), externalId: null, profile: user.profile }
    const [first, second] = program.calls
    expect(first?.told).toEqual({ user: about, isNew: true, appid, data: { inviter: 'bob' } })
    const phone = { number: expect.stringMatching(/^\d{11}$/), countryCode: '86' }
    expect(second?.told).toEqual({ user: about, isNew: false, appid, data: null, phone })
    const [, seconds] = /^t=(\d+),/.exec(String(first?.headers['x-weapp-auth-signature'])) ?? []
    expect(first?.headers['x-weapp-auth-signature']).toBe(signBody(SECRET, Number(seconds), first?.body ?? ''))
    expect(JSON.stringify(program.calls)).not.toContain(world.openid('alice', appid))
  })

  test('the sign-in hook may give the user an id of the team, which guarded routes read; a conflict or a number stops no sign-in', async () => {
    const { signIn, program, app, hook } = await start(json(200, { externalId: 'crm-7' }))
    const own = async (answer: Awaited<ReturnType<typeof signIn>>) => {
      const headers = { authorization: `Bearer ${answer.json().token}` }
      return (await app.inject({ url: '/own', headers })).json().externalId
    }
    expect(await own(await signIn())).toBe('crm-7')
    expect(await own(await signIn({}, 'bob'))).toBeNull()
    program.answer = json(200, { externalId: 'crm-8' })
    expect(await own(await signIn())).toBe('crm-7')
    expect(await own(await signIn({}, 'bob'))).toBe('crm-8')
    program.answer = json(200, { externalId: 9 })
    expect(await own(await signIn({}, 'carol'))).toBeNull()
    expect(hook.warnings).toEqual([expect.stringContaining('externalId that is no text')])
  })

  test.each([
    ['nothing', (response: ServerResponse) => void response.writeHead(204).end()],
    ['a text', (response: ServerResponse) => void response.writeHead(200).end('ok')],
    ['null', json(200, null)],
    ['a list', json(299, ['externalId'])],
    ['an externalId that is null', json(200, { externalId: null })],
  ])('a sign-in hook that answers 2xx with %s lets the user in, without a warning', async (_name, answer) => {
    const { signIn, hook } = await start(answer)
    expect((await signIn()).statusCode).toBe(201)
    expect(hook.warnings).toEqual([])
  })

  test('a sign-in hook that answers 403 refuses, and the phone gets its detail', async () => {
    const service = await start(json(403, { detail: '账号已冻结' }))
    const { auth } = createAuthOnPhone(service)
    await expect(auth.ensureLogin()).rejects.toMatchObject({
      code: 'login_rejected',
      problem: 'user_disabled',
      detail: '账号已冻结',
    })
    service.program.answer = json(403, 'no')
    expect((await service.signIn()).json()).toMatchObject({ status: 403, code: 'user_disabled' })
    service.program.answer = json(403, { detail: 'x'.repeat(1_000) })
    expect((await service.signIn()).json().detail).toHaveLength(256)
    service.program.answer = json(200, {})
    const answer = await service.signIn()
    expect(answer.json().user.isNew).toBe(false)
    expect(await service.app.weappAuth.list(answer.json().user.id)).toHaveLength(1)
  })

  test.each<[string, Answer]>([
    ['answers 500', json(500, { externalId: 'crm-7' })],
    ['answers 300', json(300, {})],
    ['answers 401', json(401, {})],
    ['answers a redirect', (response) => void response.writeHead(307, { location: '/elsewhere' }).end()],
    ['answers without an end in sight', (response) => void response.end('x'.repeat(17_000))],
    ['hangs up', (response) => void response.destroy()],
  ])('a sign-in hook that %s lets nobody in: hook_unavailable, with Retry-After', async (_name, answer) => {
    const { signIn, app, program } = await start(answer)
    const refused = await signIn()
    expect(refused.json()).toMatchObject({ status: 503, code: 'hook_unavailable' })
    expect(refused.headers['retry-after']).toBe('1')
    expect(refused.body).not.toContain('127.0.0.1')
    program.answer = json(200, {})
    const { user } = (await signIn()).json()
    expect(await app.weappAuth.list(user.id)).toHaveLength(1)
  })

  test('metrics, traces and the log learn how the sign-in hook was asked, and what it answered', async () => {
    const { url } = await startProgram(json(500, {}))
    const calls: unknown[] = []
    const listener = (call: unknown) => void calls.push(call)
    subscribe(CHANNELS.calls, listener)
    onTestFinished(() => void unsubscribe(CHANNELS.calls, listener))
    await expect(ask(openHook(url).onSignIn)).rejects.toThrow('the sign-in hook failed: it answered 500')
    expect(calls).toMatchObject([{ target: 'hook', operation: 'sign_in', outcome: 'hook_unavailable' }])
  })

  test('a sign-in hook that is not there lets nobody in', async () => {
    const { onSignIn } = openHook('http://127.0.0.1:1/')
    await expect(ask(onSignIn)).rejects.toMatchObject({ code: 'hook_unavailable' })
  })
})

const USER = { id: 'u1', createdAtMs: 0, profile: {}, externalId: null, disabled: null }

function ask(onSignIn: ReturnType<typeof openHook>['onSignIn']) {
  return onSignIn(USER as never, false, null, { appid: 'wx1', phone: null })
}

describe('a sign-in hook that hangs', () => {
  test('a sign-in hook that hangs costs a sign-in two seconds, and holds 64 of them at most; the others are refused at once, and it can come back', async () => {
    const program = await startProgram(() => {})
    const { onSignIn } = openHook(program.url)
    const asked = Array.from({ length: 200 }, () => Promise.resolve(ask(onSignIn)).catch((error) => error))
    await vi.waitFor(() => expect(program.calls).toHaveLength(64), 20_000)
    const errors = await Promise.all(asked)
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['hook_unavailable']))
    const count = (text: string) => errors.filter(({ message }) => message.includes(text)).length
    expect(count('no answer within 2000 ms')).toBe(64)
    expect(count('too many sign-ins wait')).toBe(136)
    expect(program.calls).toHaveLength(64)
    program.answer = json(200, { externalId: 'crm-7' })
    await vi.waitFor(async () => expect(await ask(onSignIn)).toEqual({ externalId: 'crm-7' }), 20_000)
  })

  test('a sign-in hook that hangs does not hold up users who are signed in', async () => {
    const { signIn, program, app } = await start(json(200, {}))
    const headers = { authorization: `Bearer ${(await signIn()).json().token}` }
    program.answer = () => {}
    const refused = Promise.all(Array.from({ length: 100 }, (_, i) => signIn({}, `user${i}`)))
    await vi.waitFor(() => expect(program.calls.length).toBeGreaterThan(1), 20_000)
    expect((await app.inject({ url: '/v1/me', headers })).statusCode).toBe(200)
    // 504: on a busy machine the emulated WeChat, which shares this process, is late too.
    for (const { statusCode } of await refused) expect([503, 504]).toContain(statusCode)
  })
})
