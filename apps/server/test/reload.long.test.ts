import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createWorld, startWechat } from '@weapp-auth/emulator'
import { generateVaultKey } from '@weapp-auth/fastify'
import { expect, onTestFinished, test, vi } from 'vitest'
import { call, startProcess } from './process.ts'
import { environment } from './service.ts'

test('while users sign in, SIGHUP puts new secrets to use and loses no sign-in, and with a wrong one the old ones stay', async () => {
  const world = createWorld()
  const wechat = await startWechat(world)
  onTestFinished(() => wechat.close())
  const app = world.apps[0] as { appid: string; secret: string }
  const env = await environment('embedded')
  const oldKey = generateVaultKey()
  const write = (name: string, text: string) => {
    // As a container platform does it: a reader sees the old file or the new one.
    const file = join(env.DATA_DIR ?? '', name)
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
    return file
  }
  const service = startProcess({
    ...env,
    WECHAT_API_BASE_URL: wechat.baseUrl,
    WECHAT_APPS_FILE: write('apps', appsOf(app.secret)),
    SESSION_KEY_KEYS_FILE: write('keys', oldKey),
  })
  const address = await service.address

  let isOver = false
  const statuses = new Map<number, number>()
  const signInAllTheWhile = async (user: string) => {
    for (let i = 0; !isOver; i++) {
      const { appid, code } = { appid: app.appid, ...world.login(`${user}-${i % 5}`, app.appid) }
      const { status } = await call(`${address}/v1/sessions`, { body: { appid, code } })
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  const phones = ['a', 'b', 'c', 'd'].map(signInAllTheWhile)
  const someMore = async () => {
    const before = statuses.get(201) ?? 0
    await vi.waitFor(() => expect(statuses.get(201) ?? 0).toBeGreaterThan(before + 20), 30_000)
  }
  const hangUp = async (line: RegExp) => {
    const seen = service.output().length
    service.child.kill('SIGHUP')
    await vi.waitFor(() => expect(service.output().slice(seen)).toMatch(line), 30_000)
    await someMore()
  }

  await someMore()
  write('apps', appsOf('the next appSecret', app.secret))
  write('keys', `${generateVaultKey()},${oldKey}`)
  await hangUp(/were read again: WECHAT_APPS, SESSION_KEY_KEYS/)
  app.secret = 'the next appSecret'
  await someMore()
  write('apps', appsOf('the next appSecret'))
  await hangUp(/were read again/)
  write('apps', '[')
  write('keys', generateVaultKey())
  await hangUp(/"level":50.*WECHAT_APPS must be JSON/)
  isOver = true
  await Promise.all(phones)
  expect([...statuses.keys()]).toEqual([201])
  expect(service.output()).not.toContain('appSecret 1 of 1')

  service.child.kill('SIGTERM')
  expect(await service.ended).toBe(0)
  for (const secret of ['the next appSecret', oldKey]) expect(service.output()).not.toContain(secret)

  function appsOf(...secrets: string[]): string {
    return JSON.stringify([{ appid: app.appid, secrets }])
  }
})

test('SIGHUP ends a service whose secrets stand in no file', async () => {
  const service = startProcess({ ...(await environment('embedded')), WECHAT_EMULATOR: 'on' })
  await service.address
  service.child.kill('SIGHUP')
  expect(await service.ended).toBe(0)
})
