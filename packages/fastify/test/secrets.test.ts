import { randomUUID } from 'node:crypto'
import { Writable } from 'node:stream'
import { inspect } from 'node:util'
import type {} from '@weapp-auth/test-servers'
import type { InjectOptions } from 'fastify'
import { Redis } from 'ioredis'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import {
  createRedisAccessTokenStore,
  createRedisSessionStore,
  createSessionKeyVault,
  generateVaultKey,
} from '../src/index.ts'
import { APP_SECRET, APPID, startService } from './service.ts'

const url = inject('redisUrl')

/** Every way in which a secret, text or bytes, could stand in a text, parts of it included. */
function spellings(secret: string | Buffer): string[] {
  const bytes = Buffer.from(secret)
  const encoded = [...[0, 1, 2].flatMap((offset) => base64Within(bytes, offset)), bytes.toString('hex')]
  if (typeof secret !== 'string') return encoded
  return [
    ...encoded,
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    new URLSearchParams({ _: secret }).toString().slice(2),
  ]
}

/** The characters that stand for these bytes and nothing else when a longer text, `offset` bytes before them, is encoded. */
function base64Within(bytes: Buffer, offset: number): string[] {
  const padded = Buffer.concat([Buffer.alloc(offset), bytes])
  return (['base64', 'base64url'] as const).map((encoding) => {
    const text = padded.toString(encoding).replace(/=+$/, '')
    return text.slice(Math.ceil((offset * 4) / 3), Math.floor((padded.length * 4) / 3))
  })
}

function expectAbsent(secrets: Record<string, string | Buffer>, text: string): void {
  for (const [name, secret] of Object.entries(secrets)) {
    for (const spelling of spellings(secret)) {
      // Not toContain: a failure must name the secret, not print it.
      expect(text.toLowerCase().includes(spelling.toLowerCase()), `${name} leaked`).toBe(false)
    }
  }
}

