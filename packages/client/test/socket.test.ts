import { describe, expect, test } from 'vitest'
import type { SocketTask } from '../src/index.ts'
import { problem } from './fake-service.ts'
import { BASE_URL, createPhone } from './phone.ts'
import { flush } from './watch.ts'

/** What a socket tells, in order. */
function listen(socket: SocketTask): string[] {
  const told: string[] = []
  socket.onOpen(() => told.push('open'))
  socket.onMessage(({ data }) => told.push(`message ${String(data)}`))
  socket.onError(({ errMsg }) => told.push(`error ${errMsg}`))
  socket.onClose(({ code }) => told.push(`close ${code}`))
  return told
}

/** A phone whose sockets are played by hand: one listener for each event, as the last one that was registered. */
function createPhoneWithWires() {
  const phone = createPhone()
  const wires: { tell: Record<string, (event: never) => void>; sent: unknown[]; closed: number }[] = []
  function connectSocket() {
    const wire: (typeof wires)[number] = { tell: {}, sent: [], closed: 0 }
    wires.push(wire)
    const on = (name: string) => (listener: (event: never) => void) => {
      wire.tell[name] = listener
    }
    return {
      send: ({ data }: { data: unknown }) => void wire.sent.push(data),
      close: () => void wire.closed++,
      ...{ onOpen: on('open'), onMessage: on('message'), onError: on('error'), onClose: on('close') },
    }
  }
  return { ...phone, auth: phone.restart({ wx: { ...phone.device.wx, connectSocket } }), wires }
}

