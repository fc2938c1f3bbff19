import { expect, test } from 'vitest'
import { ConfigError, parseConfig } from '../src/config.ts'

const REAL_APP = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's' }
const DIGEST = 'ab'.repeat(32)
const OTHER = 'cd'.repeat(32)
const HOOK = { url: 'https://crm.example.com/', secret: 's'.repeat(16) }
const TOKENS = `shop:read+issue:${DIGEST}`
const SERVICE = { SERVICE_PORT: '3001', SERVICE_TOKENS: TOKENS }
const KEY = Buffer.alloc(32, 7).toString('base64')

const pushOf = (change: object) =>
  JSON.stringify({ wx1: { token: 'PushToken2026', aesKey: 'A'.repeat(43), ...change } })

test.each(['', '65536', '-1', '+80', ' 80', '80 ', '80x', 'x80', '8e3', '0x50', '80.0'])(
  'PORT as %j is no port, and an empty one is the default',
  (PORT) => {
    const problems = PORT === '' ? [] : ['PORT must be a whole number from 0 to 65535']
    expect(problemsIn(() => parseConfig({ ...REAL_APP, PORT }))).toEqual(problems)
  },
)

test('a number may be as small and as large as its refusal says', () => {
  for (const [idle, isGood] of [
    ['59', false],
    ['60', true],
    ['31536000', true],
    ['31536001', false],
  ] as const) {
    const env = { ...REAL_APP, SESSION_IDLE_SECONDS: idle, SESSION_ABSOLUTE_SECONDS: '315360000' }
    expect([idle, problemsIn(() => parseConfig(env)).length]).toEqual([idle, isGood ? 0 : 1])
  }
})

test.each([
  ['REDIS_URL', 4],
  ['DATABASE_URL', 2],
  ['AVATAR_PUBLIC_URL', 1],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 1],
  ['WECHAT_API_BASE_URL', 1],
])('the refusal of %s shows %i addresses, in both languages, each of which would be taken', (name, count) => {
  const parse = (value: string, language?: 'zh') => () =>
    parseConfig({ ...REAL_APP, SESSION_KEY_KEYS: `k1:${KEY}`, [name]: value }, language)
  const [english = ''] = problemsIn(parse('x'))
  const [chinese = ''] = problemsIn(parse('x', 'zh'))
  const examples = english.replace(/^.* like /, '').split(' or ')
  expect(chinese.replace(/^.*：/, '').split(' 或 ')).toEqual(examples)
  expect(examples.filter(Boolean)).toHaveLength(count)
  for (const example of examples) expect(problemsIn(parse(example))).toEqual([])
})

test.each([
  ['WECHAT_APPS', '[{ "appid": "wx...", "secrets": ["..."] }]'],
  ['WECHAT_PUSH', '{ "wx...": { "token": "...", "aesKey": "..." } }'],
  ['TRUST_PROXY', '10.0.0.0/8,fd00::/8,192.0.2.7'],
])('the refusal of %s shows what it may look like', (name, example) => {
  for (const language of ['en', 'zh'] as const) {
    expect(problemsIn(() => parseConfig({ ...REAL_APP, [name]: 'x' }, language)).join()).toContain(example)
  }
})

test('LINK_BY_PHONE is on where it says so', () => {
  expect(parseConfig({ ...REAL_APP, LINK_BY_PHONE: 'on' }).linkByPhone).toBe(true)
  expect(parseConfig({ ...REAL_APP, LINK_BY_PHONE: 'off' }).linkByPhone).toBe(false)
})

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

test('WECHAT_PUSH is read for the mini-programs that are configured', () => {
  const secrets = { token: 'PushToken2026', aesKey: 'A'.repeat(43) }
  const parse = (push: unknown) => parseConfig({ ...REAL_APP, WECHAT_PUSH: JSON.stringify(push) })
  expect(parse({ wx1: secrets }).push).toEqual({ wx1: secrets })
  expect(() => parse({ wx2: secrets })).toThrow('WECHAT_PUSH names wx2, which is not one of the mini-programs')
  const apps = JSON.stringify(['wx2', 'wx3'].map((appid) => ({ appid, secrets: ['s'] })))
  expect(parseConfig({ WECHAT_APPS: apps, WECHAT_PUSH: JSON.stringify({ wx2: secrets }) }).push).toEqual({
    wx2: secrets,
  })
  expect(() => parseConfig({ WECHAT_APPS: apps, WECHAT_PUSH: JSON.stringify({ wx1: secrets }) })).toThrow(
    'WECHAT_PUSH names wx1, which is not one of the mini-programs',
  )
})

