import { channel } from 'node:diagnostics_channel'
import { CHANNELS } from '@weapp-auth/fastify'
import { expect, test } from 'vitest'
import { countRecentAnswers } from '../../src/service-api/recent-answers.ts'
import { startServiceApi } from './service-api.ts'

test('health tells the stores, the appSecret in use, the access_token and what WeChat answered, and asks WeChat nothing', async () => {
  const { ask, signIn, service } = await startServiceApi()
  const { world } = service
  const appid = world.apps[0]?.appid ?? ''
  const before = (await ask('GET /health')).data
  expect(before).toEqual({
    stores: { sessions: 'up', users: 'up' },
    apps: [{ appid, secrets: 1, secretInUse: null, accessTokenExpiresIn: null }],
    keyRing: [{ kid: 'k1', fingerprint: 'f1' }],
    events: null,
    wechat: [],
  })
  await signIn()
  world.faults.set('jscode2session', { errcode: 40029, times: 2 })
  for (let i = 0; i < 2; i++) {
    await service.app.inject({ method: 'POST', url: '/v1/sessions', payload: { appid, code: `code-of-round-${i}` } })
  }
  await ask(`GET /apps/${appid}/access-token`)
  const { data } = await ask('GET /health')
  expect(data.apps).toEqual([{ appid, secrets: 1, secretInUse: 1, accessTokenExpiresIn: expect.any(Number) }])
  // WeChat gives a token for two hours.
  expect(data.apps[0].accessTokenExpiresIn).toBeGreaterThan(3_600)
  expect(data.apps[0].accessTokenExpiresIn).toBeLessThanOrEqual(7_200)
  expect(data.wechat[0]).toMatchObject({ outcome: 'refused', errcode: 40029, count: 2 })
  expect(data.wechat.slice(1)).toHaveLength(2)
  for (const answer of data.wechat.slice(1)) expect(answer).toMatchObject({ outcome: 'ok', errcode: 0, count: 1 })
  expect(JSON.stringify(data)).not.toContain(world.apps[0]?.secret)
})

test('WeChat’s answers are forgotten in health after an hour, also by a clock that was put back', async () => {
  const clock = { nowMs: 1_800_000_000_000 }
  const answers = countRecentAnswers(() => clock.nowMs)
  const { signIn } = await startServiceApi()
  await signIn()
  const ofUsers = { target: 'users', operation: 'signIn', outcome: 'ok', errcode: null, startedAtMs: 0, durationMs: 1 }
  channel(CHANNELS.calls).publish(ofUsers)
  expect(answers.list()).toMatchObject([{ outcome: 'ok', count: 1 }])
  clock.nowMs += 59 * 60_000
  expect(answers.list()).toHaveLength(1)
  clock.nowMs += 60_000
  expect(answers.list()).toEqual([])
  await signIn('bob')
  clock.nowMs -= 600_000
  expect(answers.list()).toEqual([])
  await signIn('carol')
  expect(answers.list()).toHaveLength(1)
  answers.close()
  await signIn('dave')
  expect(answers.list()).toMatchObject([{ count: 1 }])
})