describe.skipIf(url === null)('secrets', () => {
  it('secrets are in no log line, no error, nowhere in Redis, and in no response except the one that hands out a token', async () => {
    const redis = new Redis(url ?? '')
    const keyPrefix = `test-${randomUUID()}:`
    const keys = () => redis.keys(`${keyPrefix}*`)
    onTestFinished(async () => {
      await redis.connect()
      await redis.del(await keys())
      redis.disconnect()
    })
    let log = ''
    const stream = new Writable({
      write(chunk, _, done) {
        log += chunk
        done()
      },
    })
    let errors = ''
    const { app, world } = await startService({
      server: { logger: { level: 'trace', stream } },
      early: (app) =>
        app.addHook('onError', async (_request, _reply, error) => {
          errors += inspect(error, { depth: 20, showHidden: true })
        }),
      sessions: createRedisSessionStore({ redis, keyPrefix }),
      accessTokens: createRedisAccessTokenStore({
        redis,
        keyPrefix,
        vault: createSessionKeyVault({ keys: generateVaultKey() }),
      }),
      apps: [{ appid: APPID, secrets: ['canary-old-secret', APP_SECRET] }],
    })
    const responses: string[] = []
    const request = async (options: InjectOptions) => {
      const answer = await app.inject(options)
      responses.push(JSON.stringify(answer.headers) + answer.body)
      return answer
    }
    const signIn = (code: string) => request({ method: 'POST', url: '/v1/sessions', payload: { appid: APPID, code } })

    const { code } = world.login('alice', APPID)
    const { token } = (await signIn(code)).json()
    // What WeChat would answer if asked again: the emulator keeps one key per user.
    const again = world.login('alice', APPID).code
    const { openid, session_key: sessionKey } = world.code2Session({
      appid: APPID,
      secret: APP_SECRET,
      js_code: again,
      grant_type: 'authorization_code',
    })
    const { access_token: accessToken } = world.stableToken({
      grant_type: 'client_credential',
      appid: APPID,
      secret: APP_SECRET,
    })
    const secrets = {
      appSecret: APP_SECRET,
      oldSecret: 'canary-old-secret',
      code,
      token,
      openid,
      sessionKey,
      // What the text of a session_key stands for.
      sessionKeyBytes: Buffer.from(sessionKey, 'base64'),
      accessToken,
    }
    expect(responses[0]).toContain(token)
    expectAbsent({ ...secrets, token: 'not-this-one' }, responses.shift() ?? '')

    const headers = { authorization: `Bearer ${token}` }
    await request({ url: '/v1/me', headers })
    await request({ url: '/v1/session', headers })
    await request({ method: 'POST', url: '/v1/me/profile', headers, payload: { nickname: 'x', gender: 5, code } })
    await request({ url: '/v1/me', headers: { authorization: `Bearer ${token}x` } })
    await request({ url: '/v1/me', headers: { authorization: `Basic ${token}` } })
    await signIn(code)
    await signIn(`${code}&appid=x`)
    await signIn(code.repeat(10))
    await request({
      method: 'POST',
      url: '/v1/sessions',
      payload: `{"code":"${code}"`,
      headers: { 'content-type': 'application/json' },
    })
    const openData = async (url: string, payload: object) => request({ method: 'POST', url, headers, payload })
    const info = world.userInfo('alice', APPID)
    expect((await openData('/v1/open-data/decrypt', info)).statusCode).toBe(200)
    await openData('/v1/open-data/decrypt', { ...info, iv: info.encryptedData })
    await openData('/v1/open-data/decrypt', { ...info, iv: 5 })
    expect((await openData('/v1/open-data/verify', info)).statusCode).toBe(200)
    await openData('/v1/open-data/verify', { ...info, rawData: `${info.rawData} ` })
    expect((await openData('/v1/session-key/check', {})).json()).toEqual({ valid: true })
    expect(world.ledger.count('checksession', { accessToken: world.ledger.alias('accessToken', accessToken) })).toBe(1)
    for (const point of ['checksession', 'stable_token'] as const) {
      for (const fault of [
        { errcode: 99999 },
        { reset: true },
        { status: 502, body: accessToken },
        { body: `<html>${accessToken}` },
        { body: `{"access_token":["${accessToken}"],"expires_in":7200}` },
      ]) {
        // A token that is refused is fetched anew, which fails as well.
        world.faults.set('checksession', { errcode: 40001 })
        world.faults.set(point, fault)
        expect((await openData('/v1/session-key/check', {})).statusCode).toBeGreaterThanOrEqual(500)
      }
    }
    world.faults.clear()
    for (const fault of [
      { errcode: 40029 },
      { errcode: 40125 },
      { errcode: 99999 },
      { reset: true },
      { status: 302, headers: { location: '/elsewhere' } },
      { status: 502, body: `${APP_SECRET} ${code}` },
      { body: `<html>${APP_SECRET} ${code}` },
      { body: JSON.stringify({ openid, session_key: `${sessionKey}x` }) },
      { body: JSON.stringify({ openid: [openid], session_key: sessionKey }) },
    ]) {
      world.faults.set('jscode2session', fault)
      const failed = await signIn(world.login('alice', APPID).code)
      expect(failed.statusCode).toBeGreaterThanOrEqual(400)
    }
    const stored = await Promise.all((await keys()).map(async (key) => `${key} ${await readAll(redis, key)}`))
    expect(stored.length).toBeGreaterThan(5)
    redis.disconnect()
    await signIn(world.login('alice', APPID).code)
    await request({ url: '/v1/me', headers })
    await request({ method: 'DELETE', url: '/v1/session', headers })

    expect(log).toContain('request completed')
    expect(log).toContain('store_unavailable')
    expect(responses.join()).toContain('store_unavailable')
    expect(errors).toContain('wechat_bad_response')
    expectAbsent(secrets, log)
    expectAbsent(secrets, errors)
    expectAbsent(secrets, responses.join('\n'))
    expectAbsent(secrets, stored.join('\n'))
  })
})

async function readAll(redis: Redis, key: string): Promise<string> {
  const type = await redis.type(key)
  return type === 'zset' ? (await redis.zrange(key, '0', '-1')).join() : ((await redis.get(key)) ?? '')
}
