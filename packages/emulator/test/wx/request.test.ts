import http from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Clock, createClock } from '../../src/clock.ts'
import { DEMO_APP } from '../../src/world.ts'
import { cronetFailure } from '../../src/wx/network.ts'
import type { RequestOptions, RequestResult } from '../../src/wx/request-options.ts'
import { createManualPhone, type ManualPhone, outcomeOf, turns } from '../manual-phone.ts'

const URL_1 = 'https://api.example.com/items'

/** Sends one request and answers what went out. */
async function sentBy(options: Omit<RequestOptions, 'url'> & { url?: string }) {
  const { wx, sent } = createManualPhone()
  wx.request({ url: URL_1, ...options })
  await turns()
  return sent[0]
}

function send({ wx }: ManualPhone, options: Partial<RequestOptions> = {}): Promise<RequestResult & { errMsg: string }> {
  return outcomeOf((callbacks) => wx.request({ url: URL_1, ...options, ...callbacks }))
}

describe('what goes out', () => {
  test('a request is by default a GET with a JSON content type, WeChat’s Referer and no body', async () => {
    const request = await sentBy({})
    expect(request).toMatchObject({ url: URL_1, method: 'GET', timeoutMs: 60_000 })
    expect(request?.header).toEqual({
      'content-type': 'application/json',
      referer: `https://servicewechat.com/${DEMO_APP.appid}/0/page-frame.html`,
    })
    expect(request).not.toHaveProperty('body')
  })

  test('the Referer cannot be set and names the version of a release', async () => {
    const { wx, sent } = createManualPhone({ envVersion: 'release' })
    wx.request({ url: URL_1, header: { Referer: 'https://evil.example/' } })
    await turns()
    expect(sent[0]?.header.referer).toBe(`https://servicewechat.com/${DEMO_APP.appid}/1.0.0/page-frame.html`)
  })

  test('header names merge without regard to case', async () => {
    const request = await sentBy({
      header: { 'Content-Type': 'text/plain', AUTHORIZATION: 'Bearer t', 'X-Count': 5, 'X-None': undefined },
    })
    expect(request?.header).toMatchObject({ 'content-type': 'text/plain', authorization: 'Bearer t', 'x-count': '5' })
    expect(Object.keys(request?.header ?? {})).toHaveLength(4)
  })

  test.each([
    [URL_1, { a: 1, b: 'x y&z' }, `${URL_1}?a=1&b=x%20y%26z`],
    [`${URL_1}?a=1`, { b: { c: 2 }, d: undefined }, `${URL_1}?a=1&b=%7B%22c%22%3A2%7D`],
    [`${URL_1}#top`, { a: 1 }, `${URL_1}?a=1#top`],
    [URL_1, {}, URL_1],
    [URL_1, 'a=1', URL_1],
  ])('a GET of %s with data %o goes to %s', async (url, data, expected) => {
    expect((await sentBy({ url, data }))?.url).toBe(expected)
  })

  test.each([
    [undefined, { a: [1] }, '{"a":[1]}'],
    ['application/x-www-form-urlencoded', { a: 'x y', b: 2 }, 'a=x%20y&b=2'],
    [undefined, 'as it is', 'as it is'],
    [undefined, undefined, undefined],
    ['application/octet-stream', new Uint8Array([1, 2]).buffer, new Uint8Array([1, 2])],
  ])('a POST as %s with data %o has the body %o', async (type, data, body) => {
    const request = await sentBy({ method: 'POST', data, ...(type && { header: { 'content-type': type } }) })
    expect(request?.body).toEqual(body)
  })

  test('the phone’s DNS decides where a request really goes', async () => {
    const { wx, sent } = createManualPhone({
      resolve: (url) => (url.hostname === 'api.example.com' ? new URL(url.pathname, 'http://127.0.0.1:9') : url),
    })
    wx.request({ url: URL_1 })
    await turns()
    expect(sent[0]?.url).toBe('http://127.0.0.1:9/items')
  })

  test.each(['ftp://example.com', '/items', 'nonsense', undefined])('the url %s is refused', async (url) => {
    await expect(send(createManualPhone(), { url: url as string })).rejects.toMatchObject({
      errMsg: expect.stringContaining('request:fail invalid url'),
      errno: 600009,
    })
  })

  test('there is no PATCH', async () => {
    const phone = createManualPhone()
    await expect(send(phone, { method: 'PATCH' })).rejects.toMatchObject({
      errMsg: 'request:fail invalid method "PATCH"',
    })
    expect(phone.sent).toHaveLength(0)
  })
})

