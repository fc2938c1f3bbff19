import { describe, expect, test } from 'vitest'
import { call, signIn, startProcess } from './process.ts'
import { COLUMNS, createAuthOnPhone, environment, isAvailable, startService } from './service.ts'

interface Decrypted {
  data: Record<string, unknown>
}

describe.each(COLUMNS.filter(isAvailable))('open data, stores %s', (column) => {
  test('open data goes from WeChat through the phone to the service and comes back in the clear', async () => {
    const service = await startService(column)
    const { auth, device } = createAuthOnPhone(service)
    await auth.ensureLogin()
    const profile = await device.wx.getUserProfile({ desc: 'to greet you' })
    const { encryptedData, iv, rawData, signature, userInfo } = profile ?? {}
    const send = <T>(url: string, data: object) => auth.request<T>({ url, method: 'POST', data })
    const decrypted = await send<Decrypted>('/v1/open-data/decrypt', { encryptedData, iv })
    expect([decrypted.statusCode, decrypted.data]).toEqual([200, { data: userInfo }])
    const verified = await send('/v1/open-data/verify', { rawData, signature })
    expect([verified.statusCode, verified.data]).toEqual([200, { valid: true }])
  })

  test('open data that was encrypted with a key the service has not seen is opened after one login', async () => {
    const service = await startService(column)
    const { auth, device } = createAuthOnPhone(service)
    await auth.ensureLogin()
    service.world.expireSessionKey('alice', device.appid)
    const decrypt = async () => {
      const { encryptedData, iv } = (await device.wx.getUserProfile({ desc: 'to greet you' })) ?? {}
      const data = { encryptedData, iv }
      return auth.request<Decrypted & { code: string }>({ url: '/v1/open-data/decrypt', method: 'POST', data })
    }
    const stale = await decrypt()
    expect([stale.statusCode, stale.data.code]).toEqual([409, 'session_key_stale'])
    await auth.ensureLogin({ force: true })
    expect((await decrypt()).statusCode).toBe(200)
  })
})

test('the emulator of a running service gives what a phone would get', async () => {
  const address = await startProcess({ ...(await environment('embedded')), WECHAT_EMULATOR: 'on' }).address
  const { token } = await signIn(address, 'alice')
  const { data: info } = await call(`${address}/emulator/user-info`, { body: { user: 'alice' } })
  expect(await call(`${address}/v1/open-data/decrypt`, { body: info, token })).toEqual({
    status: 200,
    data: { data: info.userInfo },
  })
  const steps = { stepInfoList: [{ timestamp: 1, step: 5 }] }
  const { data: encrypted } = await call(`${address}/emulator/encrypt`, { body: { user: 'alice', data: steps } })
  expect((await call(`${address}/v1/open-data/decrypt`, { body: encrypted, token })).data).toEqual({ data: steps })
  expect(await call(`${address}/v1/session-key/check`, { method: 'POST', token })).toEqual({
    status: 200,
    data: { valid: true },
  })
})
