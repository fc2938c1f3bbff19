import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { Fault } from '@weapp-auth/emulator'
import { describe, expect, it } from 'vitest'
import { holdClock } from '../held-clock.ts'
import { APPID, type Service, startService } from '../service.ts'

/** Signs in with a new code, and tells how that ended and how often the code was sent. */
async function trySignIn({ app, world }: Service, user = 'alice') {
  const { code } = world.login(user, APPID)
  const answer = await app.inject({ method: 'POST', url: '/v1/sessions', payload: { appid: APPID, code } })
  const retry = await app.inject({ method: 'POST', url: '/v1/sessions', payload: { appid: APPID, code } })
  return {
    status: answer.statusCode,
    code: answer.json().code,
    retryAfter: answer.headers['retry-after'],
    retry: retry.json().code,
    exchanges: world.ledger.count('jscode2session', { code: world.ledger.alias('code', code) }),
  }
}

const SUCCESS = { openid: 'o1', session_key: 'tiihtNczf5v6AKRyjwEUhQ==' }
const text = (value: unknown) => ({ body: JSON.stringify(value) })

describe('WeChat', () => {
  it.each<[string, Fault, number, string, string?]>([
    ['refuses the code', { errcode: 40029 }, 400, 'code_invalid'],
    ['has seen the code', { errcode: 40163 }, 409, 'code_used'],
    ['has blocked the user', { errcode: 40226 }, 403, 'wechat_user_blocked'],
    ['is busy', { errcode: -1 }, 503, 'wechat_busy', '1'],
    ['counts too many', { errcode: 45011 }, 429, 'wechat_rate_limited', '60'],
    ['refuses us', { errcode: 40164 }, 500, 'wechat_misconfigured'],
    ['says what nobody knows', { errcode: 99_999 }, 500, 'internal'],
    ['resets the connection', { reset: true }, 502, 'wechat_unreachable'],
    ['answers a page', { body: '<html>', headers: { 'content-type': 'text/html' } }, 502, 'wechat_bad_response'],
    ['answers nothing', { body: '' }, 502, 'wechat_bad_response'],
    ['answers 10 MB', text({ ...SUCCESS, padding: ' '.repeat(10_000_000) }), 502, 'wechat_bad_response'],
    ['sends us elsewhere', { status: 302, headers: { location: '/elsewhere' } }, 502, 'wechat_bad_response'],
    ['has a bad gateway', { status: 502, body: '<html>' }, 502, 'wechat_bad_response'],
    ['writes an errcode as text', text({ errcode: '40029' }), 400, 'code_invalid'],
    ['succeeds without a session_key', text({ openid: 'o1', errcode: 0 }), 502, 'wechat_bad_response'],
    ['succeeds without an openid', text({ ...SUCCESS, openid: undefined }), 502, 'wechat_bad_response'],
  ])(
    'that %s: the phone gets the matching error, the code is sent once, and the next sign-in succeeds',
    async (_, fault, status, code, retryAfter) => {
      const service = await startService()
      service.world.faults.set('jscode2session', fault)
      expect(await trySignIn(service)).toEqual({ status, code, retryAfter, retry: 'code_used', exchanges: 1 })
      service.world.faults.clear()
      expect(await trySignIn(service)).toMatchObject({ status: 201, exchanges: 1 })
    },
  )

  it('a WeChat that hangs, before its answer or inside it, is given up after five seconds', async () => {
    const faults: Fault[] = [{ hang: true }, { hang: 'body' }, { hang: 'body', applied: true }]
    const services = await Promise.all(faults.map(() => startService()))
    services.forEach(({ world }, i) => {
      world.faults.set('jscode2session', faults[i] ?? {})
    })
    const clock = holdClock()
    let settled = 0
    const results = services.map((service) => trySignIn(service).finally(() => settled++))
    await clock.until(() => services.every(({ world }) => world.ledger.count('jscode2session') === 1))
    await clock.advance(4_999)
    expect(settled).toBe(0)
    await clock.advance(1)
    expect(await Promise.all(results)).toEqual(
      faults.map(() => ({
        status: 504,
        code: 'wechat_timeout',
        retryAfter: undefined,
        retry: 'code_used',
        exchanges: 1,
      })),
    )
  })

  it('a WeChat that cannot be reached is wechat_unreachable', async () => {
    const gone = createServer().listen(0, '127.0.0.1')
    await once(gone, 'listening')
    const { port } = gone.address() as AddressInfo
    gone.close()
    await once(gone, 'close')
    const service = await startService({ wechatApiBaseUrl: `http://127.0.0.1:${port}` })
    expect(await trySignIn(service)).toMatchObject({ status: 502, code: 'wechat_unreachable', retry: 'code_used' })
  })

  it('a limit of WeChat on one user refuses this user alone', async () => {
    const service = await startService()
    const { world } = service
    // WeChat counts by the minute: this one has only begun.
    world.clock.advance(60_000 - (world.clock.now() % 60_000))
    for (let i = 0; i < 100; i++) {
      const { code } = world.login('alice', APPID)
      world.code2Session({
        appid: APPID,
        secret: world.apps[0]?.secret,
        js_code: code,
        grant_type: 'authorization_code',
      })
    }
    expect(await trySignIn(service, 'alice')).toMatchObject({ status: 429, code: 'wechat_rate_limited', exchanges: 1 })
    expect(await trySignIn(service, 'bob')).toMatchObject({ status: 201, exchanges: 1 })
    world.clock.advance(60_000)
    expect(await trySignIn(service, 'alice')).toMatchObject({ status: 201, exchanges: 1 })
  })
})
