import { describe, expect, test } from 'vitest'
import { createAuth } from '../src/index.ts'
import { createPhone } from './phone.ts'

describe('baseUrl', () => {
  test.each([
    'https://api.example.com',
    'https://api.example.com/prefix/',
    'https://xn--fiqs8s.example:8443',
    'http://localhost:3000',
    'http://127.0.0.1:3000',
    'http://[::1]:3000',
    'http://10.0.2.2:3000',
    'https://[2001:db8::1]:8443',
    'http://172.16.0.5',
    'http://172.20.0.5',
    'http://172.31.0.5',
    'http://192.168.1.20:3000/auth',
  ])('may be %s', (baseUrl) => {
    expect(() => createAuth({ baseUrl })).not.toThrow()
  })

  test.each([
    '',
    'api.example.com',
    '//api.example.com',
    'ftp://api.example.com',
    'http://api.example.com',
    'http://localhost.evil.com',
    'http://127.0.0.1.evil.com',
    'http://10.evil.com',
    'http://172.32.0.1',
    'http://172.15.0.1',
    'weixin://https://api.example.com',
    'https://user@api.example.com',
    'https://user:pw@api.example.com',
    'https://api.example.com?x=1',
    'https://api.example.com#x',
    'https://api.example.com\\@evil.com',
    'https://api.exa mple.com',
    'https://api.example.com/a b',
    'https://',
    undefined,
    5,
  ])('must not be %s', (baseUrl) => {
    expect(() => createAuth({ baseUrl: baseUrl as string })).toThrow(/^baseUrl must be an https URL/)
  })
})

test.each([
  ['allowOrigins', { allowOrigins: ['http://img.example.com'] }],
  ['allowOrigins', { allowOrigins: ['https://*.example.com'] }],
  ['checkSession', { checkSession: false as unknown as 'never' }],
  ['loginTimeoutMs', { loginTimeoutMs: 0 }],
  ['loginTimeoutMs', { loginTimeoutMs: '5' as unknown as number }],
  ['loginTimeoutMs', { loginTimeoutMs: Number.NaN }],
  ['loginTimeoutMs', { loginTimeoutMs: Infinity }],
])('a wrong %s is a TypeError that names it', (name, options) => {
  expect(() => createAuth({ baseUrl: 'https://api.example.com', ...options })).toThrow(TypeError)
  expect(() => createAuth({ baseUrl: 'https://api.example.com', ...options })).toThrow(name)
})

test('createAuth without options is a TypeError', () => {
  expect(() => createAuth(undefined as never)).toThrow(TypeError)
})

describe('the token goes', () => {
  test.each([
    ['/products', 'https://api.example.com/v0/products'],
    ['/', 'https://api.example.com/v0/'],
    ['/@evil.com', 'https://api.example.com/v0/@evil.com'],
    ['https://api.example.com/other', 'https://api.example.com/other'],
    ['https://api.example.com?x=1', 'https://api.example.com?x=1'],
    ['https://api.example.com', 'https://api.example.com'],
    ['https://img.example.com:8443/a.png', 'https://img.example.com:8443/a.png'],
  ])('to %s', async (url, sentTo) => {
    const phone = createPhone({
      baseUrl: 'https://api.example.com/v0//',
      allowOrigins: ['https://img.example.com:8443'],
    })
    const sent: { url: string; header?: object }[] = []
    const { wx } = phone.device
    const spy = { ...wx, request: (options: { url: string }) => wx.request(sent[sent.push(options) - 1] as never) }
    phone.service.business = () => ({ status: 200 })
    phone.service.exchanges.push({ status: 201, data: phone.service.issue() })
    const route = phone.service.route
    phone.service.route = (call) => route({ ...call, path: call.path.replace('/v0', '') })
    await phone.restart({ wx: spy as never }).request({ url })
    expect(sent[1]).toMatchObject({ url: sentTo, header: { Authorization: 'Bearer wxs1.000.token-1' } })
  })

  test.each([
    'https://evil.com/',
    'https://api.example.com.evil.com/',
    'https://api.example.com@evil.com/',
    'https://api.example.com:443@evil.com/',
    'https://user:pw@api.example.com/',
    'https://api.example.com:8443/',
    'https://api.example.com:443/',
    'https://API.example.com/',
    'HTTPS://api.example.com/',
    'https://api.example.com./',
    'https://api.example.com\\@evil.com/',
    'https://api.example.com\n.evil.com/',
    'https://api.example.com\t.evil.com/',
    'https://api.example.com%2eevil.com/',
    'https:/\\evil.com/',
    'https:///evil.com/',
    'https:evil.com/',
    'http://api.example.com/',
    'wss://api.example.com/',
    '//api.example.com/x',
    '//evil.com/x',
    '/\\evil.com/x',
    ' https://evil.com/',
    'products',
    '',
    undefined,
    null,
    5,
  ])('not to %j', async (url) => {
    const { auth, service, count } = createPhone()
    await expect(auth.request({ url: url as string })).rejects.toMatchObject({ code: 'invalid_argument' })
    expect(service.calls).toEqual([])
    expect(count('wx.login')).toBe(0)
  })

  test('not to a list that begins with an allowed origin', async () => {
    const { auth, service, count } = createPhone()
    const url = ['https://api.example.com', '@evil.com'] as unknown as string
    await expect(auth.request({ url })).rejects.toMatchObject({ code: 'invalid_argument' })
    expect(service.calls).toEqual([])
    expect(count('wx.login')).toBe(0)
  })

  test.each(['http://192.168.1.20/a.png', 'https://img.example.com/a.png'])(
    "not to %s, where a request with auth: 'none' may go",
    async (url) => {
      const { auth, service } = createPhone()
      expect((await auth.request({ url, auth: 'none' })).statusCode).toBe(401)
      expect(service.calls).toMatchObject([{ url, token: null }])
    },
  )

  test.each(['products', 'products?next=https://api.example.com', 'wss://api.example.com'])(
    "%s is no address, also with auth: 'none'",
    async (url) => {
      const { auth, service } = createPhone()
      await expect(auth.request({ url, auth: 'none' })).rejects.toMatchObject({ code: 'invalid_argument' })
      expect(service.calls).toEqual([])
    },
  )

  test("not to another origin with auth: 'optional', and its 401 causes no login", async () => {
    const { auth, service, count } = createPhone()
    await auth.ensureLogin()
    expect((await auth.request({ url: 'https://evil.com/', auth: 'optional' })).statusCode).toBe(401)
    expect(service.calls.at(-1)?.token).toBeNull()
    expect(count('wx.login')).toBe(1)
  })
})
