import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createAuth } from '@weapp-auth/client'
import { createDevice, localLink } from '@weapp-auth/emulator'
import { findFreePort } from '@weapp-auth/test-servers'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startServiceApi } from './service-api.ts'

const EXAMPLE = join(import.meta.dirname, '../../examples/python-service-api')

test('a backend in Python signs in by its own password, guards, pays, kicks and erases, without a line of Node', async () => {
  const { service, api, tokens } = await startServiceApi()
  const serviceUrl = await api.listen({ host: '127.0.0.1', port: 0 })
  const appid = service.world.apps[0]?.appid ?? ''
  const backend = await startBackend({ SERVICE_URL: serviceUrl, SERVICE_TOKEN: tokens.all, APPID: appid })
  const { wx, clock } = createDevice({ link: localLink(service.world), appid, user: 'alice', name: 'phone' })
  const auth = createAuth({ baseUrl: service.baseUrl, allowOrigins: [backend], wx, now: clock.now, autoLogin: false })
  const post = (path: string, o: { data?: object; auth?: 'none' } = {}) =>
    auth.request({ url: backend + path, method: 'POST', ...o })

  const refused = await auth
    .loginWith({ url: `${backend}/login`, data: { name: 'xiaoming', password: 'wrong' } })
    .catch((error) => error)
  expect(refused).toMatchObject({ code: 'login_rejected' })
  const login = () => auth.loginWith({ url: `${backend}/login`, data: { name: 'xiaoming', password: 'correct horse' } })
  const { user } = await login()
  // What the backend says is what the service says.
  expect((await auth.request({ url: `${backend}/orders` })).data).toEqual({ ordersOf: user.id, externalId: 'xiaoming' })
  expect((await auth.request({ url: `${backend}/orders`, auth: 'none' })).statusCode).toBe(401)

  expect((await post('/pay')).statusCode).toBe(409)
  const code = await new Promise<string>((resolve) => wx.login({ success: ({ code }) => resolve(code) }))
  expect((await post('/link', { data: { code } })).statusCode).toBe(204)
  expect((await post('/link', { data: { code } })).data).toMatchObject({ code: 'code_used' })
  expect((await post('/pay')).data).toEqual({ prepared: true })

  expect((await post('/admin/kick/xiaoming', { auth: 'none' })).data).toEqual({ revoked: 1 })
  const ended = new Promise((resolve) => auth.on('logout', resolve))
  // For as long as the backend remembers the session it goes on: the bound is in its settings.
  const isOver = async () =>
    (await auth.request({ url: `${backend}/orders` }).catch(({ code }) => ({ code }))) as object
  await expect.poll(isOver).toMatchObject({ code: 'logged_out' })
  expect(await ended).toMatchObject({ reason: 'admin' })

  expect((await login()).user.id).toBe(user.id)
  expect((await post('/admin/erase/xiaoming', { auth: 'none' })).statusCode).toBe(204)
  await expect.poll(isOver).toMatchObject({ code: 'logged_out' })
  expect((await login()).user.id).not.toBe(user.id)

  await api.close()
  await expect.poll(async () => (await auth.request({ url: `${backend}/orders` })).statusCode).toBe(503)
})

async function startBackend(env: Record<string, string>): Promise<string> {
  const port = await findFreePort()
  // Debian's Python is the one that has Debian's Flask.
  const child: ChildProcess = spawn(
    '/usr/bin/python3',
    ['-B', '-m', 'flask', 'run', '--host', '127.0.0.1', '--port', String(port)],
    {
      cwd: EXAMPLE,
      env: { PATH: process.env.PATH, INTROSPECTION_CACHE_SECONDS: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
    })
  }
  const ended = new Promise((resolve) => child.once('exit', resolve))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const url = `http://127.0.0.1:${port}`
  await vi.waitFor(
    async () => {
      if (child.exitCode !== null) throw new Error(`the backend ended with ${child.exitCode}:\n${printed}`)
      await fetch(`${url}/nowhere`).catch(() => {
        throw new Error(`the backend does not listen:\n${printed}`)
      })
    },
    { timeout: 60_000, interval: 100 },
  )
  return url
}