describe('what comes back', () => {
  test.each([200, 204, 401, 404, 500])('status %i is a success', async (statusCode) => {
    const phone = createManualPhone()
    const answer = send(phone)
    await turns()
    phone.sent[0]?.answer({ statusCode, header: { 'X-A': 'b' }, cookies: ['c=d'], body: '{"ok":true}' })
    expect(await answer).toEqual({
      statusCode,
      header: { 'X-A': 'b' },
      cookies: ['c=d'],
      data: { ok: true },
      errMsg: 'request:ok',
    })
  })

  test.each([
    [{}, '{"a":1}', { a: 1 }],
    [{}, '<html>', '<html>'],
    [{}, '', ''],
    [{ dataType: 'text' }, '{"a":1}', '{"a":1}'],
    [{ responseType: 'arraybuffer' as const }, 'ab', new Uint8Array([97, 98]).buffer],
  ])('with %o the body %s is given as %o', async (options, body, data) => {
    const phone = createManualPhone()
    const answer = send(phone, options)
    await turns()
    phone.sent[0]?.answer({ body })
    expect((await answer).data).toStrictEqual(data)
  })

  test('callbacks run later, success before complete, once each', async () => {
    const { wx, device, sent } = createManualPhone()
    const calls: string[] = []
    wx.request({ url: 'nonsense', fail: () => calls.push('fail'), complete: () => calls.push('complete') })
    calls.push('returned')
    wx.request({ url: URL_1, success: () => calls.push('success'), complete: () => calls.push('complete') })
    await turns()
    sent[0]?.answer()
    await device.idle()
    expect(calls).toEqual(['returned', 'fail', 'complete', 'success', 'complete'])
  })

  test('wx.request returns a task and never a promise', () => {
    const task = createManualPhone().wx.request({ url: URL_1 })
    expect(task).toHaveProperty('abort')
    expect(task).not.toHaveProperty('then')
  })

  test('onHeadersReceived comes before success, and not after offHeadersReceived', async () => {
    const { wx, device, sent } = createManualPhone()
    const calls: unknown[] = []
    const task = wx.request({ url: URL_1, success: () => calls.push('success') })
    const removed = vi.fn()
    task.onHeadersReceived((headers) => calls.push(headers))
    task.onHeadersReceived(removed)
    task.offHeadersReceived(removed)
    await turns()
    sent[0]?.answer({ statusCode: 201, header: { a: 'b' } })
    await device.idle()
    expect(calls).toEqual([{ statusCode: 201, header: { a: 'b' }, cookies: [] }, 'success'])
    expect(removed).not.toHaveBeenCalled()
  })

  test.each([
    ['ECONNREFUSED', 'errcode:-102 cronet_error_code:-102 error_msg:net::ERR_CONNECTION_REFUSED'],
    ['ECONNRESET', 'errcode:-101 cronet_error_code:-101 error_msg:net::ERR_CONNECTION_RESET'],
    ['ENOTFOUND', 'errcode:-105 cronet_error_code:-105 error_msg:net::ERR_NAME_NOT_RESOLVED'],
    ['ESTRANGE', 'errcode:-2 cronet_error_code:-2 error_msg:net::ERR_FAILED'],
  ])('%s fails as %s', async (code, reason) => {
    const phone = createManualPhone()
    const answer = send(phone)
    await turns()
    phone.sent[0]?.refuse(Object.assign(new Error('no'), { code }))
    await expect(answer).rejects.toEqual({ errMsg: `request:fail ${reason}`, errno: 600001 })
  })

  test('redirects are followed: a 302 as GET without a body, a 307 as it was', async () => {
    const phone = createManualPhone()
    const answer = send(phone, { method: 'POST', data: 'body' })
    await turns()
    phone.sent[0]?.answer({ statusCode: 307, header: { Location: '/elsewhere' } })
    await turns()
    expect(phone.sent[1]).toMatchObject({ url: 'https://api.example.com/elsewhere', method: 'POST', body: 'body' })
    phone.sent[1]?.answer({ statusCode: 302, header: { location: 'https://other.example/' } })
    await turns()
    expect(phone.sent[2]).toMatchObject({ url: 'https://other.example/', method: 'GET' })
    expect(phone.sent[2]).not.toHaveProperty('body')
    phone.sent[2]?.answer({ statusCode: 200 })
    expect((await answer).statusCode).toBe(200)
  })

  test('where a redirect leads is decided by the phone’s DNS as well', async () => {
    const phone = createManualPhone({
      resolve(url) {
        if (url.hostname === 'stranger.example') throw cronetFailure(-106, 'ERR_INTERNET_DISCONNECTED')
        return url
      },
    })
    const answer = send(phone)
    await turns()
    phone.sent[0]?.answer({ statusCode: 302, header: { location: 'https://stranger.example/' } })
    await expect(answer).rejects.toMatchObject({ errMsg: expect.stringContaining('ERR_INTERNET_DISCONNECTED') })
    expect(phone.sent).toHaveLength(1)
  })

  test('redirect: manual gives the 3xx itself', async () => {
    const phone = createManualPhone()
    const answer = send(phone, { redirect: 'manual' })
    await turns()
    phone.sent[0]?.answer({ statusCode: 302, header: { location: '/elsewhere' } })
    expect((await answer).statusCode).toBe(302)
  })

  test('redirects in a circle end in a failure', async () => {
    const phone = createManualPhone({ send: async () => ({ statusCode: 302, header: { location: URL_1 }, body: '' }) })
    await expect(send(phone)).rejects.toMatchObject({ errMsg: expect.stringContaining('ERR_TOO_MANY_REDIRECTS') })
  })
})

