import { once } from 'node:events'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { call, signIn, startProcess } from './process.ts'
import { COLUMNS, environment, isAvailable } from './service.ts'

const EMULATOR = { WECHAT_EMULATOR: 'on' }

describe.each(COLUMNS.filter(isAvailable))('the service process, stores %s', (column) => {
  test('SIGKILL and a new start keep users and sessions', async () => {
    const env = { ...(await environment(column)), ...EMULATOR }
    const first = startProcess(env)
    const { token, userId } = await signIn(await first.address, 'alice')
    await call(`${await first.address}/v1/me/profile`, { method: 'POST', token, body: { nickname: '小明' } })
    first.child.kill('SIGKILL')
    await first.ended

    const second = startProcess(env)
    const { status, data } = await call(`${await second.address}/v1/me`, { token })
    expect({ status, ...data.user }).toMatchObject({ status: 200, id: userId, profile: { nickname: '小明' } })
    expect((await signIn(await second.address, 'alice')).userId).toBe(userId)
  })

  test('a signed-out token is refused, no token has another code, and SIGTERM ends it with exit code 0', async () => {
    const service = startProcess({ ...(await environment(column)), ...EMULATOR })
    const address = await service.address
    const { token } = await signIn(address, 'alice')
    expect(await call(`${address}/v1/me`)).toMatchObject({ status: 401, data: { code: 'session_missing' } })
    expect((await call(`${address}/v1/session`, { method: 'DELETE', token })).status).toBe(204)
    expect(await call(`${address}/v1/me`, { token })).toMatchObject({
      status: 401,
      data: { code: 'session_revoked', reason: 'signed_out' },
    })
    service.child.kill('SIGTERM')
    expect(await service.ended).toBe(0)
  })

  test('a sign-in under way at SIGTERM is answered 201, because the stores close after it', async () => {
    const service = startProcess({ ...(await environment(column)), ...EMULATOR })
    const address = await service.address
    await call(`${address}/emulator/faults`, { body: { point: 'jscode2session', delayMs: 2_500 } })
    const { data: login } = await call(`${address}/emulator/wx-login`, { body: { user: 'alice' } })
    const signedIn = call(`${address}/v1/sessions`, { body: login })
    // The service asks WeChat meanwhile, and is not answered yet.
    await sleep(800)
    service.child.kill('SIGTERM')
    expect(await signedIn).toMatchObject({ status: 201, data: { tokenType: 'Bearer' } })
    expect(await service.ended).toBe(0)
  })

  test('nothing it prints holds a secret, at the most talkative log level', async () => {
    const env: Record<string, string> = { ...(await environment(column)), ...EMULATOR, LOG_LEVEL: 'trace' }
    const service = startProcess(env)
    const address = await service.address
    const { code, token } = await signIn(address, 'alice')
    await call(`${address}/v1/me`, { token })
    await call(`${address}/v1/sessions`, { body: { appid: 'wx0000000000000000', code } })
    await call(`${address}/v1/sessions`, { body: `{ "appid": "wx0000000000000000", "code": "${code}` })
    await call(`${address}/v1/sessions`, { body: { appid: 'wx0000000000000000', code: `${code}&appid=x` } })
    await call(`${address}/v1/me?access_token=${token}`, { token: `${token}x` })
    await call(`${address}/products`, { token })
    service.child.kill('SIGTERM')
    await service.ended

    expect(service.output()).toContain('/v1/sessions')
    const secrets = [code, token, 'emulator-only-not-a-secret', env.SESSION_KEY_KEYS?.slice(3)].filter(Boolean)
    for (const secret of secrets as string[]) {
      for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64url').slice(0, 40)]) {
        expect(service.output()).not.toContain(form)
      }
    }
  })
})

