import { describe, expect, test, vi } from 'vitest'
import type { AuthFailure, RequestTask } from '../src/index.ts'
import { problem } from './fake-service.ts'
import { createPhone } from './phone.ts'
import { flush, watch } from './watch.ts'

/** What a call's callbacks were told, in order. */
function recorder(told: string[] = []) {
  return {
    told,
    success: ({ statusCode }: { statusCode: number }) => void told.push(`success ${statusCode}`),
    fail: ({ errMsg, code }: AuthFailure) => void told.push(`fail ${code} ${errMsg}`),
    complete: (outcome: object) => void told.push('errno' in outcome ? 'complete with a failure' : 'complete'),
  }
}

describe('a request without callbacks', () => {
  test('a request without callbacks is a promise that is also the task', async () => {
    const { auth } = createPhone()
    const request = auth.request({ url: '/products' })
    expect(typeof request.abort).toBe('function')
    expect(typeof request.onHeadersReceived).toBe('function')
    expect((await request).statusCode).toBe(200)
  })
})

/** A phone whose requests and uploads are played by hand. */
function phoneWithWires(phone: ReturnType<typeof createPhone>) {
  const wires: {
    tell(event: string, detail: object): void
    end(answer: { status: number; data?: unknown }): void
    fail(errMsg: string): void
  }[] = []
  function send(options: Record<string, unknown>) {
    const { success, fail } = options as Record<string, (outcome: object) => void>
    const listeners: Record<string, (detail: object) => void> = {}
    const on = (event: string) => (listener: (detail: object) => void) => {
      listeners[event] = listener
    }
    wires.push({
      tell: (event, detail) => listeners[event]?.(detail),
      end: ({ status, data }) => success?.({ statusCode: status, data: JSON.stringify(data ?? ''), errMsg: 'ok' }),
      fail: (errMsg) => fail?.({ errMsg }),
    })
    return {
      abort() {},
      onHeadersReceived: on('HeadersReceived'),
      onChunkReceived: on('ChunkReceived'),
      onProgressUpdate: on('ProgressUpdate'),
    }
  }
  const { wx } = phone.device
  const request = (options: { url: string }) =>
    options.url.endsWith('/a') ? send(options as never) : wx.request(options)
  return { auth: phone.restart({ wx: { ...wx, request, uploadFile: send } as never }), wires }
}

describe('the task of a call', () => {
  test.each([
    ['request', 'onHeadersReceived', 'offHeadersReceived', { statusCode: 200 }],
    ['request', 'onChunkReceived', 'offChunkReceived', { data: 'x' }],
    ['uploadFile', 'onProgressUpdate', 'offProgressUpdate', { progress: 5 }],
    ['downloadFile', 'onProgressUpdate', 'offProgressUpdate', { progress: 5 }],
  ] as const)('of %s has %s and %s, also before there is a task of wx', async (name, on, off, detail) => {
    const phone = createPhone()
    const real: Record<string, (listener: (detail: object) => void) => void> = {}
    let tell: (detail: object) => void = () => {}
    real[on] = (listener) => {
      tell = listener
    }
    await phone.auth.ensureLogin()
    const auth = phone.restart({ wx: { ...phone.device.wx, [name]: () => real } as never })
    const call = auth[name] as unknown as (options: object) => Record<string, (listener: unknown) => void>
    const task = call({ url: '/x', filePath: 'a', name: 'b', complete: () => {} })
    const heard: string[] = []
    const early = () => heard.push('early')
    task[on]?.(early)
    await flush()
    tell(detail)
    task[off]?.(early)
    task[on]?.(() => heard.push('late'))
    tell({ ...detail, progress: 6 })
    expect(heard).toEqual(['early', 'late'])
  })
})

