import { DEMO_APP } from '@weapp-auth/emulator'
import { expect, onTestFinished, test, vi } from 'vitest'
import { parseConfig } from '../src/config.ts'
import { createAuthOnPhone, environment, isAvailable, startService } from './service.ts'

const SECRETS = { token: 'PushToken2026', aesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' }

test.skipIf(!isAvailable('shared'))(
  'WeChat tells one process of a closed account: the phone is signed out in the other, and the message counts once in both',
  async () => {
    const env = await environment('shared')
    const { appid } = DEMO_APP
    const { push } = parseConfig({ WECHAT_EMULATOR: 'on', WECHAT_PUSH: JSON.stringify({ [appid]: SECRETS }) })
    const deps = { push }
    const told = await startService(env, undefined, deps)
    const other = await startService(env, undefined, deps)
    const { pushes } = other.world
    const { auth } = createAuthOnPhone(other)
    const { user } = await auth.ensureLogin()
    const path = `/wechat/push/${appid}`
    pushes.setTarget(appid, { ...SECRETS, url: told.baseUrl + path, format: 'xml' })
    expect(await pushes.verify(appid)).toBe(true)
    const sent: [url: string, init: RequestInit][] = []
    const { fetch } = globalThis
    vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
      sent.push([url, init])
      return fetch(url, init)
    })
    onTestFinished(() => void vi.unstubAllGlobals())
    expect(await pushes.accountEvent('alice', appid, 'user_authorization_cancellation')).toMatchObject({ taken: true })
    await expect(auth.request({ url: '/v1/me' })).rejects.toMatchObject({ code: 'logged_out' })
    const again = (await auth.ensureLogin({ force: true })).user
    expect(again.id).not.toBe(user.id)
    for (const { baseUrl } of [other, told]) {
      const [url, init] = sent[0] as (typeof sent)[number]
      const answer = await fetch(url.replace(told.baseUrl, baseUrl), init)
      expect([answer.status, await answer.text()]).toEqual([200, 'success'])
    }
    expect((await auth.request({ url: '/v1/me' })).statusCode).toBe(200)
  },
)
