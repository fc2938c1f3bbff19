import { execFileSync } from 'node:child_process'
import { expect, test, vi } from 'vitest'
import { call, startProcess } from './process.ts'
import { environment } from './service.ts'

test('embedded stores on a full disk: reading goes on, signing in is 503 and spends no code, and all is back with room', async () => {
  const env = { ...(await environment('embedded')), WECHAT_EMULATOR: 'on' }
  // Without the signal, a write beyond the limit of a process for files fails as on a full disk.
  const service = startProcess(env, [], "trap '' XFSZ")
  const address = await service.address
  const limitFiles = (bytes: string) => execFileSync('prlimit', [`--pid=${service.child.pid}`, `--fsize=${bytes}:`])
  const login = async () => (await call(`${address}/emulator/wx-login`, { body: { user: crypto.randomUUID() } })).data
  const signIn = (body: unknown) => call(`${address}/v1/sessions`, { body })
  const { data: first } = await signIn(await login())

  limitFiles('1')
  await vi.waitFor(async () => {
    const ready = await call(`${address}/readyz`)
    expect(ready).toMatchObject({ status: 503, data: { stores: { sessions: 'down', users: 'down' } } })
  }, 10_000)
  const code = await login()
  expect(await signIn(code)).toMatchObject({ status: 503, data: { code: 'store_unavailable' } })
  expect((await call(`${address}/livez`)).status).toBe(200)
  expect((await call(`${address}/v1/verify`, { token: first.token })).status).toBe(204)
  const signOut = await call(`${address}/v1/session`, { method: 'DELETE', token: first.token })
  expect(signOut).toMatchObject({ status: 503, data: { code: 'store_unavailable' } })

  limitFiles('unlimited')
  await vi.waitFor(async () => expect((await call(`${address}/readyz`)).status).toBe(200), 5_000)
  expect((await signIn(code)).status).toBe(201)
  expect((await call(`${address}/v1/session`, { method: 'DELETE', token: first.token })).status).toBe(204)
})