describe('timeout', () => {
  test('the timeout is 60 seconds unless told otherwise, and never more', async () => {
    const phone = createManualPhone()
    const ends = [send(phone), send(phone, { timeout: 1_000 }), send(phone, { timeout: 600_000 })].map((end) =>
      end.catch((failure: unknown) => failure),
    )
    await turns()
    phone.clock.advance(1_000)
    expect(await ends[1]).toEqual({ errMsg: 'request:fail timeout', errno: 5 })
    phone.clock.advance(58_999)
    await turns()
    expect(phone.device.thread.pending()).toBe(2)
    phone.clock.advance(1)
    expect(await Promise.all(ends)).toEqual(Array(3).fill({ errMsg: 'request:fail timeout', errno: 5 }))
  })

  test('a timeout tells the transport to stop', async () => {
    const phone = createManualPhone()
    const end = send(phone, { timeout: 10 }).catch(() => {})
    await turns()
    phone.clock.advance(10)
    await end
    expect(phone.sent[0]?.signal.aborted).toBe(true)
  })
})

test('a request that ended leaves no timer behind', async () => {
  const clock = createClock({ startMs: 0, running: false })
  const open = new Set<number>()
  const counting: Clock = {
    ...clock,
    setTimeout(fn, delayMs) {
      const id = clock.setTimeout(fn, delayMs)
      open.add(id)
      return id
    },
    clearTimeout(id) {
      open.delete(id)
      clock.clearTimeout(id)
    },
  }
  const phone = createManualPhone({ clock: counting })
  const answer = send(phone)
  const aborted = phone.wx.request({ url: URL_1 })
  await turns()
  expect(open.size).toBe(2)
  phone.sent[0]?.answer()
  aborted.abort()
  await answer
  await turns()
  expect(open.size).toBe(0)
})

