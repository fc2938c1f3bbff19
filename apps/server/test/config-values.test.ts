import { expect, test } from 'vitest'
import { parseConfig } from '../src/config.ts'

const REAL_APP = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's' }
const KEY = Buffer.alloc(32, 7).toString('base64')

test('a key ring that names a key twice is refused by the name of its variable', () => {
  expect(() => parseConfig({ ...REAL_APP, SESSION_KEY_KEYS: `k1:${KEY},k1:${KEY}` })).toThrow(
    'SESSION_KEY_KEYS must not name a kid twice',
  )
  expect(parseConfig({ ...REAL_APP, SESSION_KEY_KEYS: `k2:${KEY},k1:${KEY}` }).sessionKeyKeys).toMatch(/^k2:/)
})

test.each(['http://user:canary-5e1f@proxy', 'https://canary-5e1f@proxy/wechat', 'https://proxy/?key=canary-5e1f'])(
  'WECHAT_API_BASE_URL as %s, which no call can use, is refused and not repeated',
  (WECHAT_API_BASE_URL) => {
    const parse = () => parseConfig({ ...REAL_APP, WECHAT_API_BASE_URL })
    expect(parse).toThrow('WECHAT_API_BASE_URL must not have a user, a password or a query')
    expect(parse).not.toThrow('canary-5e1f')
  },
)

test('WECHAT_API_BASE_URL may have a path', () => {
  const WECHAT_API_BASE_URL = 'https://proxy.example.com/wechat/'
  expect(parseConfig({ ...REAL_APP, WECHAT_API_BASE_URL }).wechatApiBaseUrl).toBe(WECHAT_API_BASE_URL)
})