test.each([
  'canary-5e1f',
  '{}',
  '[]',
  '{"wx1":{"token":"canary-5e1f"}}',
  '{"wx1":{"token":"canary-5e1f!","aesKey":"canary-5e1f"}}',
  ...['no', 'x'.repeat(33), '-canary5e1f', 'canary5e1f-'].map((token) => pushOf({ token })),
  ...['A'.repeat(42), 'A'.repeat(44), `-${'A'.repeat(43)}`, `${'A'.repeat(43)}=`].map((aesKey) => pushOf({ aesKey })),
])('WECHAT_PUSH as %s is refused and not repeated', (WECHAT_PUSH) => {
  const parse = () => parseConfig({ ...REAL_APP, WECHAT_PUSH })
  expect(parse).toThrow('WECHAT_PUSH must be JSON like')
  expect(parse).not.toThrow('canary-5e1f')
})

test.each([
  ['no port', { SERVICE_TOKENS: TOKENS }, /^SERVICE_PORT and SERVICE_TOKENS need each other/],
  ['no tokens', { SERVICE_PORT: '3001' }, /^SERVICE_PORT and SERVICE_TOKENS need each other/],
  ['a host that others reach', { ...SERVICE, SERVICE_HOST: '0.0.0.0' }, /^SERVICE_HOST=0.0.0.0 .*SERVICE_EXPOSED=on/],
  ['a host that others may reach', { ...SERVICE, SERVICE_HOST: 'db.example.com' }, /^SERVICE_HOST=/],
  ['the port of the phones', { ...SERVICE, SERVICE_PORT: '3000' }, /^SERVICE_PORT must not be PORT/],
  ['a token for nothing', { ...SERVICE, SERVICE_TOKENS: `shop::${DIGEST}` }, /entry 1 is not$/],
  [
    'no such scope',
    { ...SERVICE, SERVICE_TOKENS: `${TOKENS},b:read+admin:${OTHER}` },
    /entry 2 has a scope that is none of read, write, issue, wechat$/,
  ],
  [
    'one token twice',
    { ...SERVICE, SERVICE_TOKENS: `${TOKENS},b:read:${DIGEST}` },
    /entry 2 has the token of an earlier/,
  ],
  ['an entry without an end', { ...SERVICE, SERVICE_TOKENS: `${TOKENS},` }, /entry 2 is not$/],
])('a service API with %s is refused, in both languages', (_, env, problem) => {
  const read = (language: 'en' | 'zh') => () => parseConfig({ ...REAL_APP, ...env }, language)
  expect(problemsIn(read('en'))).toEqual([expect.stringMatching(problem)])
  expect(problemsIn(read('zh'))).toEqual([expect.stringMatching(/\p{Script=Han}{2}/u)])
})

test('a token that stands where its digest belongs is refused and not repeated', () => {
  for (const SERVICE_TOKENS of ['shop:read:canary-5e1f', 'canary-5e1f', 'canary-5e1f:read:x', 'a:canary-5e1f:x']) {
    expect(problemsIn(() => parseConfig({ ...REAL_APP, ...SERVICE, SERVICE_TOKENS })).join()).toMatch(
      /^SERVICE_TOKENS (?!.*canary)/,
    )
  }
})

test('a service API is off by default, and may be exposed on purpose', () => {
  expect(parseConfig(REAL_APP).service).toBeNull()
  const { service } = parseConfig({ ...REAL_APP, ...SERVICE, SERVICE_HOST: '10.0.0.5', SERVICE_EXPOSED: 'on' })
  const token = { name: 'shop', scopes: new Set(['read', 'issue']), digest: Buffer.from(DIGEST, 'hex') }
  expect(service).toEqual({ host: '10.0.0.5', port: 3001, tokens: [token] })
  expect(parseConfig({ ...REAL_APP, ...SERVICE }).service).toMatchObject({ host: '127.0.0.1' })
})

