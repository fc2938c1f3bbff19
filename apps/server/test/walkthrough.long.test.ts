import { describe, expect, test } from 'vitest'
import { startProcess } from './process.ts'
import { environment } from './service.ts'
import { LOGIN, scenesOf } from './walkthrough.ts'

describe('the walk-through', () => {
  test('is in Chinese where the terminal is', async () => {
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

  test('--lang with a language that there is not names those there are', async () => {
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
