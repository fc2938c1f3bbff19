// @vitest-environment jsdom

import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDevice, type Device, localLink } from '@weapp-auth/emulator'
// Takes seconds on a busy machine: loaded later, it would make the service in this process an overloaded one.
import simulate from 'miniprogram-simulate'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Service, startService } from '../../server/test/service.ts'

const BUILT = join(import.meta.dirname, '../dist')
const CLIENT = realpathSync(join(import.meta.dirname, '../../../packages/client'))

/** The built app where Node's `require` takes its files for CommonJS, with the client where Node looks for it. */
const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-simulate-'))
cpSync(BUILT, folder, { recursive: true })
writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }')
mkdirSync(join(folder, 'node_modules/@weapp-auth'), { recursive: true })
symlinkSync(CLIENT, join(folder, 'node_modules/@weapp-auth/client'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** WeChat's own component test runner, with the emulator's `wx` in place of its stub. */
describe('login-button', () => {
  let service: Service
  let device: Device

  beforeEach(async () => {
    // Compiling the component makes this process late, which is no reason to refuse the phone.
    service = await startService('embedded')
    device = createDevice({
      link: localLink(service.world),
      appid: service.world.apps[0]?.appid ?? '',
      resolve: (url) => new URL(url.pathname + url.search, service.baseUrl),
    })
    device.lifecycle.launch()
  })

  test('a tap signs in: wx.login, the service, the token kept, the page told', async () => {
    const { button, text, tap } = await render()
    const signedIn = vi.fn()
    // Missing from its types.
    const events = button as unknown as {
      addEventListener(name: string, fn: (event: { detail: unknown }) => void): void
    }
    events.addEventListener('login', ({ detail }) => signedIn(detail))
    expect(text()).toBe('微信登录')
    await tap()
    expect(text()).toBe('登录中…')
    await expect.poll(() => signedIn).toHaveBeenCalledOnce()
    expect(signedIn.mock.calls[0]?.[0]).toMatchObject({ user: { isNew: true } })
    expect(text()).toBe('微信登录')
    expect(service.world.ledger.count('jscode2session', { errcode: 0 })).toBe(1)
    expect(JSON.stringify(device.wx.getStorageSync('weapp-auth:http://127.0.0.1:3000'))).toMatch(/wxs1\./)
  })

  test('impatient taps sign in once', async () => {
    const { tap, text } = await render()
    for (let i = 0; i < 5; i++) await tap()
    await expect.poll(text).toBe('微信登录')
    expect(service.world.ledger.count('wx.login')).toBe(1)
  })

  test('codes that are refused twice are told, and the next tap may succeed', async () => {
    // The client tries a second code by itself.
    service.world.faults.set('jscode2session', { errcode: 40029, times: 2 })
    const { tap, text, error } = await render()
    await tap()
    await expect.poll(error).toBe('登录未通过，请重试')
    expect(text()).toBe('微信登录')
    await tap()
    expect(error()).toBeNull()
    await expect.poll(text).toBe('微信登录')
    expect(error()).toBeNull()
    expect(device.wx.getStorageSync('weapp-auth:http://127.0.0.1:3000')).toBeTruthy()
  })

  test('offline it says so', async () => {
    device.network.setOnline(false)
    const { tap, error } = await render()
    await tap()
    await expect.poll(error).toBeTruthy()
    expect(service.world.ledger.count('jscode2session')).toBe(0)
  })

  async function render() {
    // Modules are kept between tests, and the client's with the session in it: a fresh phone is a fresh start.
    Object.assign(wx, device.wx)
    forget(folder)
    forget(CLIENT)
    const id = simulate.load(join(folder, 'components/login-button/login-button'), 'login-button', {
      rootPath: folder,
      compiler: 'official',
    })
    const button = simulate.render(id)
    button.attach(document.createElement('div'))
    return {
      button,
      text: () => button.querySelector('.login')?.dom?.textContent?.trim() ?? '',
      error: () => button.querySelector('.error')?.dom?.textContent?.trim() ?? null,
      tap: async () => {
        button.querySelector('.login')?.dispatchEvent('tap')
        await simulate.sleep(0)
      },
    }
  }
})

/** Each test starts the app anew: module state of the last one must not be there. */
function forget(inFolder: string): void {
  const { cache } = createRequire(import.meta.url)
  for (const file of Object.keys(cache)) if (file.startsWith(inFolder)) delete cache[file]
}
