import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { problem } from './fake-service.ts'
import { createPhone } from './phone.ts'
import { flush, watch } from './watch.ts'

const thrower = (message: string) => () => {
  throw new Error(message)
}
const rejecter = (message: string) => () => Promise.reject(new Error(message)) as never

describe('an option of the application that fails', () => {
  const uncaught: unknown[] = []
  const note = (error: unknown) => uncaught.push(error)
  beforeEach(() => {
    uncaught.length = 0
    process.on('unhandledRejection', note)
  })
  afterEach(() => {
    process.off('unhandledRejection', note)
  })

  test.each([
    ['header throws', { header: thrower('no header today') }, 'invalid_argument'],
    ['header returns a promise', { header: rejecter('later') }, 'invalid_argument'],
    ['isUnauthorized throws', { isUnauthorized: thrower('cannot read it') }, 'invalid_argument'],
    ['isUnauthorized returns a promise', { isUnauthorized: rejecter('later') }, 'invalid_argument'],
    ['loginData throws', { loginData: thrower('no data') }, 'login_failed'],
    ['loginData rejects', { loginData: rejecter('no data') }, 'login_failed'],
  ])('%s: an AuthError with a code, and nothing uncaught', async (_, options, code) => {
    const phone = createPhone(options)
    const calls = [
      phone.auth.request({ url: '/a' }),
      phone.auth.uploadFile({ url: '/a', filePath: 'a', name: 'a' }),
      phone.auth.wrap(async (_sent: { url: string }) => ({ statusCode: 200 }))({ url: '/a' }),
    ].map((call) => watch<unknown>(call))
    await phone.advance(300)
    await phone.advance(300)
    await phone.auth.logout()
    await phone.advance(1)
    const [request, , wrapped] = calls
    expect(request).toMatchObject({ state: 'rejected', error: { name: 'AuthError', code } })
    expect(wrapped).toMatchObject({ state: 'rejected', error: { name: 'AuthError', code } })
    expect(uncaught).toEqual([])
  })

  test('header: its error does not repeat the token', async () => {
    const { auth } = createPhone({
      header: (token) => {
        throw new Error(`cannot sign ${token}`)
      },
    })
    await expect(auth.request({ url: '/a' })).rejects.toMatchObject({
      errMsg: 'header:fail the option header threw Error: cannot sign ***',
    })
  })

  test.each([
    ['throws', thrower('no clock today')],
    ['gives NaN', () => Number.NaN],
    ['gives a text', () => '1767225600000' as never],
    ['gives a promise', rejecter('later')],
  ])('now %s: the clock of the phone counts instead', async (_, now) => {
    const { auth, advance } = createPhone({ now })
    const { expiresAtMs } = await auth.ensureLogin()
    expect(expiresAtMs).toBeGreaterThan(Date.now())
    expect(auth.getSession()).toMatchObject({ id: 's1' })
    expect((await auth.request({ url: '/a' })).statusCode).toBe(200)
    await advance(1)
    expect(uncaught).toEqual([])
  })

  test('a storage that throws at once: the user signs in and out, in memory only', async () => {
    const storage = { get: thrower('get'), set: thrower('set'), remove: thrower('remove') }
    const { auth } = createPhone({ storage })
    expect(await auth.ensureLogin()).toMatchObject({ id: 's1' })
    await auth.logout()
    expect(auth.getSession()).toBeNull()
    await flush()
    expect(uncaught).toEqual([])
  })
})

describe('a wx without', () => {
  test.each(['getLaunchOptionsSync', 'getAccountInfoSync', 'checkSession', 'getSystemInfoSync'] as const)(
    '%s signs in, asks and sends all the same',
    async (name) => {
      const phone = createPhone()
      const wx = { ...phone.device.wx, [name]: undefined } as never
      const options = { wx, appid: 'wx0000000000000001', device: true }
      await phone.restart(options).ensureLogin()
      await flush()
      const auth = phone.restart(options)
      await auth.ensureLogin()
      expect((await auth.request({ url: '/a' })).statusCode).toBe(200)
      await auth.ensureSessionKey()
      // A missing wx.checkSession says nothing about the session_key.
      expect(phone.service.usedCodes).toHaveLength(1)
    },
  )

  test('getAccountInfoSync and without the option appid says which option is missing', async () => {
    const phone = createPhone()
    const auth = phone.restart({ wx: { ...phone.device.wx, getAccountInfoSync: undefined } as never })
    await expect(auth.ensureLogin()).rejects.toMatchObject({
      code: 'invalid_argument',
      errMsg: expect.stringContaining('appid'),
    })
    expect(phone.count('wx.login')).toBe(0)
  })

  test('getSystemInfoSync tells the device by the two newer calls, and is not asked where they are complete', async () => {
    const phone = createPhone()
    const { getSystemInfoSync, ...wx } = phone.device.wx as never as Record<string, () => unknown>
    const newer = {
      ...wx,
      getSystemInfoSync: thrower('unmaintained'),
      getDeviceInfo: () => ({ platform: 'ohos', model: 'M1', system: 'HarmonyOS 5' }),
      getAppBaseInfo: () => ({ version: '8.0.50', SDKVersion: '3.7.0' }),
    }
    await phone.restart({ wx: newer as never, device: true }).ensureLogin()
    expect(phone.service.calls.at(-1)?.body.device).toEqual({
      platform: 'ohos',
      model: 'M1',
      system: 'HarmonyOS 5',
      wechatVersion: '8.0.50',
      sdkVersion: '3.7.0',
    })
    expect(typeof getSystemInfoSync).toBe('function')
  })
})