test('a host alone is no service API, and both listeners may take a free port', () => {
  expect(parseConfig({ ...REAL_APP, SERVICE_HOST: '0.0.0.0' }).service).toBeNull()
  const ports = { PORT: '0', SERVICE_PORT: '0' }
  expect(parseConfig({ ...REAL_APP, ...SERVICE, ...ports }).service).toMatchObject({ port: 0 })
})

function problemsIn(parse: () => unknown): readonly string[] {
  try {
    parse()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

test.each([
  'http://shop.example.com/hook',
  'https://user:canary-5e1f@shop.example.com/hook',
  'ftp://10.0.0.1/canary-5e1f',
  'canary-5e1f',
])('HOOK_SIGN_IN_URL as %s is refused and not repeated', (HOOK_SIGN_IN_URL) => {
  const parse = () => parseConfig({ ...REAL_APP, HOOK_SIGN_IN_URL, HOOK_SECRET: 's'.repeat(16) })
  expect(parse).toThrow('HOOK_SIGN_IN_URL must be an https address')
  expect(parse).not.toThrow('canary-5e1f')
})

test('HOOK_SIGN_IN_URL needs a HOOK_SECRET that cannot be guessed', () => {
  const url = 'http://10.0.0.5:8080/hook?token=x'
  const parse = (HOOK_SECRET: string) => parseConfig({ ...REAL_APP, HOOK_SIGN_IN_URL: url, HOOK_SECRET })
  expect(() => parse('')).toThrow('HOOK_SIGN_IN_URL needs HOOK_SECRET')
  expect(() => parse('short')).toThrow('HOOK_SECRET must have at least 16 characters')
  expect(parse('s'.repeat(16)).signInHook).toEqual({ url, secret: 's'.repeat(16) })
})

test('EVENTS_URL needs HOOK_SECRET', () => {
  const EVENTS_URL = 'https://shop.example.com/events'
  expect(() => parseConfig({ ...REAL_APP, EVENTS_URL })).toThrow('EVENTS_URL needs HOOK_SECRET')
})

test.each([
  ['HOOK_SIGN_IN_URL', { signInHook: HOOK, eventHook: null }],
  ['EVENTS_URL', { signInHook: null, eventHook: HOOK }],
  ['NOTHING', { signInHook: null, eventHook: null }],
])('with HOOK_SECRET and %s that hook is called and no other', (name, hooks) => {
  expect(parseConfig({ ...REAL_APP, HOOK_SECRET: HOOK.secret, [name]: HOOK.url })).toMatchObject(hooks)
})

test.each([
  ['DATABASE_URL', 'postgres://a@b/c'],
  ['DATABASE_URL', 'postgresql://a@b/c'],
  ['DATABASE_URL', 'mysql://a@b/c'],
  ['AVATAR_PUBLIC_URL', 'http://10.0.0.5/avatars'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://10.0.0.5:4318'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'https://otel.example.com'],
  ['SERVICE_EXPOSED', 'off'],
  ['LINK_BY_PHONE', 'off'],
])('%s may be %s', (name, value) => {
  expect(problemsIn(() => parseConfig({ ...REAL_APP, SESSION_KEY_KEYS: `k1:${KEY}`, [name]: value }))).toEqual([])
})

test.each([
  ['DATABASE_URL', 'sqlite://a/b'],
  ['DATABASE_URL', 'b:5432'],
  ['AVATAR_PUBLIC_URL', 'ftp://10.0.0.5/avatars'],
  ['AVATAR_PUBLIC_URL', 'https://cdn.example.com/#avatars'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'otel:4318'],
  ['LINK_BY_PHONE', 'yes'],
])('%s as %s is refused by its name', (name, value) => {
  const read = () => parseConfig({ ...REAL_APP, SESSION_KEY_KEYS: `k1:${KEY}`, [name]: value })
  expect(problemsIn(read)).toEqual([expect.stringMatching(`^${name} must `)])
})
