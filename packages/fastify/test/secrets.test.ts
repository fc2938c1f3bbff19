import { randomUUID } from 'node:crypto'
import { Writable } from 'node:stream'
import type { InjectOptions } from 'fastify'
import { Redis } from 'ioredis'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import type {} from '../../../scripts/servers/provided.ts'
import { createRedisSessionStore } from '../src/index.ts'
import { APP_SECRET, APPID, startService } from './service.ts'

const url = inject('redisUrl')

/** Every way in which a secret could stand in a text, parts of it included. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret)
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    bytes.toString('hex'),
    encodeURIComponent(secret),
    new URLSearchParams({ _: secret }).toString().slice(2),
  ]
}

function expectAbsent(secrets: Record<string, string>, text: string): void {
  for (const [name, secret] of Object.entries(secrets)) {
    for (const spelling of spellings(secret)) {
      // Not toContain: a failure must name the secret, not print it.
      expect(text.toLowerCase().includes(spelling.toLowerCase()), `${name} leaked`).toBe(false)
    }
  }
}

describe.skipIf(url === null)('secrets', () => {
  it('stand in no log line, no response but the one that hands out a token, and nowhere in Redis', async () => {
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
    const { app, world } = await startService({
      server: { logger: { level: 'trace', stream } },
      sessions: createRedisSessionStore({ redis, keyPrefix }),
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
    const secrets = { appSecret: APP_SECRET, oldSecret: 'canary-old-secret', code, token, openid, sessionKey }
    expect(responses[0]).toContain(token)
    expectAbsent({ ...secrets, token: 'not-this-one' }, responses.shift() ?? '')

    const headers = { authorization: `Bearer ${token}` }
    await request({ url: '/v1/me', headers })
    await request({ url: '/v1/session', headers })
    await request({ method: 'PUT', url: '/v1/me/profile', headers, payload: { nickname: 'x', gender: 5, code } })
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
    for (const fault of [
      { errcode: 40029 },
      { errcode: 40125 },
      { errcode: 99999 },
      { reset: true },
      { status: 302, headers: { location: '/elsewhere' } },
      { status: 502, body: `${APP_SECRET} ${code}` },
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
    expectAbsent(secrets, log)
    expectAbsent(secrets, responses.join('\n'))
    expectAbsent(secrets, stored.join('\n'))
  })
})

async function readAll(redis: Redis, key: string): Promise<string> {
  const type = await redis.type(key)
  return type === 'zset' ? (await redis.zrange(key, '0', '-1')).join() : ((await redis.get(key)) ?? '')
}