describe('connectSocket', () => {
  test('connectSocket signs in, and carries the token in a header of the upgrade', async () => {
    const { auth, sockets } = createPhone()
    const told = listen(auth.connectSocket({ url: '/live' }))
    await flush()
    expect(sockets[0]?.request).toMatchObject({
      url: `${BASE_URL.replace('https', 'wss')}/live`,
      header: { authorization: 'Bearer wxs1.000.token-1' },
    })
    sockets[0]?.tell.opened()
    sockets[0]?.tell.message('hello')
    await flush()
    expect(told).toEqual(['open', 'message hello'])
  })

  test.each(['wss://api.example.com.evil.com/live', 'wss://evil.com', 'ws://api.example.com/live', 'live'])(
    'keeps the token from %s',
    async (url) => {
      const { auth, sockets } = createPhone()
      const told = listen(auth.connectSocket({ url }))
      await flush()
      expect(told[0]).toMatch(/^error connectSocket:fail (url must begin|the token may not go)/)
      expect(told[1]).toBe('close 1006')
      expect(sockets).toHaveLength(0)
    },
  )

  test('connectSocket takes the full address of an allowed origin', async () => {
    const { auth, sockets } = createPhone({ allowOrigins: ['https://live.example.com'] })
    auth.connectSocket({ url: 'wss://live.example.com/live' })
    await flush()
    expect(sockets[0]?.request.url).toBe('wss://live.example.com/live')
  })

  test('close code 4401 leads to one login and one reconnect, and the app sees no close', async () => {
    const { auth, service, sockets, count } = createPhone()
    const told = listen(auth.connectSocket({ url: '/live' }))
    await flush()
    sockets[0]?.tell.opened()
    service.revokeAll()
    sockets[0]?.tell.closed(4401, 'session ended')
    await flush()
    expect(count('wx.login')).toBe(2)
    expect(sockets[1]?.request.header).toMatchObject({ authorization: 'Bearer wxs1.000.token-2' })
    sockets[1]?.tell.opened()
    sockets[1]?.tell.message('again')
    await flush()
    expect(told).toEqual(['open', 'open', 'message again'])
  })

  test('connectSocket reconnects once for each connection that was opened, not once in its life', async () => {
    const { auth, service, sockets, count, advance } = createPhone()
    const told = listen(auth.connectSocket({ url: '/live' }))
    for (const index of [0, 1, 2]) {
      await advance(60_000)
      sockets[index]?.tell.opened()
      service.revokeAll()
      sockets[index]?.tell.closed(4401, 'session ended')
      await flush()
    }
    expect([sockets.length, count('wx.login')]).toEqual([4, 4])
    expect(told).toEqual(['open', 'open', 'open'])
    // The last one is never opened: that it is refused is told.
    service.revokeAll()
    sockets[3]?.tell.closed(4401, 'session ended')
    await advance(1_000)
    expect(told.at(-1)).toBe('close 4401')
    expect(sockets).toHaveLength(4)
  })

  test('closed by the app while a 4401 is on its way stays closed, and signs nobody in', async () => {
    const { auth, service, wires, count } = createPhoneWithWires()
    const socket = auth.connectSocket({ url: '/live' })
    const told = listen(socket)
    await flush()
    wires[0]?.tell.open?.({} as never)
    service.revokeAll()
    socket.close({ code: 1000 })
    wires[0]?.tell.close?.({ code: 4401, reason: 'session ended' } as never)
    await flush()
    expect(told).toEqual(['open', 'close 4401'])
    expect([wires.length, count('wx.login')]).toEqual([1, 1])
  })

  test('a reconnect about which wx stays silent is told in time', async () => {
    const { auth, service, wires, advance } = createPhoneWithWires()
    const told = listen(auth.connectSocket({ url: '/live', timeout: 5_000 }))
    await flush()
    wires[0]?.tell.open?.({} as never)
    await advance(600_000)
    service.revokeAll()
    wires[0]?.tell.close?.({ code: 4401, reason: '' } as never)
    await flush()
    expect(wires).toHaveLength(2)
    await advance(19_000)
    expect(told).toEqual(['open'])
    await advance(2_000)
    expect(told).toEqual(['open', 'error connectSocket:fail timeout', 'close 1006'])
  })

  test('that was opened is a use of the session: it lasts as long as after a request', async () => {
    const { auth, sockets, advance } = createPhone()
    await auth.ensureLogin()
    await advance(3_600_000)
    auth.connectSocket({ url: '/live' })
    await flush()
    const before = auth.getSession()?.expiresAtMs ?? 0
    sockets[0]?.tell.opened()
    await flush()
    expect(auth.getSession()?.expiresAtMs).toBe(before + 3_600_000)
  })

  test('4401 of a session that ended elsewhere ends the socket, and logs nobody in', async () => {
    const { auth, service, sockets, count } = createPhone()
    const told = listen(auth.connectSocket({ url: '/live' }))
    await flush()
    sockets[0]?.tell.opened()
    service.revokeAll('signed_out_elsewhere')
    sockets[0]?.tell.closed(4401, '')
    await flush()
    expect(told).toEqual(['open', 'close 4401'])
    expect(count('wx.login')).toBe(1)
    await expect(auth.ensureLogin()).rejects.toMatchObject({ code: 'logged_out' })
  })

  test("with auth: 'none' carries no token, signs nobody in, and leaves 4401 to the app", async () => {
    const { auth, service, sockets } = createPhone()
    const told = listen(auth.connectSocket({ url: '/live', auth: 'none' }))
    await flush()
    expect(sockets[0]?.request.header).not.toHaveProperty('authorization')
    sockets[0]?.tell.opened()
    sockets[0]?.tell.closed(4401, '')
    await flush()
    expect(told).toEqual(['open', 'close 4401'])
    expect(service.calls).toEqual([])
  })

  test('with replay: false leaves 4401 to the app, and the next socket signs in', async () => {
    const { auth, service, sockets, count } = createPhone()
    const told = listen(auth.connectSocket({ url: '/live', replay: false }))
    await flush()
    sockets[0]?.tell.opened()
    service.revokeAll()
    sockets[0]?.tell.closed(4401, '')
    await flush()
    expect(told).toEqual(['open', 'close 4401'])
    expect([sockets.length, count('wx.login')]).toEqual([1, 1])
    auth.connectSocket({ url: '/live' })
    await flush()
    expect(sockets[1]?.request.header).toMatchObject({ authorization: 'Bearer wxs1.000.token-2' })
  })

  test('a failed upgrade asks the service once whether it was the token', async () => {
    const { auth, service, sockets, count } = createPhone()
    const told = listen(auth.connectSocket({ url: '/live' }))
    await flush()
    service.revokeAll()
    sockets[0]?.tell.failed()
    await flush()
    expect(service.paths()).toEqual(['POST /v1/sessions', 'GET /v1/session', 'POST /v1/sessions'])
    expect(count('wx.login')).toBe(2)
    sockets[1]?.tell.opened()
    await flush()
    expect(told).toEqual(['open'])
  })

  test('a failed upgrade that was not about the token is an error and a close', async () => {
    const { auth, sockets, count } = createPhone()
    const told = listen(auth.connectSocket({ url: '/live' }))
    await flush()
    sockets[0]?.tell.failed()
    await flush()
    expect(told).toEqual([expect.stringMatching(/^error connectSocket:fail/), 'close 1006'])
    expect(count('wx.login')).toBe(1)
    expect(sockets).toHaveLength(1)
  })

  test('closed instead of opened is an error that says why', async () => {
    const { auth, sockets } = createPhone()
    const told = listen(auth.connectSocket({ url: '/live' }))
    await flush()
    sockets[0]?.tell.closed(1013, 'try later')
    await flush()
    expect(told).toEqual(['error connectSocket:fail try later', 'close 1006'])
  })

  test('close code 4401 instead of an opening is about the token, too', async () => {
    const { auth, service, sockets, count } = createPhone()
    const told = listen(auth.connectSocket({ url: '/live' }))
    await flush()
    service.revokeAll()
    sockets[0]?.tell.closed(4401, '')
    await flush()
    sockets[1]?.tell.opened()
    await flush()
    expect(told).toEqual(['open'])
    expect(count('wx.login')).toBe(2)
  })

  test('a socket goes on for as long as nobody ends it', async () => {
    const { auth, sockets, advance } = createPhone()
    const told = listen(auth.connectSocket({ url: '/live' }))
    await flush()
    sockets[0]?.tell.opened()
    await advance(600_000)
    sockets[0]?.tell.message('still here')
    await flush()
    expect(told).toEqual(['open', 'message still here'])
  })

  test.each([
    ['/ws/http', `${BASE_URL.replace('https', 'wss')}/ws/http`],
    ['wss://api.example.com/ws?next=http://a', 'wss://api.example.com/ws?next=http://a'],
  ])('changes nothing of %s but its scheme', async (url, asked) => {
    const { auth, sockets } = createPhone()
    auth.connectSocket({ url })
    await flush()
    expect(sockets[0]?.request.url).toBe(asked)
  })

  test('connectSocket tells of an error of the open socket, which does not end it', async () => {
    const { auth, wires } = createPhoneWithWires()
    const told = listen(auth.connectSocket({ url: '/live' }))
    await flush()
    wires[0]?.tell.open?.({} as never)
    wires[0]?.tell.error?.({ errMsg: 'too large' } as never)
    await flush()
    expect(told).toEqual(['open', 'error too large'])
    wires[0]?.tell.close?.({ code: 1009, reason: '' } as never)
    await flush()
    expect(told).toEqual(['open', 'error too large', 'close 1009'])
  })

  test('the task of connectSocket is the second socket after the reconnect, whatever the first one still says', async () => {
    const { auth, service, wires } = createPhoneWithWires()
    const socket = auth.connectSocket({ url: '/live' })
    const told = listen(socket)
    await flush()
    service.revokeAll()
    wires[0]?.tell.error?.({ errMsg: 'connectSocket:fail 401' } as never)
    await flush()
    wires[1]?.tell.open?.({} as never)
    wires[0]?.tell.message?.({ data: 'late' } as never)
    wires[0]?.tell.close?.({ code: 1006, reason: '' } as never)
    socket.send({ data: 'hello' })
    socket.close()
    await flush()
    expect({ told, ...wires[1] }).toMatchObject({ told: ['open'], sent: ['hello'], closed: 1 })
  })

  test('that WeChat says nothing about is given up in time', async () => {
    const { auth, advance } = createPhoneWithWires()
    const told = listen(auth.connectSocket({ url: '/live', timeout: 5_000 }))
    await advance(19_000)
    expect(told).toEqual([])
    await advance(2_000)
    expect(told).toEqual(['error connectSocket:fail timeout', 'close 1006'])
  })

  test('a socket can be closed as soon as it is open', async () => {
    const { auth, sockets } = createPhone()
    const socket = auth.connectSocket({ url: '/live' })
    socket.onOpen(() => socket.close({ code: 1000 }))
    const told = listen(socket)
    await flush()
    sockets[0]?.tell.opened()
    await flush()
    expect(told).toEqual(['open', 'close 1000'])
  })

  test('connectSocket calls the callbacks of close also while it waits for a login, and tells nothing afterwards', async () => {
    const { auth, service, sockets } = createPhone()
    service.exchanges.push('hold')
    const waiting = auth.connectSocket({ url: '/live' })
    await flush()
    const called: string[] = []
    waiting.close({ success: () => called.push('success'), complete: () => called.push('complete') })
    await service.held[0]?.answer(201, service.issue())
    await flush()
    expect(called).toEqual(['success', 'complete'])

    const connecting = auth.connectSocket({ url: '/live' })
    const told = listen(connecting)
    await flush()
    connecting.close()
    sockets[0]?.tell.opened()
    sockets[0]?.tell.message('late')
    await flush()
    expect(told).toEqual(['error connectSocket:fail abort', 'close 1006'])
  })

  test('an ordinary close is told as it is', async () => {
    const { auth, sockets } = createPhone()
    const told = listen(auth.connectSocket({ url: '/live' }))
    await flush()
    sockets[0]?.tell.opened()
    sockets[0]?.tell.closed(1001, 'going away')
    await flush()
    expect(told).toEqual(['open', 'close 1001'])
  })

  test('a login that fails is an error and a close, and fail has its code', async () => {
    const { auth, service } = createPhone()
    service.exchanges.push(problem(403, 'user_disabled'))
    const failures: string[] = []
    const told = listen(
      auth.connectSocket({ url: '/live', fail: ({ code, errMsg }) => failures.push(`${code} ${errMsg}`) }),
    )
    await flush()
    expect(failures).toEqual(['login_rejected connectSocket:fail the service at baseUrl answered 403 user_disabled'])
    expect(told.map((line) => line.split(' ')[0])).toEqual(['error', 'close'])
  })

  test('success says, once, that there is a socket', async () => {
    const { auth, service, sockets } = createPhone()
    const told: string[] = []
    auth.connectSocket({
      url: '/live',
      success: ({ errMsg }) => told.push(errMsg),
      complete: () => told.push('complete'),
    })
    await flush()
    sockets[0]?.tell.opened()
    service.revokeAll()
    sockets[0]?.tell.closed(4401, '')
    await flush()
    expect(sockets).toHaveLength(2)
    expect(told).toEqual(['connectSocket:ok', 'complete'])
  })

  test('connectSocket sends through whichever socket is open', async () => {
    const { auth, service, sockets } = createPhone()
    const socket = auth.connectSocket({ url: '/live' })
    const failures: string[] = []
    socket.send({ data: 'too early', fail: ({ errMsg }) => failures.push(errMsg) })
    await flush()
    sockets[0]?.tell.opened()
    await flush()
    socket.send({ data: 'one' })
    service.revokeAll()
    sockets[0]?.tell.closed(4401, '')
    await flush()
    sockets[1]?.tell.opened()
    await flush()
    socket.send({ data: 'two' })
    expect(failures).toEqual(['sendSocketMessage:fail the socket is not open'])
    expect(sockets.map(({ sent }) => sent)).toEqual([['one'], ['two']])
  })

  test('close ends it, also while it waits for a login', async () => {
    const { auth, service, sockets } = createPhone()
    service.exchanges.push('hold')
    const waiting = auth.connectSocket({ url: '/live' })
    const told = listen(waiting)
    await flush()
    waiting.close()
    await service.held[0]?.answer(201, service.issue())
    await flush()
    expect(sockets).toHaveLength(0)
    expect(told.at(-1)).toMatch(/^close/)

    const open = auth.connectSocket({ url: '/live' })
    const closed = listen(open)
    await flush()
    sockets[0]?.tell.opened()
    await flush()
    open.close({ code: 1000, reason: 'done' })
    await flush()
    expect(closed).toEqual(['open', 'close 1000'])
  })

  test('close before it is open ends it for good, also when the service refuses the token', async () => {
    const { auth, service, sockets, advance } = createPhone()
    await auth.ensureLogin()
    service.revokeAll()
    const socket = auth.connectSocket({ url: '/live' })
    const told = listen(socket)
    await flush()
    socket.close({ code: 1000 })
    sockets[0]?.tell.failed()
    await advance(1_000)
    expect(told).toEqual(['error connectSocket:fail abort', 'close 1006'])
    expect(sockets).toHaveLength(1)
  })

  test('a logout in between lets no socket go on', async () => {
    const { auth, service, sockets } = createPhone()
    const told = listen(auth.connectSocket({ url: '/live' }))
    await flush()
    sockets[0]?.tell.opened()
    await auth.logout()
    sockets[0]?.tell.closed(4401, '')
    await flush()
    expect(told).toEqual(['open', 'close 4401'])
    expect(service.usedCodes).toHaveLength(1)
  })
})