describe('a request with callbacks', () => {
  test.each(['success', 'fail', 'complete'] as const)('with %s alone returns the task and no promise', (name) => {
    const { auth } = createPhone()
    const task = auth.request({ url: '/products', [name]: () => {} } as never) as RequestTask
    expect(task).not.toHaveProperty('then')
    expect(typeof task.abort).toBe('function')
  })

  test('a request with callbacks tells success, then complete, once each', async () => {
    const { auth } = createPhone()
    const { told, ...callbacks } = recorder()
    auth.request({ url: '/products', ...callbacks })
    await flush()
    expect(told).toEqual(['success 200', 'complete'])
  })

  test.each([404, 500])('a request with callbacks calls success for a %i, as wx does', async (status) => {
    const { auth, service } = createPhone()
    service.business = () => ({ status })
    const { told, ...callbacks } = recorder()
    auth.request({ url: '/products', ...callbacks })
    await flush()
    expect(told).toEqual([`success ${status}`, 'complete'])
  })

  test('a request with callbacks fails with unauthorized after a 401 that a new login did not mend', async () => {
    const { auth, service } = createPhone()
    service.business = () => problem(401, 'session_invalid')
    const { told, ...callbacks } = recorder()
    auth.request({ url: '/products', ...callbacks })
    await flush()
    await flush()
    expect(told).toEqual([
      'fail unauthorized request:fail the service does not accept the session',
      'complete with a failure',
    ])
  })

  test("a request with callbacks fails in wx's words, also when it was the login that failed", async () => {
    const { auth, service } = createPhone()
    service.exchanges.push(problem(403, 'user_disabled'))
    const failures: AuthFailure[] = []
    auth.request({ url: '/products', fail: (failure) => failures.push(failure) })
    await flush()
    expect(failures).toEqual([
      {
        code: 'login_rejected',
        errMsg: 'request:fail the service at baseUrl answered 403 user_disabled',
        errno: undefined,
      },
    ])
  })

  test('hands on the errno of wx', async () => {
    const { auth, device } = createPhone()
    await auth.ensureLogin()
    device.network.setOnline(false)
    const failures: AuthFailure[] = []
    auth.request({ url: '/products', fail: (failure) => failures.push(failure) })
    await flush()
    expect(failures).toMatchObject([{ code: 'network', errno: 600_001 }])
  })

  test('a request with callbacks causes no unhandled rejection', async () => {
    const { auth, device } = createPhone()
    device.network.setOnline(false)
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    auth.request({ url: '/products', success: () => {} })
    auth.request({ url: 'nonsense', complete: () => {} })
    await flush()
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  test('after a callback that throws, complete and other callbacks are still called, and App.onError gets the error', async () => {
    const { auth, advance } = createPhone()
    const { told, ...others } = recorder()
    const bad = () => {
      throw new Error('bad callback')
    }
    auth.request({ url: '/a', success: bad, complete: others.complete })
    auth.request({ url: '/b', ...others })
    await flush()
    expect(told.sort()).toEqual(['complete', 'complete', 'success 200'])
    await expect(advance(0)).rejects.toThrow('bad callback')
  })

  test.each(['fail', 'complete'] as const)(
    '%s that throws is told to the app, and hides nothing either',
    async (name) => {
      const { auth, advance } = createPhone()
      const unhandled = vi.fn()
      process.on('unhandledRejection', unhandled)
      const { told, ...others } = recorder()
      const bad = () => {
        throw new Error(`bad ${name}`)
      }
      auth.request({ url: 'nonsense', ...others, [name]: bad })
      auth.request({ url: '/a', ...others, [name]: bad })
      await flush()
      process.off('unhandledRejection', unhandled)
      expect(unhandled).not.toHaveBeenCalled()
      expect(told).toEqual(
        name === 'fail'
          ? ['complete with a failure', 'success 200', 'complete']
          : ['fail invalid_argument request:fail url must begin with one / or be an absolute URL', 'success 200'],
      )
      await expect(advance(0)).rejects.toThrow(`bad ${name}`)
    },
  )

  test('ensureLogin takes callbacks, too', async () => {
    const { auth, service } = createPhone()
    const told: unknown[] = []
    auth.ensureLogin({ success: ({ id }) => told.push(id), complete: () => told.push('complete') })
    await flush()
    service.exchanges.push(problem(403, 'user_disabled'))
    auth.ensureLogin({ force: true, fail: ({ errMsg }) => told.push(errMsg) })
    await flush()
    expect(told).toEqual(['s1', 'complete', 'ensureLogin:fail the service at baseUrl answered 403 user_disabled'])
  })
})

describe('abort', () => {
  test('while the call waits for a login settles it at once, and nothing is sent', async () => {
    const { auth, service } = createPhone()
    service.exchanges.push('hold')
    const request = auth.request({ url: '/products' })
    const watched = watch(request)
    await flush()
    request.abort()
    await flush()
    expect(watched).toMatchObject({ state: 'rejected', error: { code: 'aborted', errMsg: 'request:fail abort' } })
    await service.held[0]?.answer(201, service.issue())
    await flush()
    expect(service.paths()).toEqual(['POST /v1/sessions'])
    expect(auth.getSession()).toMatchObject({ id: 's1' })
  })

  test('before the storage was read prevents the request', async () => {
    const { auth, service } = createPhone()
    const request = auth.request({ url: '/products' })
    request.abort()
    await expect(request).rejects.toMatchObject({ code: 'aborted' })
    await flush()
    expect(service.paths()).not.toContain('GET /products')
  })

  test('of a request under way aborts the task of wx', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    service.business = () => 'hold'
    const request = auth.request({ url: '/products' })
    const watched = watch(request)
    await flush()
    request.abort()
    await flush()
    expect(service.held[0]?.isGivenUp()).toBe(true)
    expect(watched).toMatchObject({ state: 'rejected', error: { code: 'aborted' } })
  })

  test('during the login before a replay prevents the replay', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    service.revokeAll()
    service.exchanges.push('hold')
    const request = auth.request({ url: '/products' })
    const watched = watch(request)
    await flush()
    request.abort()
    await service.held[0]?.answer(201, service.issue())
    await flush()
    expect(watched).toMatchObject({ state: 'rejected', error: { code: 'aborted' } })
    expect(service.paths()).toEqual(['POST /v1/sessions', 'GET /products', 'POST /v1/sessions'])
  })

  test('twice, or after the end, does nothing', async () => {
    const { auth, service } = createPhone()
    const request = auth.request({ url: '/products' })
    expect((await request).statusCode).toBe(200)
    request.abort()
    request.abort()
    service.business = () => 'hold'
    const { told, ...callbacks } = recorder()
    const second = auth.request({ url: '/products', ...callbacks })
    await flush()
    second.abort()
    second.abort()
    await flush()
    expect(told).toEqual(['fail aborted request:fail abort', 'complete with a failure'])
  })

  test('abort rejects with an error that names the call', async () => {
    const { auth, service } = createPhone()
    service.exchanges.push('hold')
    const upload = auth.uploadFile({ url: '/avatar', filePath: 'wxfile://tmp_1', name: 'file' })
    upload.abort()
    await expect(upload).rejects.toMatchObject({ errMsg: 'uploadFile:fail abort' })
  })
})

