import { describe, expect, test } from 'vitest'
import { call, startProcess } from './process.ts'
import { environment } from './service.ts'
import { LOGIN, scenesOf } from './walkthrough.ts'

/** What `npm start` does after the build: the service walks the example mini-program through sign-in. Its languages and faults: `walkthrough.long.test.ts`. */
describe('the walk-through', () => {
  test('shows every way in and out, and the service goes on serving', async () => {
    const env = { ...(await environment('embedded')), WECHAT_EMULATOR: 'on', LOG_LEVEL: 'warn' }
    const service = startProcess(env, ['--walkthrough'])
    const address = await service.address

    const [
      first,
      stored,
      expiredKey,
      offline,
      retry,
      hint,
      refused,
      second,
      profile,
      devices,
      elsewhere,
      ended,
      again,
      tap,
    ] = scenesOf(service.output())
    expect(first).toEqual(['opens the mini-program', ...LOGIN, 'GET /products → 200'])
    expect(stored).toEqual([
      'opens the mini-program',
      'wx.checkSession → the session_key is valid',
      'GET /products → 200',
    ])
    // The page does not wait for the login that the dead key causes.
    expect(expiredKey?.slice(1).sort()).toEqual(
      [
        'opens the mini-program',
        'wx.checkSession → session time out, need relogin',
        ...LOGIN,
        'GET /products → 200',
      ].sort(),
    )
    expect(offline).toEqual([
      'opens the mini-program',
      'wx.checkSession → ERR_INTERNET_DISCONNECTED',
      'GET /products → ERR_INTERNET_DISCONNECTED',
    ])
    expect(retry).toEqual(['taps #retry', 'GET /products → 200'])
    expect(hint?.slice(-5)).toEqual(['pulls the page down to refresh it', ...LOGIN, 'GET /products → 200'])
    expect(refused?.slice(-6)).toEqual([
      'pulls the page down to refresh it',
      'GET /products → 401 session_invalid',
      ...LOGIN,
      'GET /products → 200',
    ])
    expect(second).toEqual(['opens the mini-program', ...LOGIN, 'GET /products → 200'])
    expect(profile).toEqual(['taps tab pages/profile/profile', 'GET /v1/me → 200'])
    expect(devices).toEqual(['taps #to-devices', 'GET /v1/sessions → 200'])
    expect(elsewhere).toEqual(['taps #sign-out-others', 'DELETE /v1/sessions → 200', 'GET /v1/sessions → 200'])
    expect(ended).toEqual([
      'pulls the page down to refresh it',
      'GET /products → 401 session_revoked (signed_out_elsewhere)',
    ])
    expect(again).toEqual(['pulls the page down to refresh it'])
    expect(tap).toEqual(['taps #login >>> .login', ...LOGIN, 'GET /products → 200'])
    expect(service.output()).toContain('6 × wx.login, 6 × jscode2session, 0 codes sent twice')
    // Of Node or Fastify: nothing that the reader could do anything about.
    expect(service.output()).not.toMatch(/Warning|Deprecation/)

    const landing = await (await fetch(`${address}/emulator`)).text()
    expect(landing).toContain(`curl -s ${address}/emulator/wx-login`)
    const headers = { 'accept-language': 'zh-CN,zh;q=0.9,en;q=0.8' }
    const chinese = await (await fetch(`${address}/emulator`, { headers })).text()
    expect(chinese).toContain('<html lang="zh">')
    expect(chinese.match(/<td>[^<一-鿿]*$/gm)).toBeNull()
    expect((await call(`${address}/readyz`)).status).toBe(200)
  })
})
