import { describe, expect, test } from 'vitest'
import { COLUMNS, createAuthOnPhone, isAvailable, startService } from './service.ts'

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
