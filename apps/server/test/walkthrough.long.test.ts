import { describe, expect, test } from 'vitest'
import { call, startProcess } from './process.ts'
import { environment } from './service.ts'

/** What a login leaves in the trace. */
const LOGIN = ['wx.login → code', 'jscode2session → openid, session_key', 'POST /v1/sessions → 201']

/** What `npm start` does after the build: the service walks the example mini-program through sign-in. */
describe('the walk-through', () => {
  test('the walk-through shows every way in and out, and the service goes on serving', async () => {
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

  test('the walk-through is in Chinese where the terminal is', async () => {
    const env = { ...(await environment('embedded')), WECHAT_EMULATOR: 'on', LOG_LEVEL: 'warn', LANG: 'zh_CN.UTF-8' }
    const service = startProcess(env, ['--walkthrough'])
    await service.address
    const output = service.output()
    expect(output).toContain('wx.login 6 次，jscode2session 6 次，重复发送的 code 0 个')
    expect(output).toMatch(/^weapp-auth: 服务已启动，请在浏览器中打开 http:\/\/127\.0\.0\.1:\d+$/m)
    const scenes = scenesOf(output, '手机 A')
    expect(scenes.flat().filter((line) => line === '打开小程序')).toHaveLength(5)
    expect(scenes[0]).toEqual(['打开小程序', ...LOGIN, 'GET /products → 200'])
    // Names of calls and the emulator's own messages stay as they are; no sentence of ours is left in English.
    expect(output).not.toMatch(/\b(opens|taps|pulls|pass|valid|expire|phone|sent|serving)\b/)
  })

  test('--lang with an unknown language is refused, and the known ones are named', async () => {
    const service = startProcess({ ...(await environment('embedded')), WECHAT_EMULATOR: 'on' }, ['--lang', 'fr'])
    expect(await service.ended).toBe(1)
    expect(service.output()).toContain('--lang must be one of en, zh, not fr')
  })

  test('a WeChat that refuses the code is shown, and the run reports it', async () => {
    const env = { ...(await environment('embedded')), WECHAT_EMULATOR: 'on' }
    const service = startProcess(env, ['--walkthrough', '--fault', 'jscode2session=40029'])
    expect(await service.ended).toBe(1)
    const [first] = scenesOf(service.output())
    expect(first?.slice(0, 4)).toEqual([
      'opens the mini-program',
      'wx.login → code',
      'jscode2session → errcode 40029',
      'POST /v1/sessions → 400 code_invalid',
    ])
  })

  test.each(['jscode2session', 'jscode2session=busy'])(
    '--fault %s is refused, and says how one is written',
    async (fault) => {
      const env = { ...(await environment('embedded')), WECHAT_EMULATOR: 'on' }
      const service = startProcess(env, ['--walkthrough', '--fault', fault])
      expect(await service.ended).toBe(1)
      expect(service.output()).toContain(`weapp-auth: a fault is written jscode2session=40029, not ${fault}`)
    },
  )
})

/** The trace without names, padding, codes and tokens; a scene ends where a line is empty. */
function scenesOf(output: string, phone = 'phone A'): string[][] {
  const trace = output.slice(output.indexOf(`\n   ${phone}`) + 1)
  return trace
    .split('\n\n')
    .map((scene) => scene.split('\n').filter((line) => line.startsWith('   ')))
    .map((lines) =>
      lines.map((line) =>
        line
          .replace(/^ {3}(phone \w|手机 \w|WeChat|微信)? +/, '')
          .replace(/, (code|token) \S+/, '')
          .replace(/ +→ /, ' → ')
          .replace(/code c\d+$/, 'code')
          .trim(),
      ),
    )
}
