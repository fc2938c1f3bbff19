import { expect, test } from 'vitest'
import { createLedger } from '../src/ledger.ts'
import { expectCodesUsedOnce, expectLogins, expectNoSecretOnPhone, proofsOf } from '../src/proofs.ts'
import { DEMO_APP } from '../src/world.ts'
import { createApi } from './http/api.ts'
import { createManualPhone, outcomeOf } from './manual-phone.ts'

const { appid, secret } = DEMO_APP

test('a code that was sent once passes, one that was sent again is named', async () => {
  const { world, call } = createApi()
  const { code } = world.login('alice', appid)
  const exchange = () =>
    call(
      'GET',
      `/sns/jscode2session?${new URLSearchParams({ appid, secret, js_code: code, grant_type: 'authorization_code' })}`,
    )
  await exchange()
  expect(() => expectCodesUsedOnce(world)).not.toThrow()
  await exchange()
  expect(() => expectCodesUsedOnce(world)).toThrow('code c1 was sent to WeChat 2 times')
  expect(proofsOf(world.ledger).refusals).toEqual(['WeChat answered jscode2session with errcode 40163 (code c1)'])
})

test('a ledger that lost its oldest entries proves nothing', () => {
  const ledger = createLedger({ limit: 1 })
  for (let i = 0; i < 3; i++) ledger.add({ side: 'wechat', event: 'jscode2session' })
  expect(() => expectCodesUsedOnce({ ledger })).toThrow('proves nothing')
})

test('a session_key on the phone is found in its storage and in what it received', async () => {
  const { device, wx, world, sent } = createManualPhone({ bodies: true })
  const { code } = world.login('alice', appid)
  const { session_key } = world.code2Session({ appid, secret, js_code: code, grant_type: 'authorization_code' })
  world.ledger.alias('key', session_key)
  wx.setStorageSync('session', { token: 'ours' })
  expect(() => expectNoSecretOnPhone(device)).not.toThrow()

  const answered = outcomeOf((callbacks) => wx.request({ url: 'https://api.test/login', ...callbacks }))
  await expect.poll(() => sent.length).toBe(1)
  sent[0]?.answer({ body: JSON.stringify({ session_key }) })
  await answered
  expect(() => expectNoSecretOnPhone(device)).toThrow('phone received the session_key k1 from https://api.test/login')
  wx.setStorageSync('session', { session_key })
  expect(() => expectNoSecretOnPhone(device)).toThrow('phone stored the session_key k1 under "session"')
})

test('too many logins are counted', async () => {
  const { device, wx } = createManualPhone()
  for (let i = 0; i < 2; i++) await outcomeOf(wx.login)
  expect(() => expectLogins(device, 2)).not.toThrow()
  expect(() => expectLogins(device, 1)).toThrow('phone called wx.login 2 times, expected at most 1')
})
