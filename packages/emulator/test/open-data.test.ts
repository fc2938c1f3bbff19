import { createDecipheriv, createHash, createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createClock } from '../src/clock.ts'
import { startWechat, type WechatServer } from '../src/http/start-wechat.ts'
import { createWorld, type World } from '../src/world.ts'
import { createManualPhone } from './manual-phone.ts'

const APPID = 'wx1'
const SECRET = 'test-secret'
const NOW_MS = 1_700_000_000_000
let world: World
let server: WechatServer

beforeEach(async () => {
  const clock = createClock({ startMs: NOW_MS, running: false })
  world = createWorld({ clock, apps: [{ appid: APPID, secret: SECRET, platform: 'p' }] })
  server = await startWechat(world)
})
afterEach(() => server.close())

/** What the service learns of a user: the session key it has to use. */
function exchange(user = 'alice') {
  const { code } = world.login(user, APPID)
  return world.code2Session({ appid: APPID, secret: SECRET, js_code: code, grant_type: 'authorization_code' })
}

function decrypt({ encryptedData, iv }: { encryptedData: string; iv: string }, sessionKey: string): unknown {
  const [key, vector] = [sessionKey, iv].map((text) => Buffer.from(text, 'base64')) as [Buffer, Buffer]
  const decipher = createDecipheriv('aes-128-cbc', key, vector)
  return JSON.parse(decipher.update(encryptedData, 'base64', 'utf8') + decipher.final('utf8'))
}