describe('abort', () => {
  test('abort fails the request once, however often it is called', async () => {
    const { wx, device, sent } = createManualPhone()
    const [fail, complete] = [vi.fn(), vi.fn()]
    const task = wx.request({ url: URL_1, fail, complete })
    await turns()
    task.abort()
    task.abort()
    expect(fail).not.toHaveBeenCalled()
    await device.idle()
    task.abort()
    await device.idle()
    expect(fail.mock.calls).toEqual([[{ errMsg: 'request:fail abort' }]])
    expect(complete).toHaveBeenCalledOnce()
    expect(sent[0]?.signal.aborted).toBe(true)
    expect(device.ledger.count('wx.request')).toBe(1)
  })

  test('a request that is aborted at once, or while it waits for a slot, sends nothing', async () => {
    const phone = createManualPhone()
    phone.wx.request({ url: `${URL_1}/at-once` }).abort()
    for (let i = 0; i < 10; i++) phone.wx.request({ url: URL_1 })
    phone.wx.request({ url: `${URL_1}/queued` }).abort()
    await turns()
    for (const request of phone.sent) request.answer()
    await phone.device.idle()
    expect(phone.sent.map(({ url }) => url)).toEqual(Array(10).fill(URL_1))
  })

  test('an abort between the answer and its callbacks still wins, and no headers are told', async () => {
    const { wx, device, sent } = createManualPhone()
    const [headers, success, fail] = [vi.fn(), vi.fn(), vi.fn()]
    const task = wx.request({ url: URL_1, success, fail })
    task.onHeadersReceived(headers)
    await turns()
    sent[0]?.answer()
    for (let i = 0; i < 20; i++) await null
    task.abort()
    await device.idle()
    expect([headers, success, fail].map(({ mock }) => mock.calls.length)).toEqual([0, 0, 1])
  })

  test('an abort after the end does nothing', async () => {
    const { wx, device, sent } = createManualPhone()
    const [success, fail] = [vi.fn(), vi.fn()]
    const task = wx.request({ url: URL_1, success, fail })
    await turns()
    sent[0]?.answer()
    await device.idle()
    task.abort()
    await device.idle()
    expect([success.mock.calls.length, fail.mock.calls.length]).toEqual([1, 0])
  })

  test('an abort by a listener for the headers still wins over success', async () => {
    const { wx, device, sent } = createManualPhone()
    const [success, fail] = [vi.fn(), vi.fn()]
    const task = wx.request({ url: URL_1, success, fail })
    task.onHeadersReceived(() => task.abort())
    await turns()
    sent[0]?.answer()
    await device.idle()
    expect([success.mock.calls.length, fail.mock.calls.length]).toEqual([0, 1])
  })
})

describe('slots', () => {
  test('ten requests go out at a time, the rest in order as places become free', async () => {
    const phone = createManualPhone()
    for (let i = 0; i < 13; i++) phone.wx.request({ url: `${URL_1}/${i}` })
    await turns()
    expect(phone.sent).toHaveLength(10)
    phone.sent[3]?.answer()
    phone.sent[7]?.refuse(new Error('no'))
    await turns()
    expect(phone.sent.slice(10).map(({ url }) => url)).toEqual([`${URL_1}/10`, `${URL_1}/11`])
  })

  test('a request that gives up waiting takes no place with it', async () => {
    const phone = createManualPhone()
    for (let i = 0; i < 10; i++) phone.wx.request({ url: URL_1 })
    const givesUp = phone.wx.request({ url: `${URL_1}/gives-up` })
    phone.wx.request({ url: `${URL_1}/waits` })
    await turns()
    givesUp.abort()
    phone.sent[0]?.answer()
    await turns()
    expect(phone.sent[10]?.url).toBe(`${URL_1}/waits`)
  })

  test('a request that waited, was sent and is aborted leaves those behind it in the queue', async () => {
    const phone = createManualPhone()
    for (let i = 0; i < 10; i++) phone.wx.request({ url: URL_1 })
    const second = phone.wx.request({ url: `${URL_1}/second` })
    phone.wx.request({ url: `${URL_1}/third` })
    phone.wx.request({ url: `${URL_1}/fourth` })
    await turns()
    phone.sent[0]?.answer()
    await turns()
    second.abort()
    await turns()
    phone.sent[1]?.answer()
    await turns()
    expect(phone.sent.slice(10).map(({ url }) => url)).toEqual(
      ['second', 'third', 'fourth'].map((name) => `${URL_1}/${name}`),
    )
  })

  test('the timeout of a waiting request begins when it is sent', async () => {
    const phone = createManualPhone()
    for (let i = 0; i < 10; i++) phone.wx.request({ url: URL_1 })
    const fail = vi.fn()
    phone.wx.request({ url: URL_1, timeout: 1_000, fail })
    await turns()
    phone.clock.advance(1_000)
    await turns()
    expect(fail).not.toHaveBeenCalled()
    phone.sent[0]?.answer()
    await turns()
    phone.clock.advance(1_000)
    await turns()
    expect(fail).toHaveBeenCalledOnce()
  })

  test('a request that hangs gives its slot back when it ends', async () => {
    const phone = createManualPhone()
    phone.device.faults.set('wx.request', { hang: true, times: 10 })
    for (let i = 0; i < 10; i++) phone.wx.request({ url: URL_1, timeout: 1_000 })
    phone.wx.request({ url: `${URL_1}/last` })
    await turns()
    phone.clock.advance(1_000)
    await turns()
    expect(phone.sent.map(({ url }) => url)).toEqual([`${URL_1}/last`])
  })

  test('whatever happens to them, at most ten are out and every request ends exactly once', async () => {
    const step = fc.oneof(
      fc.constant({ kind: 'request' as const }),
      fc.record({ kind: fc.constantFrom('answer' as const, 'refuse' as const, 'abort' as const), which: fc.nat() }),
      fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(40_000) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.nat(15), fc.array(step, { maxLength: 60 }), async (atFirst, laterSteps) => {
        const { wx, device, clock, sent } = createManualPhone()
        const steps = [...Array.from({ length: atFirst }, () => ({ kind: 'request' as const })), ...laterSteps]
        const ends: (() => void)[] = []
        const tasks: { abort(): void }[] = []
        const open = () => sent.filter(({ signal }) => !signal.aborted).length
        for (const next of steps) {
          if (next.kind === 'request') {
            const complete = vi.fn()
            ends.push(complete)
            tasks.push(wx.request({ url: URL_1, complete }))
          } else if (next.kind === 'advance') clock.advance(next.ms)
          else if (next.kind === 'abort') tasks[next.which % tasks.length]?.abort()
          else if (next.kind === 'answer') sent[next.which % sent.length]?.answer()
          else sent[next.which % sent.length]?.refuse(new Error('no'))
          await turns(2)
          expect(open()).toBeLessThanOrEqual(10)
        }
        // Each round ends the ten that are out.
        for (let round = 0; round < 8; round++) {
          clock.advance(60_000)
          await turns(4)
        }
        for (const complete of ends) expect(complete).toHaveBeenCalledOnce()
        expect(device.thread.pending()).toBe(0)
      }),
      { numRuns: 60 },
    )
  })
})

