import { once } from 'node:events'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { call, signIn, startProcess } from './process.ts'
import { COLUMNS, environment, isAvailable } from './service.ts'
import { EMULATOR, serviceProcess } from './service-process.ts'

for (const column of COLUMNS) {
  describe.skipIf(!isAvailable(column))(`the service process, stores ${column}`, () => serviceProcess(column))
}

describe('starting', () => {
  test.each([
    ['nothing configured', {}, /WECHAT_APPID and WECHAT_SECRET.*WECHAT_EMULATOR=on/],
    ['the emulator beside a secret', { ...EMULATOR, WECHAT_APPID: 'wx1', WECHAT_SECRET: 's' }, /refused beside a real/],
  ])('a start with %s is refused, and the message says what to do', async (_, env, advice) => {
    const service = startProcess({ ...(await environment('embedded')), ...env })
    expect(await service.ended).toBe(1)
    expect(service.output()).toMatch(advice)
    expect(service.output()).not.toMatch(/^\s+at /m)
  })

  test('a start on a port in use ends with one clear line', async () => {
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

  test('a start with a data folder that cannot be written ends with one clear line', async () => {
    const { DATA_DIR = '' } = await environment('embedded')
    mkdirSync(DATA_DIR, { recursive: true })
    writeFileSync(join(DATA_DIR, 'file'), '')
    const service = startProcess({ ...EMULATOR, DATA_DIR: join(DATA_DIR, 'file', 'data') })
    expect(await service.ended).toBe(1)
    expect(service.output()).toMatch(/^weapp-auth: DATA_DIR .* cannot be written \(ENOTDIR\): .*set DATA_DIR$/m)
  })

  test('a start with a damaged key file ends with one clear line that names the file', async () => {
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

  test('a start with a database that cannot be opened ends with one clear line', async () => {
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

test('the emulator of a running service gives what a phone would get', async () => {
  const address = await startProcess({ ...(await environment('embedded')), WECHAT_EMULATOR: 'on' }).address
  const { token } = await signIn(address, 'alice')
  const { data: info } = await call(`${address}/emulator/user-info`, { body: { user: 'alice' } })
  expect(await call(`${address}/v1/open-data/decrypt`, { body: info, token })).toEqual({
    status: 200,
    data: { data: info.userInfo },
  })
  const steps = { stepInfoList: [{ timestamp: 1, step: 5 }] }
  const { data: encrypted } = await call(`${address}/emulator/encrypt`, { body: { user: 'alice', data: steps } })
  expect((await call(`${address}/v1/open-data/decrypt`, { body: encrypted, token })).data).toEqual({ data: steps })
  expect(await call(`${address}/v1/session-key/check`, { method: 'POST', token })).toEqual({
    status: 200,
    data: { valid: true },
  })
})