async function ask(path: string, params: Record<string, string>): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.baseUrl}${path}?${new URLSearchParams(params)}`)
  return response.json() as Promise<Record<string, unknown>>
}

async function askToken(body: object = {}): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.baseUrl}/cgi-bin/stable_token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ grant_type: 'client_credential', appid: APPID, secret: SECRET, ...body }),
  })
  return response.json() as Promise<Record<string, unknown>>
}

const accessToken = async () => String((await askToken()).access_token)
const sign = (key: string | Buffer) => createHmac('sha256', key).update('').digest('hex')

describe('user data', () => {
  test('user data is anonymous, signed, and encrypted with the key that the service was given', () => {
    const { openid, unionid, session_key } = exchange()
    const info = world.userInfo('alice', APPID)
    expect(createHash('sha1').update(`${info.rawData}${session_key}`).digest('hex')).toBe(info.signature)
    expect(JSON.parse(info.rawData)).toEqual(info.userInfo)
    expect(decrypt(info, session_key)).toEqual({
      ...info.userInfo,
      nickName: '微信用户',
      openId: openid,
      unionId: unionid,
      watermark: { appid: APPID, timestamp: NOW_MS / 1000 },
    })
  })

  test('data of another kind is encrypted as user data is, without an openId', () => {
    const { session_key } = exchange()
    expect(decrypt(world.encrypt('alice', APPID, { steps: 5 }), session_key)).toEqual({
      steps: 5,
      watermark: { appid: APPID, timestamp: NOW_MS / 1000 },
    })
  })

  test('user data reaches the app in both styles, encrypted where it is asked for', async () => {
    const { wx } = createManualPhone()
    const profile = await wx.getUserProfile({ desc: 'to greet you' })
    expect(profile).toEqual({
      errMsg: 'getUserProfile:ok',
      userInfo: expect.objectContaining({ nickName: '微信用户' }),
      rawData: expect.any(String),
      signature: expect.stringMatching(/^[0-9a-f]{40}$/),
      encryptedData: expect.any(String),
      iv: expect.any(String),
    })
    expect(await wx.getUserInfo()).not.toHaveProperty('encryptedData')
    expect(await wx.getUserInfo({ withCredentials: true })).toHaveProperty('encryptedData')
  })
})

describe('POST /cgi-bin/stable_token', () => {
  test('stable_token answers the same token until five minutes before its end', async () => {
    const first = await askToken()
    expect(first).toEqual({ access_token: expect.any(String), expires_in: 7_200, errcode: 0, errmsg: '' })
    world.clock.advance(6_000_000)
    expect(await askToken()).toMatchObject({ access_token: first.access_token, expires_in: 1_200 })
    world.clock.advance(900_000)
    expect((await askToken()).access_token).not.toBe(first.access_token)
    expect(world.ledger.entries().map(({ accessToken }) => accessToken)).toEqual(['a1', 'a1', 'a2'])
  })

  test('a forced refresh ends the token before it', async () => {
    const [old, fresh] = [await accessToken(), String((await askToken({ force_refresh: true })).access_token)]
    const { openid, session_key } = exchange()
    const params = { openid, signature: sign(session_key), sig_method: 'hmac_sha256' }
    expect(await ask('/wxa/checksession', { ...params, access_token: old })).toMatchObject({ errcode: 40001 })
    expect(await ask('/wxa/checksession', { ...params, access_token: fresh })).toMatchObject({ errcode: 0 })
  })

  test.each([
    [{ grant_type: 'x' }, 40002],
    [{ appid: 'wx9' }, 40013],
    [{ secret: 'x' }, 40125],
    [{ appid: '' }, 41002],
    [{ secret: '' }, 41004],
  ])('%o is refused with %i', async (body, errcode) => {
    expect(await askToken(body)).toMatchObject({ errcode })
  })
})

describe('GET /wxa/checksession', () => {
  test('checksession knows the key of the user alone, whichever way the HMAC took it', async () => {
    const { openid, session_key } = exchange()
    const access_token = await accessToken()
    const check = (params: Record<string, string>) =>
      ask('/wxa/checksession', { access_token, openid, sig_method: 'hmac_sha256', ...params })
    expect(await check({ signature: sign(session_key) })).toMatchObject({ errcode: 0 })
    expect(await check({ signature: sign(Buffer.from(session_key, 'base64')) })).toMatchObject({ errcode: 0 })
    expect(await check({ signature: sign('x') })).toMatchObject({ errcode: 87009 })
    expect(await check({ signature: sign(session_key), sig_method: 'md5' })).toMatchObject({ errcode: 87008 })
    expect(await check({ signature: sign(session_key), openid: '' })).toMatchObject({ errcode: 40003 })
    expect(await check({ signature: sign(session_key), access_token: '' })).toMatchObject({ errcode: 41001 })
    expect(await check({ signature: sign(session_key), access_token: 'x' })).toMatchObject({ errcode: 40001 })
    world.expireSessionKey('alice', APPID)
    expect(await check({ signature: sign(session_key) })).toMatchObject({ errcode: 87007 })
    world.clock.advance(7_200_000)
    expect(await check({ signature: sign(session_key) })).toMatchObject({ errcode: 42001 })
  })
})

describe('GET /wxa/resetusersessionkey', () => {
  test('resetusersessionkey hands out a new key, which ends when the old one would have', async () => {
    const { openid, session_key } = exchange()
    const params = { openid, access_token: await accessToken(), sig_method: 'hmac_sha256' }
    const reset = await ask('/wxa/resetusersessionkey', { ...params, signature: sign(session_key) })
    expect(reset).toMatchObject({ openid, session_key: expect.stringMatching(/==$/), errcode: 0 })
    expect(reset.session_key).not.toBe(session_key)
    expect(await ask('/wxa/checksession', { ...params, signature: sign(session_key) })).toMatchObject({
      errcode: 87009,
    })
    const signature = sign(String(reset.session_key))
    expect(await ask('/wxa/checksession', { ...params, signature })).toMatchObject({ errcode: 0 })
    world.clock.advance(3 * 24 * 60 * 60_000)
    const fresh = { ...params, access_token: await accessToken(), signature }
    expect(await ask('/wxa/checksession', fresh)).toMatchObject({ errcode: 87007 })
  })

  test('neither access_token nor session key reaches the ledger', async () => {
    const { openid, session_key } = exchange()
    const access_token = await accessToken()
    const params = { openid, access_token, sig_method: 'hmac_sha256', signature: sign(session_key) }
    const reset = await ask('/wxa/resetusersessionkey', params)
    const written = JSON.stringify(world.ledger.entries())
    for (const secret of [access_token, session_key, String(reset.session_key)]) expect(written).not.toContain(secret)
  })
})