describe('faults and the network', () => {
  test('offline a request fails at once and sends nothing', async () => {
    const phone = createManualPhone()
    phone.device.network.setOnline(false)
    await expect(send(phone)).rejects.toEqual({
      errMsg: 'request:fail errcode:-106 cronet_error_code:-106 error_msg:net::ERR_INTERNET_DISCONNECTED',
      errno: 600001,
    })
    expect(phone.sent).toHaveLength(0)
  })

  test('going offline fails what is under way', async () => {
    const phone = createManualPhone()
    const answer = send(phone)
    await turns()
    phone.device.network.setOnline(false)
    await expect(answer).rejects.toMatchObject({ errMsg: expect.stringContaining('ERR_NETWORK_CHANGED') })
  })

  test('a request aborted while a fault delays it is never sent', async () => {
    const phone = createManualPhone()
    phone.device.faults.set('wx.request', { delayMs: 1_000 })
    const task = phone.wx.request({ url: URL_1 })
    await turns()
    task.abort()
    phone.clock.advance(1_000)
    await turns()
    expect(phone.sent).toHaveLength(0)
  })

  test('a fault forces an answer or a failure', async () => {
    const phone = createManualPhone()
    phone.device.faults.set('wx.request', { status: 502, body: '<html>', times: 1 })
    expect(await send(phone)).toMatchObject({ statusCode: 502, data: '<html>' })
    phone.device.faults.set('wx.request', { errMsg: 'ssl hand shake error' })
    await expect(send(phone)).rejects.toEqual({ errMsg: 'request:fail ssl hand shake error' })
  })
})

describe('the ledger', () => {
  test('the ledger has method, address without query, status and problem code, and tokens by their alias', async () => {
    const phone = createManualPhone()
    const answers = ['token-one', 'token-two', 'token-one'].map((token) =>
      send(phone, { url: `${URL_1}?code=secret`, header: { Authorization: `Bearer ${token}` } }),
    )
    await turns()
    const problem = JSON.stringify({ code: 'session_revoked', reason: 'admin', status: 401 })
    for (const request of phone.sent) request.answer({ statusCode: 401, body: problem })
    await Promise.all(answers)
    await send(phone, { url: 'nonsense' }).catch(() => {})
    const entries = phone.device.ledger.entries()
    expect(entries).toMatchObject([
      {
        event: 'wx.request',
        method: 'GET',
        url: URL_1,
        statusCode: 401,
        code: 'session_revoked',
        reason: 'admin',
        bearer: '#1',
      },
      { bearer: '#2' },
      { bearer: '#1' },
      { event: 'wx.request', errMsg: 'request:fail invalid url "nonsense"' },
    ])
    expect(JSON.stringify(entries)).not.toMatch(/token-|secret/)
  })
})