test('a task of wx whose abort throws is given up all the same, and nothing is thrown', async () => {
  const phone = createPhone()
  const { wx } = phone.device
  const abort = () => {
    throw new Error('gone')
  }
  const auth = phone.restart({ wx: { ...wx, request: (options) => ({ ...wx.request(options), abort }) } })
  await auth.ensureLogin()
  phone.service.business = () => 'hold'
  const request = auth.request({ url: '/a' })
  const watched = watch(request)
  await flush()
  request.abort()
  await flush()
  expect(watched).toMatchObject({ state: 'rejected', error: { code: 'aborted' } })
})

describe('listeners of a task', () => {
  test('listeners of a task are told of the real request though they were there before it', async () => {
    const { auth, service } = createPhone()
    service.business = () => ({ status: 200, header: { 'x-a': '1' } })
    const request = auth.request({ url: '/products' })
    const told: unknown[] = []
    request.onHeadersReceived(({ header }) => told.push(header['x-a']))
    await request
    await flush()
    expect(told).toEqual(['1'])
  })

  test('listeners of a task are told of the replay as well', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    service.revokeAll()
    const request = auth.request({ url: '/products' })
    const told: unknown[] = []
    request.onHeadersReceived(({ statusCode }) => told.push(statusCode))
    await request
    await flush()
    expect(told).toEqual([200])
  })

  test('hear neither headers nor chunks of a 401 that is followed by a replay', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    const { auth, wires } = phoneWithWires(phone)
    const told: string[] = []
    const request = auth.request({ url: '/a', enableChunked: true })
    request.onChunkReceived(({ data }) => told.push(new TextDecoder().decode(data)))
    request.onHeadersReceived(({ statusCode }) => told.push(`headers ${statusCode}`))
    await flush()
    wires[0]?.tell('HeadersReceived', { statusCode: 401, header: {} })
    wires[0]?.tell('ChunkReceived', { data: new TextEncoder().encode('no').buffer })
    wires[0]?.end(problem(401, 'session_invalid'))
    await flush()
    expect(told).toEqual([])
    wires[1]?.tell('HeadersReceived', { statusCode: 200, header: {} })
    wires[1]?.tell('ChunkReceived', { data: new TextEncoder().encode('yes').buffer })
    // The task of the refused attempt is not heard any more.
    wires[0]?.tell('ChunkReceived', { data: new TextEncoder().encode('late').buffer })
    expect(told).toEqual(['headers 200', 'yes'])
    wires[1]?.end({ status: 200, data: 'yes' })
    await request
    expect(told).toEqual(['headers 200', 'yes'])
  })

  test('get chunks as they come where the headers do not tell the status, as in the developer tools', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    const { auth, wires } = phoneWithWires(phone)
    const told: string[] = []
    const request = auth.request({ url: '/a', enableChunked: true })
    request.onHeadersReceived(() => told.push('headers'))
    request.onChunkReceived(() => told.push('chunk'))
    await flush()
    wires[0]?.tell('HeadersReceived', { header: {} })
    wires[0]?.tell('ChunkReceived', { data: new ArrayBuffer(1) })
    expect(told).toEqual(['headers', 'chunk'])
  })

  test('see the progress of an upload reach 100 once, and never go back, though it is sent twice', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    const { auth, wires } = phoneWithWires(phone)
    const told: number[] = []
    const upload = auth.uploadFile({ url: '/a', filePath: 'wxfile://a', name: 'a' })
    upload.onProgressUpdate(({ progress }) => told.push(progress))
    await flush()
    for (const progress of [0, 50, 100]) wires[0]?.tell('ProgressUpdate', { progress })
    expect(told).toEqual([0, 50])
    wires[0]?.end(problem(401, 'session_invalid'))
    await flush()
    for (const progress of [0, 40, 80, 100]) wires[1]?.tell('ProgressUpdate', { progress })
    expect(told).toEqual([0, 50, 80])
    wires[1]?.end({ status: 200 })
    await upload
    expect(told).toEqual([0, 50, 80, 100])
  })

  test('see what was held back when no answer comes at all', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    const { auth, wires } = phoneWithWires(phone)
    const told: number[] = []
    const upload = auth.uploadFile({ url: '/a', filePath: 'wxfile://a', name: 'a' })
    upload.onProgressUpdate(({ progress }) => told.push(progress))
    await flush()
    wires[0]?.tell('ProgressUpdate', { progress: 100 })
    wires[0]?.fail('uploadFile:fail network')
    await expect(upload).rejects.toMatchObject({ code: 'network' })
    expect(told).toEqual([100])
  })

  test('that were taken off are told nothing, before and during the request', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    service.business = () => 'hold'
    const told: string[] = []
    const early = () => void told.push('early')
    const late = () => void told.push('late')
    const kept = () => void told.push('kept')
    const request = auth.request({ url: '/products' })
    request.onHeadersReceived(early)
    request.offHeadersReceived(early)
    request.onHeadersReceived(late)
    request.onHeadersReceived(kept)
    await flush()
    request.offHeadersReceived(late)
    await service.held[0]?.answer(200)
    await request
    expect(told).toEqual(['kept'])
  })

  test('listeners of a task are all removed when off is called without one', async () => {
    const { auth } = createPhone()
    const request = auth.request({ url: '/products' })
    const told = vi.fn()
    request.onHeadersReceived(told)
    request.offHeadersReceived()
    await request
    await flush()
    expect(told).not.toHaveBeenCalled()
  })
})

