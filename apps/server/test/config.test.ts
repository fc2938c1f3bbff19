import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConfigError, parseConfig } from '../src/config.ts'
import type { Language } from '../src/language.ts'

const REAL_APP = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's' }

describe('parseConfig', () => {
  test('an empty environment is refused, and the problem says what to set', () => {
    expect(problemsOf({})).toEqual([expect.stringMatching(/WECHAT_APPID and WECHAT_SECRET.*WECHAT_EMULATOR=on/)])
  })

  test('every problem is listed at once', () => {
    const problems = problemsOf({
      ...REAL_APP,
      PORT: '70000',
      LOG_LEVEL: 'loud',
      WECHAT_EMULATOR: 'yes',
      REDIS_URL: 'localhost:6379',
      SESSION_IDLE_SECONDS: '2h',
    })
    expect(() => parseConfig({ ...REAL_APP, PORT: '70000', LOG_LEVEL: 'loud' })).toThrow(
      /^the configuration cannot be used:\n {2}- PORT must .*\n {2}- LOG_LEVEL must .*$/,
    )
    expect(problems).toEqual([
      'PORT must be a whole number from 0 to 65535',
      expect.stringMatching(/^LOG_LEVEL must be one of fatal/),
      'WECHAT_EMULATOR must be one of off, on, exposed',
      expect.stringMatching(/^REDIS_URL must be an address like redis:\/\/127.0.0.1:6379/),
      'SESSION_IDLE_SECONDS must be a whole number from 60 to 31536000',
      expect.stringMatching(/beside a real secret/),
    ])
  })

  test('the defaults are those of the documentation', () => {
    expect(parseConfig(REAL_APP)).toEqual({
      host: '127.0.0.1',
      port: 3000,
      dataDir: './data',
      logLevel: 'info',
      apps: [{ appid: 'wx1', secrets: ['s'] }],
      wechatApiBaseUrl: 'https://api.weixin.qq.com',
      emulator: false,
      emulatorExposed: false,
      redisUrl: null,
      databaseUrl: null,
      sessionIdleSeconds: 7200,
      sessionAbsoluteSeconds: 2_592_000,
      sessionLimit: 20,
      sessionCacheMs: 2000,
      trustProxy: [],
      sessionKeyKeys: null,
      linkByPhone: false,
      push: null,
      signInHook: null,
      eventHook: null,
      avatarS3Url: null,
      avatarPublicUrl: null,
      tracesTo: null,
      service: null,
      eventsDays: 90,
    })
  })

  test('.env.example has every variable with its default', () => {
    const example = readFileSync(join(import.meta.dirname, '../../../.env.example'), 'utf8')
    const source = readFileSync(join(import.meta.dirname, '../src/config.ts'), 'utf8')
    const shown = Object.fromEntries(
      [...example.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    )
    expect(Object.keys(shown).sort()).toEqual([...source.matchAll(/^ {4}([A-Z_]+):/gm)].map(([, name]) => name).sort())
    expect(parseConfig({ ...shown, ...REAL_APP })).toEqual(parseConfig(REAL_APP))
  })

  test('an empty variable counts as not set', () => {
    expect(parseConfig({ ...REAL_APP, PORT: '', REDIS_URL: '' })).toMatchObject({ port: 3000, redisUrl: null })
  })

  test('several mini-programs come as JSON', () => {
    const WECHAT_APPS = JSON.stringify([{ appid: 'wx1', secrets: ['new', 'old'] }])
    expect(parseConfig({ WECHAT_APPS }).apps).toEqual([{ appid: 'wx1', secrets: ['new', 'old'] }])
    const both = [
      { appid: 'wx1', secrets: ['a'] },
      { appid: 'wx2', secrets: ['b'] },
    ]
    expect(parseConfig({ WECHAT_APPS: JSON.stringify(both) }).apps).toEqual(both)
  })

  test.each([
    ['not JSON', 'wx1:secret'],
    ['no secrets', '[{"appid":"wx1","secrets":[]}]'],
    ['an empty list', '[]'],
    ['one appid twice', '[{"appid":"wx1","secrets":["a"]},{"appid":"wx1","secrets":["b"]}]'],
  ])('WECHAT_APPS with %s is refused without showing its secrets', (_, WECHAT_APPS) => {
    const problems = problemsOf({ WECHAT_APPS })
    expect(problems).toEqual([expect.stringMatching(/^WECHAT_APPS /)])
    expect(problems.join()).not.toContain('secret"')
  })

  test.each([
    'redis://user:password@127.0.0.1:6379/0',
    'rediss://redis.example.com',
    'redis+sentinel://a:26379,b:26379/mymaster',
    'redis+sentinel://:password@a:26379,[::1]:26379/mymaster',
    'redis+cluster://user:password@a:6379,b:6379',
  ])('REDIS_URL may be %s', (REDIS_URL) => {
    expect(parseConfig({ ...REAL_APP, REDIS_URL }).redisUrl).toBe(REDIS_URL)
  })

  test.each([
    'http://127.0.0.1',
    'redis+sentinel://a:26379,b:26379',
    'redis+cluster://',
    'redis+cluster://a:6379,,b:6379',
    'redis+cluster://a:6379,b:x',
  ])('REDIS_URL as %s is refused', (REDIS_URL) => {
    expect(problemsOf({ ...REAL_APP, REDIS_URL })).toEqual([expect.stringMatching(/^REDIS_URL must be an address/)])
  })

  test('TRUST_PROXY is a list of addresses and ranges', () => {
    const TRUST_PROXY = '10.0.0.0/8, fd00::/8,192.0.2.7'
    expect(parseConfig({ ...REAL_APP, TRUST_PROXY }).trustProxy).toEqual(['10.0.0.0/8', 'fd00::/8', '192.0.2.7'])
  })

  test.each(['0.0.0.0/1', '10.0.0.0/16', '192.0.2.7/32', 'fd00::/64', 'fd00::/128'])(
    'TRUST_PROXY may be the range %s',
    (TRUST_PROXY) => expect(parseConfig({ ...REAL_APP, TRUST_PROXY }).trustProxy).toEqual([TRUST_PROXY]),
  )

  test.each([
    ...['true', '1', '*', 'loopback', '10.0.0.0/33', '0.0.0.0/0', '10.0.0.1,', 'proxy.internal', '::/129', '::/0'],
    ...['10.0.0.0/8x', '10.0.0.0/', 'x/10.0.0.0/8', '10.0.0.0/8/8'],
  ])('TRUST_PROXY as %s, which would trust anybody or nobody, is refused', (TRUST_PROXY) => {
    expect(problemsOf({ ...REAL_APP, TRUST_PROXY })).toEqual([expect.stringMatching(/^TRUST_PROXY must be/)])
  })

  test.each([
    ['an appid without its secret', { WECHAT_APPID: 'wx1' }],
    ['a secret without its appid', { WECHAT_SECRET: 's' }],
    ['both ways of naming mini-programs', { ...REAL_APP, WECHAT_APPS: '[{"appid":"wx2","secrets":["a"]}]' }],
    ['the emulator beside a real secret', { ...REAL_APP, WECHAT_EMULATOR: 'on' }],
    ['the emulator on a public address', { WECHAT_EMULATOR: 'on', HOST: '0.0.0.0' }],
    ['the emulator beside another WeChat', { WECHAT_EMULATOR: 'on', WECHAT_API_BASE_URL: 'http://127.0.0.1:1' }],
    ['an absolute lifetime below the idle one', { ...REAL_APP, SESSION_ABSOLUTE_SECONDS: '60' }],
    ['a shared database without a shared key ring', { ...REAL_APP, DATABASE_URL: 'postgres://a@b/c' }],
    ['a bucket without credentials', { ...REAL_APP, AVATAR_S3_URL: 'https://pics.example.com' }],
    ['an address of avatars with a query', { ...REAL_APP, AVATAR_PUBLIC_URL: 'https://cdn.example.com/a?b' }],
    ['a key of the wrong length', { ...REAL_APP, SESSION_KEY_KEYS: 'k1:c2hvcnQ=' }],
  ])('%s is refused', (_, env) => {
    expect(problemsOf(env)).toHaveLength(1)
  })

  test.each<Record<string, string>>([
    {},
    {
      ...REAL_APP,
      PORT: 'x',
      LOG_LEVEL: 'x',
      REDIS_URL: 'x',
      DATABASE_URL: 'x',
      TRUST_PROXY: 'x',
      SESSION_LIMIT: '-1',
    },
    { ...REAL_APP, WECHAT_APPS: '[{"appid":"wx2","secrets":["a"]},{"appid":"wx2","secrets":["a"]}]' },
    { WECHAT_APPS: 'x', SESSION_KEY_KEYS: 'x', WECHAT_API_BASE_URL: 'https://user@host', WECHAT_EMULATOR: 'x' },
    { WECHAT_EMULATOR: 'on', HOST: '0.0.0.0', WECHAT_API_BASE_URL: 'x', WECHAT_SECRET: 'x', WECHAT_APPID: '!' },
    { WECHAT_APPID: 'wx1', SESSION_ABSOLUTE_SECONDS: '60', DATABASE_URL: 'mysql://a@b/c' },
    { WECHAT_SECRET: 's' },
  ])('the problems of %j are told in Chinese too, each of the same variables', (env) => {
    const [english, chinese] = [problemsOf(env), problemsOf(env, 'zh')]
    expect(english.length).toBeGreaterThan(0)
    const namesIn = (problem: string) => [...new Set(problem.match(/[A-Z]+_[A-Z_]+|PORT|HOST/g))].sort()
    expect(chinese.map(namesIn)).toEqual(english.map(namesIn))
    for (const problem of chinese) expect(problem).toMatch(/\p{Script=Han}{2}/u)
    for (const problem of english) expect(problem).not.toMatch(/\p{Script=Han}/u)
  })

  test('mini-programs that are named in both ways are told also where the appid has no secret', () => {
    const problems = problemsOf({ WECHAT_APPID: 'wx1', WECHAT_APPS: '[{"appid":"wx2","secrets":["a"]}]' })
    expect(problems).toEqual([expect.stringContaining('without WECHAT_SECRET'), expect.stringContaining('both set')])
  })

  test('the absolute lifetime may be as long as the idle one', () => {
    const lifetimes = { SESSION_IDLE_SECONDS: '600', SESSION_ABSOLUTE_SECONDS: '600' }
    expect(parseConfig({ ...REAL_APP, ...lifetimes })).toMatchObject({ sessionAbsoluteSeconds: 600 })
  })

  test('the demonstration without an appid brings its own mini-program, and needs none of WECHAT_PUSH', () => {
    const push = { wx2: { token: 'PushToken2026', aesKey: 'A'.repeat(43) } }
    const config = parseConfig({ WECHAT_EMULATOR: 'on', WECHAT_PUSH: JSON.stringify(push) })
    expect(config).toMatchObject({ apps: [], push })
  })

  test('the emulator may be exposed on purpose, and may play a given appid', () => {
    const config = parseConfig({ WECHAT_EMULATOR: 'exposed', HOST: '0.0.0.0', WECHAT_APPID: 'wx7' })
    expect(config).toMatchObject({
      emulator: true,
      emulatorExposed: true,
      host: '0.0.0.0',
      apps: [{ appid: 'wx7', secrets: [] }],
    })
  })

  test('the demonstration keeps its data in a folder of its own, unless one is named', () => {
    expect(parseConfig(REAL_APP).dataDir).toBe('./data')
    expect(parseConfig({ WECHAT_EMULATOR: 'on' }).dataDir).toBe('./data/demo')
    expect(parseConfig({ WECHAT_EMULATOR: 'on', DATA_DIR: '/srv/x' }).dataDir).toBe('/srv/x')
  })

  test('a problem never shows the value of a secret', () => {
    const secret = 'canary-5e1f'
    const problems = problemsOf({
      WECHAT_SECRET: secret,
      SESSION_KEY_KEYS: secret,
      DATABASE_URL: `${secret}:x`,
      AVATAR_S3_URL: `https://id:${secret}@pics.example.com?${secret}`,
    })
    expect(problems.length).toBeGreaterThan(1)
    expect(problems.join()).not.toContain(secret)
  })
})

function problemsOf(env: Record<string, string>, language?: Language): readonly string[] {
  try {
    parseConfig(env, language)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}