describe('the ledger of a phone that keeps bodies', () => {
  test('a phone that keeps bodies has them with secrets as aliases, the token that an answer hands out among them', async () => {
    const phone = createManualPhone({ bodies: true })
    const token = 'a-token-of-sufficient-length'
    const answer = send(phone, { method: 'POST', url: URL_1, data: { code: 'c' } })
    await turns()
    phone.sent[0]?.answer({ statusCode: 201, body: JSON.stringify({ token }) })
    await answer
    expect(phone.device.ledger.entries()).toMatchObject([
      { token: '#1', requestBody: '{"code":"c"}', responseBody: '{"token":"#1"}' },
    ])
    expect(JSON.stringify(phone.device.ledger.entries())).not.toContain(token)
  })

  test('the ledger tells of a request when it is sent, not while it waits for a place', async () => {
    const phone = createManualPhone()
    const begun: string[] = []
    phone.device.ledger.onBegin(({ url }) => begun.push(String(url)))
    for (let i = 0; i < 11; i++) send(phone).catch(() => {})
    await turns()
    expect(begun).toHaveLength(10)
    phone.sent[0]?.answer()
    await turns()
    expect(begun).toHaveLength(11)
  })
})

describe('over real HTTP', () => {
  const servers: http.Server[] = []
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })

  async function serve(handler: http.RequestListener): Promise<string> {
    const server = http.createServer(handler)
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  test('a body goes up, and what comes down has its header names as the server wrote them', async () => {
    const { httpTransport } = await import('../../src/wx/http-transport.ts')
    const url = await serve((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        response.writeHead(201, [
          ['X-Method', request.method ?? ''],
          ['Set-Cookie', 'a=1'],
          ['Set-Cookie', 'b=2'],
        ])
        response.end(JSON.stringify({ body, type: request.headers['content-type'], referer: request.headers.referer }))
      })
    })
    const result = await send(createManualPhone({ send: httpTransport }), { url, method: 'PUT', data: { 名: '值' } })
    expect(result).toMatchObject({
      statusCode: 201,
      header: { 'X-Method': 'PUT', 'Set-Cookie': 'a=1,b=2' },
      cookies: ['a=1', 'b=2'],
      data: { body: '{"名":"值"}', type: 'application/json', referer: expect.stringContaining('servicewechat.com') },
    })
  })

  test('bytes come as a buffer of their own', async () => {
    const { httpTransport } = await import('../../src/wx/http-transport.ts')
    const url = await serve((_request, response) => response.end(Buffer.from([1, 2, 3])))
    const { data } = await send(createManualPhone({ send: httpTransport }), { url, responseType: 'arraybuffer' })
    expect(data).toStrictEqual(new Uint8Array([1, 2, 3]).buffer)
  })

  test('a refused connection, a reset and a server that hangs up fail', async () => {
    const { httpTransport } = await import('../../src/wx/http-transport.ts')
    const phone = createManualPhone({ send: httpTransport })
    await expect(send(phone, { url: 'http://127.0.0.1:1/' })).rejects.toMatchObject({
      errMsg: expect.stringContaining('ERR_CONNECTION_REFUSED'),
      errno: 600001,
    })
    const url = await serve(({ socket }) => socket.destroy())
    await expect(send(phone, { url })).rejects.toMatchObject({
      errMsg: expect.stringContaining('ERR_CONNECTION_RESET'),
    })
  })

  test('an answer that stops in the middle of its body fails', async () => {
    const { httpTransport } = await import('../../src/wx/http-transport.ts')
    const url = await serve(({ socket }, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('half', () => socket.destroy())
    })
    await expect(send(createManualPhone({ send: httpTransport }), { url })).rejects.toMatchObject({
      errMsg: expect.stringContaining('ERR_CONNECTION_RESET'),
    })
  })

  test('an abort closes the connection', async () => {
    const { httpTransport } = await import('../../src/wx/http-transport.ts')
    const requests: http.IncomingMessage[] = []
    const url = await serve((request) => void requests.push(request))
    const task = createManualPhone({ send: httpTransport }).wx.request({ url })
    // Not after some time: a connection that ends before its request is there tells the server nothing.
    await expect.poll(() => requests.length).toBe(1)
    task.abort()
    await expect.poll(() => requests[0]?.socket.closed).toBe(true)
  })
})
