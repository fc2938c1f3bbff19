import { describe, expect, test } from 'vitest'
import { IDLE_SECONDS, problem } from './fake-service.ts'
import { createPhone } from './phone.ts'
import { flush, watch } from './watch.ts'

interface Options {
  url: string
  method?: 'GET' | 'POST'
  header?: Record<string, string>
}
interface Answer {
  statusCode: number
  data: unknown
}

/** Taro's and uni-app's shape: a promise, on Taro with the task's `abort` on it. */
function taroLike({ device }: Pick<ReturnType<typeof createPhone>, 'device'>) {
  return (options: Options): Promise<Answer> & { abort(): void } => {
    let abort = () => {}
    const answer = new Promise<Answer>((success, fail) => {
      const task = device.wx.request({ ...options, success, fail })
      abort = () => task.abort()
    })
    return Object.assign(answer, { abort })
  }
}

/** luch-request's shape: it rejects on every status that is not 2xx. */
function luchLike({ device }: Pick<ReturnType<typeof createPhone>, 'device'>) {
  return (options: Options): Promise<Answer> =>
    new Promise((resolve, reject) => {
      device.wx.request({
        ...options,
        success: (answer) => (answer.statusCode < 300 ? resolve(answer) : reject(answer)),
        fail: reject,
      })
    })
}

describe('wrap', () => {
  test.each([
    ['a library that resolves on every status', taroLike],
    ['a library that rejects on a 401', luchLike],
  ])('gives %s the token, one login and one replay', async (_, library) => {
    const phone = createPhone()
    const { auth, service, count } = phone
    const request = auth.wrap(library(phone))
    expect(await request({ url: '/products', method: 'GET' })).toMatchObject({ statusCode: 200, data: { ok: true } })
    service.revokeAll()
    const all = await Promise.all([request({ url: '/a' }), request({ url: '/b' }), request({ url: '/c' })])
    expect(all.every(({ statusCode }) => statusCode === 200)).toBe(true)
    expect(count('wx.login')).toBe(2)
    expect(service.calls.at(-1)?.header).toMatchObject({ authorization: 'Bearer wxs1.000.token-2' })
  })

  test("wrap leaves the library's own rejections as they are", async () => {
    const phone = createPhone()
    const request = phone.auth.wrap(luchLike(phone))
    await phone.auth.ensureLogin()
    phone.service.business = () => ({ status: 422, data: { field: 'name' } })
    await expect(request({ url: '/products' })).rejects.toMatchObject({ statusCode: 422, data: { field: 'name' } })
    phone.device.network.setOnline(false)
    await expect(request({ url: '/products' })).rejects.toMatchObject({ errMsg: expect.stringContaining('INTERNET') })
    expect(phone.count('wx.login')).toBe(1)
  })

  test('abort reaches the request of the library', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    phone.service.business = () => 'hold'
    const sent = phone.auth.wrap(taroLike(phone))({ url: '/products' })
    const watched = watch(sent)
    await flush()
    sent.abort()
    await flush()
    expect(watched).toMatchObject({ state: 'rejected', error: { code: 'aborted' } })
    expect(phone.service.held[0]?.isGivenUp()).toBe(true)
  })

  test('wrap uses auth and replay, and passes neither to the library', async () => {
    const phone = createPhone()
    const seen: object[] = []
    const request = phone.auth.wrap((options: Options) => {
      seen.push(options)
      return taroLike(phone)(options)
    })
    await request({ url: '/products', auth: 'none', replay: false })
    expect(seen).toEqual([{ url: 'https://api.example.com/products', header: undefined }])
  })

  test('isUnauthorized recognises a backend that answers 200 with { code: 401 }', async () => {
    const { auth, service, count } = createPhone({
      isUnauthorized: ({ statusCode, data }) => statusCode === 401 || (data as { code?: number }).code === 401,
    })
    await auth.ensureLogin()
    service.revokeAll()
    service.business = (call) => ({ status: 200, data: { code: call.token === 'wxs1.000.token-2' ? 0 : 401 } })
    expect((await auth.request({ url: '/products' })).data).toEqual({ code: 0 })
    expect(count('wx.login')).toBe(2)
    service.business = () => ({ status: 200, data: { code: 401 } })
    await expect(auth.request({ url: '/products' })).rejects.toMatchObject({ code: 'unauthorized' })
  })

  test('isUnauthorized is not called when no answer came', async () => {
    const phone = createPhone({ isUnauthorized: ({ data }) => (data as { code: number }).code === 401 })
    const request = phone.auth.wrap(luchLike(phone))
    await phone.auth.ensureLogin()
    phone.device.network.setOnline(false)
    await expect(request({ url: '/products' })).rejects.toMatchObject({ errMsg: expect.stringContaining('INTERNET') })
    expect(phone.auth.getSession()).toMatchObject({ id: 's1' })
  })

  test('wrap never sends the token to another origin through a library', async () => {
    const phone = createPhone()
    const request = phone.auth.wrap(taroLike(phone))
    await expect(request({ url: 'https://evil.com/' })).rejects.toMatchObject({ code: 'invalid_argument' })
    phone.service.business = () => problem(401, 'session_invalid')
    expect((await request({ url: 'https://evil.com/', auth: 'optional' })).statusCode).toBe(401)
    expect(phone.service.calls.every(({ token }) => token === null)).toBe(true)
  })

  test('wrap moves the expiry also with a library that returns bodies without a status', async () => {
    const { auth, advance, count } = createPhone()
    const bodyOf = (options: { url: string }) => auth.request({ ...options, auth: 'none' }).then(({ data }) => data)
    const request = auth.wrap(bodyOf)
    for (let n = 0; n < 6; n++) {
      await request({ url: '/a' })
      await advance(IDLE_SECONDS * 500)
    }
    expect(count('wx.login')).toBe(1)
  })
})