describe('the message of an error', () => {
  test.each(['request', 'uploadFile', 'connectSocket'] as const)(
    'of %s loses the headers that the host quotes in it',
    async (name) => {
      const phone = createPhone()
      await phone.auth.ensureLogin()
      const fail = (options: { header?: object; fail?: (failure: object) => void }) => {
        options.fail?.({ errMsg: `${name}:fail bad options ${JSON.stringify(options.header)}` })
        return { onOpen() {}, onMessage() {}, onClose() {}, onError() {} }
      }
      const auth = phone.restart({ wx: { ...phone.device.wx, [name]: fail } as never })
      const errMsg = await new Promise<string>((resolve) => {
        const call = auth[name] as (options: object) => unknown
        call({ url: '/a', filePath: 'a', name: 'a', fail: (failure: { errMsg: string }) => resolve(failure.errMsg) })
      })
      expect(errMsg).toContain('bad options')
      expect(errMsg).not.toContain('token-1')
    },
  )

  test('of a login loses the code', async () => {
    const phone = createPhone()
    const request = (options: { data?: object; fail?: (failure: object) => void }) =>
      options.fail?.({ errMsg: `request:fail cannot send ${JSON.stringify(options.data)}` })
    let count = 0
    const login = (options: { success?: (result: object) => void }) =>
      options.success?.({ code: `code-number-${++count}` })
    const auth = phone.restart({ wx: { ...phone.device.wx, login, request } as never })
    const watched = watch(auth.ensureLogin())
    await phone.advance(300)
    expect(watched).toMatchObject({ state: 'rejected', error: { errMsg: expect.stringContaining('cannot send') } })
    expect((watched.error as Error).message).not.toContain('code-number')
  })
})

describe('an AuthError', () => {
  test('an AuthError has the requestId and the detail of the service', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    const refused = problem(400, 'request_invalid')
    service.business = () => ({
      ...refused,
      data: { ...(refused.data as object), requestId: 'r-7', detail: 'avatarUrl must be an https address' },
    })
    await expect(auth.updateProfile({ avatarUrl: 'x' })).rejects.toMatchObject({
      code: 'rejected',
      problem: 'request_invalid',
      requestId: 'r-7',
      detail: 'avatarUrl must be an https address',
    })
  })

  test.each([
    ['wechat_misconfigured', false],
    ['internal', false],
    ['wechat_busy', true],
  ])('%s of the service is retryable: %s', async (code, retryable) => {
    const phone = createPhone()
    phone.service.exchanges.push(problem(500, code), problem(500, code))
    const watched = watch(phone.auth.ensureLogin())
    await phone.advance(300)
    expect(watched).toMatchObject({ state: 'rejected', error: { problem: code, retryable, requestId: 'r1' } })
  })

  test.each([
    ['-5', undefined],
    ['Infinity', 3_600_000],
    ['3000000', 3_600_000],
    ['2', 2_000],
  ])('bounds a Retry-After of %s', async (header, retryAfterMs) => {
    const phone = createPhone()
    phone.service.exchanges.push({ ...problem(429, 'rate_limited'), header: { 'Retry-After': header } })
    const watched = watch(phone.auth.ensureLogin())
    await phone.advance(300)
    expect(watched).toMatchObject({ state: 'rejected', error: { code: 'login_throttled' } })
    expect((watched.error as { retryAfterMs?: number }).retryAfterMs).toBe(retryAfterMs)
    // The pause lasts: a timer that overflows would fire at once.
    await phone.advance(500)
    await expect(phone.auth.ensureLogin()).rejects.toBe(watched.error)
  })

  test.each([Number.POSITIVE_INFINITY, 0, -1, 'soon'])('a lifetime of %s is no session', async (expiresIn) => {
    const phone = createPhone()
    const issued = phone.service.issue()
    phone.service.exchanges.push({
      status: 201,
      data: JSON.stringify({ ...issued, expiresIn }).replace('null', '1e999'),
    })
    await expect(phone.auth.ensureLogin()).rejects.toMatchObject({ code: 'bad_response' })
  })
})
