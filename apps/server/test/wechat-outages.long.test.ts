import { createWorld, type Fault, startWechat } from '@weapp-auth/emulator'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startLoaded } from './load.ts'
import { call, startProcess } from './process.ts'
import { environment } from './service.ts'

interface Outage {
  name: string
  fault: Fault
  status: number
  code: string
  /** How long a sign-in waits; default: not at all. */
  seconds?: number
}

const BAD_RESPONSE = { status: 502, code: 'wechat_bad_response' }
const TIMEOUT = { status: 504, code: 'wechat_timeout', seconds: 5 }
const SUCCESS = { openid: 'o1', session_key: 'tiihtNczf5v6AKRyjwEUhQ==' }

const OUTAGES: Outage[] = [
  { name: 'resets', fault: { reset: true }, status: 502, code: 'wechat_unreachable' },
  { name: 'hangs before its answer', fault: { hang: true }, ...TIMEOUT },
  { name: 'hangs inside its answer', fault: { hang: 'body', applied: true }, ...TIMEOUT },
  { name: 'answers nothing', fault: { body: '' }, ...BAD_RESPONSE },
  { name: 'answers a page', fault: { body: '<html>', headers: { 'content-type': 'text/html' } }, ...BAD_RESPONSE },
  {
    name: 'answers 10 MB',
    fault: { body: JSON.stringify({ ...SUCCESS, padding: ' '.repeat(10_000_000) }) },
    ...BAD_RESPONSE,
  },
  { name: 'redirects', fault: { status: 302, headers: { location: '/elsewhere' } }, ...BAD_RESPONSE },
  { name: 'writes an errcode as text', fault: { body: '{"errcode":"40029"}' }, status: 400, code: 'code_invalid' },
  { name: 'succeeds without a session_key', fault: { body: '{"errcode":0,"openid":"o1"}' }, ...BAD_RESPONSE },
]

describe('WeChat under load', () => {
  test.each(OUTAGES)(
    'WeChat $name: sign-ins get the error of it, users who are signed in notice nothing, and sign-ins succeed as soon as WeChat does',
    async ({ fault, status, code, seconds = 0 }) => {
      const service = await startLoaded(await environment('embedded'))
      service.world.faults.set('jscode2session', fault)
      await expect.poll(() => service.signIns.filter((each) => each.code === code).length).toBeGreaterThan(2)
      service.world.faults.clear()
      await service.recovered()
      await service.settle({ status, code, retryAfter: null, withinMs: seconds * 1000 + 2_000 })
      expect(service.answers.filter(({ status }) => status !== 204)).toEqual([])
      for (const { exchanges } of service.signIns) expect(exchanges).toBe(1)
    },
  )

  test('WeChat refuses connections: sign-ins get the error of it, and no code is sent', async () => {
    const service = await startLoaded(await environment('embedded'))
    const { wechat, world } = service
    await wechat.close()
    const refused = () => service.signIns.filter(({ code }) => code === 'wechat_unreachable')
    // More than were under way when it went.
    await expect.poll(() => refused().length).toBeGreaterThan(5)
    const again = await startWechat(world, { port: Number(new URL(wechat.baseUrl).port) })
    onTestFinished(() => again.close())
    await service.recovered()
    await service.settle({ status: 502, code: 'wechat_unreachable', retryAfter: null, withinMs: 2_000 })
    expect(service.answers.filter(({ status }) => status !== 204)).toEqual([])
    expect(
      refused()
        .slice(3)
        .filter(({ exchanges }) => exchanges > 0),
    ).toEqual([])
  })

  test('WeChat hangs when the service is told to stop: the sign-in under way is answered, and the service ends with exit code 0', async () => {
    const world = createWorld()
    const [app = { appid: '', secret: '' }] = world.apps
    const wechat = await startWechat(world)
    onTestFinished(() => wechat.close())
    const service = startProcess({
      ...(await environment('embedded')),
      WECHAT_APPID: app.appid,
      WECHAT_SECRET: app.secret,
      WECHAT_API_BASE_URL: wechat.baseUrl,
    })
    const address = await service.address
    world.faults.set('jscode2session', { hang: true })
    const { code } = world.login('alice', app.appid)
    const answer = call(`${address}/v1/sessions`, { body: { appid: app.appid, code } })
    await expect.poll(() => world.ledger.count('jscode2session')).toBe(1)
    const startMs = performance.now()
    service.child.kill('SIGTERM')
    expect(await answer).toMatchObject({ status: 504, data: { code: 'wechat_timeout' } })
    expect(await service.ended).toBe(0)
    expect(performance.now() - startMs).toBeLessThan(10_000)
  })
})
