import { describe, expect, test } from 'vitest'
import { createPhone } from './phone.ts'
import { flush } from './watch.ts'

describe('the options of a call', () => {
  test('the options of a call are read when it is made, though the request waits for the login', async () => {
    const { auth, service } = createPhone()
    const options = {
      url: '/a',
      method: 'POST' as 'POST' | 'PUT',
      header: { 'x-page': '1' },
      data: { list: { page: 1 } },
    }
    const calls = [1, 2, 3].map((page) => {
      options.data.list.page = page
      options.header['x-page'] = String(page)
      return auth.request(options)
    })
    options.url = '/b'
    options.method = 'PUT'
    await Promise.all(calls)
    const sent = service.calls.filter(({ path }) => path !== '/v1/sessions')
    expect(sent.map(({ method, path, body, header }) => [method, path, body, header['x-page']])).toEqual(
      [1, 2, 3].map((page) => ['POST', '/a', { list: { page } }, String(page)]),
    )
  })

  test('the options of a call are the same in the replay after a 401', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    service.revokeAll()
    const data = { items: [1] }
    const request = auth.request({ url: '/a', method: 'POST', data })
    await flush()
    data.items.push(2)
    await request
    expect(service.calls.filter(({ path }) => path === '/a').map(({ body }) => body)).toEqual([
      { items: [1] },
      { items: [1] },
    ])
  })

  test('of an upload and of loginWith are read when they are made, too', async () => {
    const { auth, service, device } = createPhone()
    const formData = { album: 'one' }
    const upload = auth.uploadFile({ url: '/files', filePath: device.files.create('picture'), name: 'file', formData })
    formData.album = 'two'
    const data = { password: 'first' }
    const login = auth.loginWith({ url: '/v1/sessions', data })
    data.password = 'second'
    await Promise.all([upload, login])
    expect(service.calls.find(({ path }) => path === '/files')?.bytes).toContain('one')
    expect(service.calls.filter(({ path }) => path === '/v1/sessions').map(({ body }) => body.password)).toContain(
      'first',
    )
  })

  test('reach a wrapped library as they were', async () => {
    const { auth } = createPhone()
    const sent: unknown[] = []
    const send = auth.wrap(async (options: { url: string; data: { page: number } }) => {
      sent.push(options.data)
      return { statusCode: 200 }
    })
    const options = { url: '/a', data: { page: 1 } }
    const call = send(options)
    options.data.page = 2
    await call
    expect(sent).toEqual([{ page: 1 }])
  })

  test('keep what is no plain data: a Date, bytes, and an object that has a toJSON', async () => {
    class Money {
      cents = 150
      toJSON() {
        return `${this.cents / 100} CNY`
      }
    }
    const { auth, service } = createPhone()
    const at = new Date(0)
    await auth.request({ url: '/a', method: 'POST', data: { at, price: new Money() } })
    const bytes = new TextEncoder().encode('raw').buffer
    const request = auth.request({ url: '/b', method: 'POST', data: bytes })
    new Uint8Array(bytes).fill(0)
    await request
    expect(service.calls.find(({ path }) => path === '/a')?.body).toEqual({ at: at.toISOString(), price: '1.5 CNY' })
    expect(service.calls.find(({ path }) => path === '/b')?.bytes).toBe('raw')
  })

  test('that contain themselves reject the call, and nothing is thrown', async () => {
    const { auth } = createPhone()
    const data: Record<string, unknown> = {}
    data.self = data
    await expect(auth.request({ url: '/a', data })).rejects.toMatchObject({ code: 'invalid_argument' })
  })
})

describe('a timeout that is no positive finite number', () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, 0, -1, '5000' as never, null as never])(
    'is refused: %s',
    async (timeout) => {
      const { auth, count } = createPhone()
      const message = /timeout must be a positive number/
      for (const call of [
        auth.request({ url: '/a', timeout }),
        auth.uploadFile({ url: '/a', filePath: 'a', name: 'a', timeout }),
        auth.downloadFile({ url: '/a', timeout }),
      ]) {
        await expect(call).rejects.toMatchObject({ code: 'invalid_argument', errMsg: expect.stringMatching(message) })
      }
      await expect(auth.ensureLogin({ timeoutMs: timeout })).rejects.toMatchObject({ code: 'invalid_argument' })
      expect(count('wx.login')).toBe(0)
    },
  )
})