describe('starting', () => {
  test.each([
    ['nothing configured', {}, /WECHAT_APPID and WECHAT_SECRET.*WECHAT_EMULATOR=on/],
    ['the emulator beside a secret', { ...EMULATOR, WECHAT_APPID: 'wx1', WECHAT_SECRET: 's' }, /refused beside a real/],
  ])('%s is refused with what to do', async (_, env, advice) => {
    const service = startProcess({ ...(await environment('embedded')), ...env })
    expect(await service.ended).toBe(1)
    expect(service.output()).toMatch(advice)
    expect(service.output()).not.toMatch(/^\s+at /m)
  })

  test('a port in use is one clear line', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as { port: number }
    const service = startProcess({ ...(await environment('embedded')), ...EMULATOR, PORT: `${port}` })
    expect(await service.ended).toBe(1)
    expect(service.output()).toMatch(new RegExp(`^weapp-auth: port ${port} is in use: .*set PORT.*$`, 'm'))
    const chinese = startProcess({ ...(await environment('embedded')), ...EMULATOR, PORT: `${port}` }, ['--lang', 'zh'])
    expect(await chinese.ended).toBe(1)
    expect(chinese.output()).toMatch(new RegExp(`^weapp-auth: 端口 ${port} 已被占用：`, 'm'))
    holder.close()
  })

  test('a data folder that cannot be written is one clear line', async () => {
    const { DATA_DIR = '' } = await environment('embedded')
    mkdirSync(DATA_DIR, { recursive: true })
    writeFileSync(join(DATA_DIR, 'file'), '')
    const service = startProcess({ ...EMULATOR, DATA_DIR: join(DATA_DIR, 'file', 'data') })
    expect(await service.ended).toBe(1)
    expect(service.output()).toMatch(/^weapp-auth: DATA_DIR .* cannot be written \(ENOTDIR\): .*set DATA_DIR$/m)
  })

  test('a damaged key file is one clear line that names it', async () => {
    const { DATA_DIR = '' } = await environment('embedded')
    writeFileSync(join(DATA_DIR, 'session-keys'), '')
    const service = startProcess({ ...EMULATOR, DATA_DIR })
    expect(await service.ended).toBe(1)
    expect(service.output()).toMatch(/^weapp-auth: \S+session-keys is damaged: restore it, or remove it .*$/m)
  })

  test('files of the embedded stores can be read by the user of the service alone', async () => {
    const { DATA_DIR = '' } = await environment('embedded')
    mkdirSync(DATA_DIR, { recursive: true, mode: 0o755 })
    await signIn(await startProcess({ ...EMULATOR, DATA_DIR }).address, 'alice')
    const files = readdirSync(DATA_DIR)
    expect(files).toEqual(expect.arrayContaining(['session-keys', 'sessions.sqlite', 'users.sqlite']))
    for (const file of files) expect(statSync(join(DATA_DIR, file)).mode & 0o077, file).toBe(0)
  })

  test('a database that cannot be opened is one clear line', async () => {
    const { DATA_DIR = '' } = await environment('embedded')
    mkdirSync(join(DATA_DIR, 'users.sqlite'), { recursive: true })
    const service = startProcess({ ...EMULATOR, DATA_DIR })
    expect(await service.ended).toBe(1)
    expect(service.output()).toMatch(/^weapp-auth: .*users\.sqlite is not a file, .*set DATA_DIR$/m)
  })

  test('a second process on the same data folder is refused, and the first goes on', async () => {
    const env = { ...(await environment('embedded')), ...EMULATOR }
    const first = startProcess(env)
    const { token } = await signIn(await first.address, 'alice')
    const second = startProcess(env)
    expect(await second.ended).toBe(1)
    expect(second.output()).toMatch(/^weapp-auth: .*another process/m)
    expect((await call(`${await first.address}/v1/me`, { token })).status).toBe(200)
  })

  test.each([
    ['on', 'evil.example', 404],
    ['on', 'localhost:3000', 201],
    ['exposed', 'demo.example', 201],
  ])('with WECHAT_EMULATOR=%s a sign-in under the name %s is answered %i', async (emulator, host, status) => {
    const service = startProcess({ ...(await environment('embedded')), WECHAT_EMULATOR: emulator })
    const address = await service.address
    const post = async (path: string, body: object, name: string) => {
      const headers = { host: name, 'content-type': 'application/json' }
      const sent = request(`${address}${path}`, { method: 'POST', headers }).end(JSON.stringify(body))
      const [answer] = (await once(sent, 'response')) as [IncomingMessage]
      const [text] = await once(answer.setEncoding('utf8'), 'data')
      return { status: answer.statusCode, data: JSON.parse(text) }
    }
    const { data } = await post('/emulator/wx-login', { user: 'alice' }, '127.0.0.1')
    expect((await post('/v1/sessions', data, host)).status).toBe(status)
    if (status === 404) expect((await post('/emulator/wx-login', { user: 'alice' }, host)).status).toBe(404)
  })

  test('without the emulator nothing of the demonstration exists', async () => {
    const env = { ...(await environment('embedded')), WECHAT_APPID: 'wx1', WECHAT_SECRET: 'canary-secret' }
    const service = startProcess(env)
    const address = await service.address
    expect(service.output()).toMatch(/signing in users of wx1 through https:\/\/api\.weixin\.qq\.com/)
    for (const path of ['/', '/products', '/emulator/ledger', '/emulator/wx-login']) {
      expect((await call(`${address}${path}`).catch(() => ({ status: 0 }))).status, path).toBe(404)
    }
    expect((await call(`${address}/readyz`)).data).toEqual({
      status: 'ready',
      stores: { sessions: 'up', users: 'up' },
    })
    expect(service.output()).not.toContain('canary-secret')
  })
})