describe('the deadline of a request', () => {
  test('the deadline of a request is loginTimeoutMs plus the timeout of the call, whatever wx does', async () => {
    const phone = createPhone()
    const silent = Object.assign(Object.create(phone.device.wx), { request: () => ({ abort: () => {} }) })
    await phone.auth.ensureLogin()
    await flush()
    const auth = phone.restart({ wx: silent })
    const watched = watch(auth.request({ url: '/products', timeout: 5_000 }))
    await phone.advance(19_999)
    expect(watched.state).toBe('pending')
    await phone.advance(1)
    expect(watched).toMatchObject({ state: 'rejected', error: { code: 'timeout', errMsg: 'request:fail timeout' } })
  })

  test('includes the request, the login after a 401 and the replay', async () => {
    const { auth, service, advance } = createPhone()
    await auth.ensureLogin()
    service.business = () => 'hold'
    const watched = watch(auth.request({ url: '/products', timeout: 60_000 }))
    await advance(50_000)
    await service.held[0]?.answer(401, problem(401, 'session_invalid').data)
    await advance(24_999)
    expect(watched.state).toBe('pending')
    await advance(1)
    expect(watched).toMatchObject({ state: 'rejected', error: { code: 'timeout' } })
    expect(service.held[1]?.isGivenUp()).toBe(true)
  })

  test('the deadline of a request stands still while the app is in the background', async () => {
    const { auth, service, device, advance } = createPhone()
    await auth.ensureLogin()
    service.business = () => 'hold'
    const watched = watch(auth.request({ url: '/products', timeout: 60_000 }))
    await flush()
    device.lifecycle.hide()
    await advance(3_600_000)
    device.lifecycle.show()
    await flush()
    // What wx itself says of a request that the background ended, not our deadline.
    expect(watched).toMatchObject({ state: 'rejected', error: { code: 'network', errMsg: 'request:fail interrupted' } })
  })
})
