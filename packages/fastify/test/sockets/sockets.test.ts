import { setTimeout as sleep } from 'node:timers/promises'
import websocket from '@fastify/websocket'
import type { FastifyRequest } from 'fastify'
import { describe, expect, it, vi } from 'vitest'
import { authenticate, createSqliteSessionStore, type SessionStore, type StoreListener } from '../../src/index.ts'
import { APPID, type SignedIn, startService } from '../service.ts'
import { type Live, open, startLive } from './live.ts'

const ENDED = { code: 4401, reason: 'the session has ended' }
const RESTARTING = { code: 1012, reason: 'the service is restarting' }

const isOpen = ({ socket }: Live) => socket.readyState === socket.OPEN

/** Until both ends have got what the other one has sent so far. */
async function settle(...sockets: Live[]): Promise<void> {
  const roundTrip = ({ socket }: Live) =>
    new Promise<void>((resolve) => {
      const done = () => {
        socket.off('pong', done).off('close', done)
        resolve()
      }
      socket.on('pong', done).on('close', done)
      socket.ping()
    })
  await Promise.all(sockets.filter(isOpen).map(roundTrip))
}

/** A store as it is for a process that no message reaches. `tell` plays messages. */
function deafStore() {
  const store = createSqliteSessionStore({ file: ':memory:' })
  let listener: StoreListener | undefined
  const deaf: SessionStore = {
    ...store,
    messages: {
      isHeard: () => true,
      listen: (next) => {
        listener = next
      },
      send: async () => {},
    },
  }
  const endElsewhere = ({ userId, sessionId }: SignedIn) =>
    store.revoke(userId, sessionId, { nowMs: Date.now(), idleMs: 7_200_000, reason: 'signed_out_elsewhere' })
  return { deaf, endElsewhere, tell: () => listener }
}

describe('an upgrade', () => {
  it.each<[string, Record<string, string>, string]>([
    ['without a token', {}, 'session_missing'],
    ['with a broken token', { authorization: 'Bearer x' }, 'session_malformed'],
  ])('an upgrade %s is answered 401, and there is no socket', async (_, headers, code) => {
    const { connect, guarded } = await startLive()
    await expect(connect(headers)).rejects.toMatchObject({ statusCode: 401, body: { code } })
    expect(guarded).toEqual([])
  })

  it('an upgrade with the token of an ended session is answered 401', async () => {
    const { app, connect, signIn } = await startLive()
    const { headers, userId } = await signIn()
    await app.weappAuth.revokeAll(userId)
    await expect(connect(headers)).rejects.toMatchObject({ statusCode: 401 })
  })

  it('an upgrade while the store is away is answered 503', async () => {
    const { connect, signIn, sessions } = await startLive()
    const { headers } = await signIn()
    await sessions.close()
    await expect(connect(headers)).rejects.toMatchObject({ statusCode: 503 })
  })

  it('an upgrade of a route without a socket is no socket', async () => {
    const { baseUrl, signIn } = await startLive()
    const { headers } = await signIn()
    const { closed } = await open(`${baseUrl.replace('http', 'ws')}/v1/session`, { headers })
    expect((await closed).code).toBe(1005)
  })
})

describe('a guarded socket closes with 4401', () => {
  it.each<[string, (service: Awaited<ReturnType<typeof startLive>>, me: SignedIn) => Promise<unknown>]>([
    ['its phone signs out', ({ app }, { headers }) => app.inject({ method: 'DELETE', url: '/v1/session', headers })],
    [
      'another phone signs it out',
      async ({ app, signIn }, { sessionId }) => {
        const { headers } = await signIn()
        return app.inject({ method: 'DELETE', url: `/v1/sessions/${sessionId}`, headers })
      },
    ],
    [
      'another phone signs out all others',
      async ({ app, signIn }) => {
        const { headers } = await signIn()
        return app.inject({ method: 'DELETE', url: '/v1/sessions?scope=others', headers })
      },
    ],
    ['the host ends all sessions of its user', ({ app }, { userId }) => app.weappAuth.revokeAll(userId)],
    [
      'its phone signs in anew',
      ({ app }, { userId, headers: { authorization } }) => app.weappAuth.issue(userId, { appid: APPID, authorization }),
    ],
    [
      'it is the oldest of too many',
      async ({ signIn }) => {
        await signIn()
        await signIn()
      },
    ],
  ])('a guarded socket closes with 4401 as soon as %s', async (_, act) => {
    const service = await startLive({ sessionLimit: 2 })
    const me = await service.signIn()
    const socket = await service.connect(me.headers)
    await settle(socket)
    expect(isOpen(socket)).toBe(true)
    await act(service, me)
    expect(await socket.closed).toEqual(ENDED)
  })

  it('only the socket of the phone that was signed out closes: those of two other phones stay open', async () => {
    const { app, connect, signIn } = await startLive()
    const phones = [await signIn(), await signIn(), await signIn()]
    const sockets = await Promise.all([...phones, phones[1]].map((phone) => connect(phone?.headers ?? {})))
    const [first, second] = phones
    await app.weappAuth.revoke(first?.userId ?? '', second?.sessionId ?? '')
    expect(await sockets[1]?.closed).toEqual(ENDED)
    expect(await sockets[3]?.closed).toEqual(ENDED)
    await app.weappAuth.push(first?.userId ?? '', 'still here')
    for (const i of [0, 2]) await expect.poll(() => sockets[i]?.texts).toEqual(['still here'])
  })

  it('a guarded socket closes with 4401 when its session ends after the guard has let the upgrade in', async () => {
    const end = async (request: FastifyRequest) => {
      await app.weappAuth.revoke(request.auth.userId, request.auth.sessionId)
    }
    const service = await startLive({
      host: (app) =>
        app.get('/late', { websocket: true, onRequest: [authenticate, end] }, (socket, request) =>
          app.weappAuth.guardSocket(socket, request),
        ),
    })
    const { app } = service
    const { headers } = await service.signIn()
    const { closed } = await open(`${service.baseUrl.replace('http', 'ws')}/late`, { headers })
    expect(await closed).toEqual(ENDED)
  })

  it('a guarded socket closes with 4401 when its session ends between the upgrade and guardSocket', async () => {
    let release = () => {}
    const service = await startLive({ beforeGuard: () => new Promise((resolve) => (release = resolve)) })
    const { headers, userId } = await service.signIn()
    const socket = await service.connect(headers)
    await service.app.weappAuth.revokeAll(userId)
    await settle(socket)
    expect(isOpen(socket)).toBe(true)
    release()
    expect(await socket.closed).toEqual(ENDED)
  })

  it('every order of upgrades and sign-outs closes the sockets of ended sessions, and none of a live one', async () => {
    let seed = 7
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % below
    }
    const service = await startLive({ sessionLimit: 0, beforeGuard: () => sleep(random(4)) })
    const phones = await Promise.all(Array.from({ length: 40 }, (_, i) => service.signIn(`user ${i % 5}`)))
    const ended = new Set(phones.filter((_, i) => i % 2 === 0))
    const opened = await Promise.all(
      phones.map(async (phone) => {
        const socket = sleep(random(30)).then(() => service.connect(phone.headers).catch(() => null))
        await sleep(random(40))
        if (ended.has(phone)) await service.app.weappAuth.revoke(phone.userId, phone.sessionId)
        return { phone, socket: await socket }
      }),
    )
    for (const { phone, socket } of opened) {
      if (ended.has(phone)) expect((await socket?.closed) ?? ENDED).toEqual(ENDED)
    }
    const living = opened.filter(({ phone }) => !ended.has(phone)).flatMap(({ socket }) => socket ?? [])
    await settle(...living)
    expect(living.map(isOpen)).toEqual(Array(20).fill(true))
  })

  it('a guarded socket closes at its next ping when the message about the end of its session was lost', async () => {
    const { deaf, endElsewhere } = deafStore()
    const service = await startLive({ sessions: deaf, sockets: { pingIntervalMs: 50 } })
    const me = await service.signIn()
    const socket = await service.connect(me.headers)
    await settle(socket)
    await endElsewhere(me)
    expect(await socket.closed).toEqual(ENDED)
  })

  it('a socket whose session ended while no messages were heard closes as soon as they are heard again', async () => {
    const { deaf, endElsewhere, tell } = deafStore()
    const service = await startLive({ sessions: deaf })
    const [me, other, gone] = [await service.signIn(), await service.signIn('bob'), await service.signIn('carol')]
    const sockets = [await service.connect(me.headers), await service.connect(other.headers)]
    const closed = await service.connect(gone.headers)
    closed.socket.terminate()
    await expect.poll(() => service.guarded[2]?.readyState).toBe(closed.socket.CLOSED)
    await settle(...sockets)
    await endElsewhere(me)
    await settle(...sockets)
    expect(sockets.map(isOpen)).toEqual([true, true])
    const find = vi.spyOn(deaf, 'find')
    tell()?.onHeard?.()
    expect(await sockets[0]?.closed).toEqual(ENDED)
    await settle(...sockets)
    expect(sockets.map(isOpen)).toEqual([false, true])
    expect(find, 'the store is asked for the sockets that are open').toHaveBeenCalledTimes(2)
  })

  it('a guarded socket closes when its session expires, although the phone answers no ping', async () => {
    const { connect, signIn, sessions } = await startLive({ sessionIdleSeconds: 1 })
    const { headers } = await signIn()
    const find = vi.spyOn(sessions, 'find')
    const socket = await connect(headers, { autoPong: false })
    const openedAt = performance.now()
    expect(await socket.closed).toEqual(ENDED)
    expect(performance.now() - openedAt).toBeGreaterThan(800)
    // The store is asked at the upgrade, then for the end, and at the end.
    expect(find.mock.calls.length).toBeLessThan(10)
  })

  it('a guarded socket closes at the end of the absolute lifetime, although its session is used', async () => {
    const { connect, signIn, advance } = await startLive({
      sessionIdleSeconds: 10,
      sessionAbsoluteSeconds: 15,
      sockets: { pingIntervalMs: 50 },
    })
    const socket = await connect((await signIn()).headers)
    advance(8_000)
    await sleep(150)
    expect(isOpen(socket)).toBe(true)
    advance(8_000)
    expect(await socket.closed).toEqual(ENDED)
  })

  it('what a phone sends after its socket was closed with 4401 reaches nobody', async () => {
    const { app, connect, signIn, guarded } = await startLive()
    const me = await signIn()
    const { socket } = await connect(me.headers)
    const heard: string[] = []
    guarded[0]?.on('message', (data) => heard.push(String(data)))
    socket.send('before')
    await expect.poll(() => heard).toEqual(['before'])
    // It has not seen the close yet, and goes on sending.
    socket.pause()
    await app.weappAuth.revokeAll(me.userId)
    socket.send('after')
    await expect.poll(() => guarded[0]?.readyState, { interval: 20 }).toBe(3)
    expect(heard).toEqual(['before'])
  })
})

it('a socket that was closed before guardSocket ran is not watched', async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const { connect, signIn, sessions, guarded } = await startLive({ beforeGuard: () => held })
  const socket = await connect((await signIn()).headers)
  socket.socket.terminate()
  await socket.closed
  const find = vi.spyOn(sessions, 'find')
  // The service hears of it a moment later.
  await sleep(100)
  release()
  await expect.poll(() => guarded.length).toBe(1)
  expect(guarded[0]?.readyState).toBe(socket.socket.CLOSED)
  expect(find).not.toHaveBeenCalled()
})

describe('a ping', () => {
  it('a ping that is answered counts as use of the session', async () => {
    const { app, connect, signIn, advance } = await startLive({ sockets: { pingIntervalMs: 50 } })
    const { headers } = await signIn()
    const socket = await connect(headers)
    for (let hours = 0; hours < 5; hours++) {
      advance(3_600_000)
      // Two pings at least, the second of which is only sent when the first was answered or missed.
      await sleep(150)
    }
    expect(isOpen(socket)).toBe(true)
    expect((await app.inject({ url: '/v1/session', headers })).statusCode).toBe(200)
  })

  it('two pings without an answer end the socket, and not the session', async () => {
    const { app, connect, signIn } = await startLive({ sockets: { pingIntervalMs: 50 } })
    const { headers } = await signIn()
    const socket = await connect(headers, { autoPong: false })
    let pings = 0
    socket.socket.on('ping', () => pings++)
    expect((await socket.closed).code).toBe(1006)
    expect(pings).toBe(2)
    expect((await app.inject({ url: '/v1/session', headers })).statusCode).toBe(200)
  })

  it('answers to pings that were never sent ask the store nothing', async () => {
    const { connect, signIn, sessions } = await startLive()
    const { headers } = await signIn()
    const socket = await connect(headers)
    await settle(socket)
    const find = vi.spyOn(sessions, 'find')
    for (let i = 0; i < 1_000; i++) socket.socket.pong()
    await settle(socket)
    expect(find).not.toHaveBeenCalled()
  })

  it('a ping whose check fails without a reason leaves the socket open, and the operator is told', async () => {
    const lines: string[] = []
    const { deaf } = deafStore()
    const { find } = deaf
    let error: Error | null = null
    deaf.find = async (ref) => {
      if (error) throw error
      return find(ref)
    }
    const server = { logger: { level: 'error', stream: { write: (line: string) => void lines.push(line) } } }
    const { connect, signIn } = await startLive({ sessions: deaf, server, sockets: { pingIntervalMs: 50 } })
    const socket = await connect((await signIn()).headers)
    await settle(socket)
    error = new Error('boom')
    await expect.poll(() => lines.join()).toContain('boom')
    expect(isOpen(socket)).toBe(true)
  })

  it('a ping while the store is away leaves the socket open, and the first one afterwards closes it if its session has ended', async () => {
    const { deaf, endElsewhere } = deafStore()
    let isAway = false
    const { find } = deaf
    deaf.find = async (ref) => {
      if (isAway) throw new (await import('../../src/index.ts')).ApiError('store_unavailable', 'away')
      return find(ref)
    }
    const { connect, signIn } = await startLive({ sessions: deaf, sockets: { pingIntervalMs: 50 } })
    const me = await signIn()
    const socket = await connect(me.headers)
    await settle(socket)
    isAway = true
    await endElsewhere(me)
    await sleep(200)
    expect(isOpen(socket)).toBe(true)
    isAway = false
    expect(await socket.closed).toEqual(ENDED)
  })
})

describe('a push', () => {
  it('a push reaches every open socket of the user, and nobody else', async () => {
    const { app, connect, signIn } = await startLive()
    const [phone, pad, bob] = [await signIn(), await signIn(), await signIn('bob')]
    const sockets = [await connect(phone.headers), await connect(pad.headers), await connect(bob.headers)]
    await app.weappAuth.push(phone.userId, '一盏茶好了 \u{1f375}')
    await app.weappAuth.push(bob.userId, 'for bob')
    await settle(...sockets)
    expect(sockets.map(({ texts }) => texts)).toEqual([['一盏茶好了 \u{1f375}'], ['一盏茶好了 \u{1f375}'], ['for bob']])
  })

  it('a message of another process that is no push is ignored, and the pushes after it arrive', async () => {
    const { deaf, tell } = deafStore()
    const { connect, signIn } = await startLive({ sessions: deaf })
    const { userId, headers } = await signIn()
    const socket = await connect(headers)
    for (const text of ['{', 'null', '{}', JSON.stringify([userId]), JSON.stringify([userId, 5]), '[[], "x"]'])
      tell()?.onText?.(text)
    tell()?.onText?.(JSON.stringify([userId, 'hello']))
    await expect.poll(() => socket.texts).toEqual(['hello'])
  })

  it('a push to a user who has no socket, or none any more, sends nothing', async () => {
    const { app, connect, guarded, signIn } = await startLive()
    const { userId, headers } = await signIn()
    await app.weappAuth.push(userId, 'hello')
    await app.weappAuth.push('nobody', 'hello')
    const { socket } = await connect(headers)
    socket.close()
    await expect.poll(() => guarded[0]?.readyState).toBe(socket.CLOSED)
    // A closed socket would keep in memory what it cannot send.
    await app.weappAuth.push(userId, 'hello')
    expect(guarded[0]?.bufferedAmount).toBe(0)
  })

  it('a push that is too long, or no text, is refused with a reason', async () => {
    const { app } = await startLive({ sockets: { maxMessageBytes: 9 } })
    await app.weappAuth.push('somebody', '茶茶茶')
    await expect(app.weappAuth.push('somebody', '茶茶茶1')).rejects.toThrow(/at most 9 bytes/)
    await expect(app.weappAuth.push('somebody', { a: 1 } as never)).rejects.toThrow('a push is a text')
  })

  it('a phone that does not read what is pushed is disconnected, so that it fills no memory; the others get everything', async () => {
    const { app, connect, signIn, guarded } = await startLive({ sockets: { maxBufferedBytes: 100_000 } })
    const [slow, quick] = [await signIn(), await signIn()]
    const stuck = await connect(slow.headers)
    const reading = await connect(quick.headers)
    stuck.socket.pause()
    const text = 'x'.repeat(60_000)
    let most = 0
    let count = 0
    // The kernel takes some megabytes before anything waits in the process.
    while (guarded[0]?.readyState === 1 && count < 2_000) {
      await app.weappAuth.push(slow.userId, text)
      most = Math.max(most, guarded[0]?.bufferedAmount ?? 0)
      count++
      await settle(reading)
    }
    expect(guarded[0]?.readyState).not.toBe(1)
    expect(most).toBeLessThan(200_000)
    await app.weappAuth.push(slow.userId, 'last')
    await expect.poll(() => reading.texts.length).toBe(count + 1)
    expect(reading.texts.at(-1)).toBe('last')
  })
})

describe('a process that stops', () => {
  it('a process that stops closes its sockets with 1012, those without a guard too', async () => {
    const { app, baseUrl, connect, signIn } = await startLive({
      host: (app) => app.get('/open', { websocket: true }, () => {}),
    })
    const sockets = [await connect((await signIn()).headers), await open(`${baseUrl.replace('http', 'ws')}/open`, {})]
    await settle(...sockets)
    await app.close()
    expect(await Promise.all(sockets.map(({ closed }) => closed))).toEqual([RESTARTING, RESTARTING])
  })

  it('a process that stops does not wait for a phone that never answers, and closes those that were let in last', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let isHolding = false
    const { app, connect, signIn } = await startLive({ beforeGuard: async () => (isHolding ? held : undefined) })
    const { headers } = await signIn()
    const stuck = await connect(headers)
    await settle(stuck)
    stuck.socket.pause()
    isHolding = true
    const late = await connect(headers)
    const startedAt = performance.now()
    const closing = app.close()
    release()
    await closing
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    expect(await late.closed).toEqual(RESTARTING)
  })

  it('a process that stops leaves sessions alone', async () => {
    const sessions = createSqliteSessionStore({ file: ':memory:' })
    const first = await startLive({ sessions })
    const { headers } = await first.signIn()
    const socket = await first.connect(headers)
    await first.app.close()
    expect(await socket.closed).toEqual(RESTARTING)
    const elsewhere = await startLive({ sessions })
    expect(isOpen(await elsewhere.connect(headers))).toBe(true)
  })
})

describe('in a host application', () => {
  it('without the option sockets, guardSocket and push say which option is missing', async () => {
    const { app } = await startService()
    expect(app.hasDecorator('websocketServer')).toBe(false)
    expect(() => app.weappAuth.guardSocket({} as never, { auth: {} } as never)).toThrow(/the option sockets/)
    await expect(app.weappAuth.push('user', 'text')).rejects.toThrow(/the option sockets/)
  })

  it('a socket on a route without the guard is closed, and the log says why', async () => {
    const lines: string[] = []
    const { baseUrl } = await startLive({
      server: { logger: { level: 'error', stream: { write: (line: string) => void lines.push(line) } } },
      host: (app) =>
        app.get('/open', { websocket: true }, (socket, request) => app.weappAuth.guardSocket(socket, request)),
    })
    const { closed } = await open(`${baseUrl.replace('http', 'ws')}/open`, {})
    expect((await closed).code).toBe(1006)
    expect(lines.join()).toContain('request.auth needs the guard')
  })

  it('an application that has registered @fastify/websocket itself keeps its own settings', async () => {
    const { app, connect, signIn, guarded } = await startLive({
      early: (app) => void app.register(websocket, { options: { maxPayload: 5 } }),
    })
    const me = await signIn()
    const [first, second] = [await connect(me.headers), await connect(me.headers)]
    guarded[0]?.on('message', () => {})
    first.socket.send('123456')
    expect((await first.closed).code).toBe(1009)
    await app.weappAuth.revokeAll(me.userId)
    expect(await second.closed).toEqual(ENDED)
  })

  it('guarded sockets close with 1012 also where an application closes none of its own, and what a phone sends until then arrives', async () => {
    const { app, connect, signIn, guarded } = await startLive({
      early: (app) => void app.register(websocket, { preClose: (done: () => void) => done() }),
    })
    const { socket, closed } = await connect((await signIn()).headers)
    const heard: string[] = []
    guarded[0]?.on('message', (data) => heard.push(String(data)))
    // It has not seen the close yet, and goes on sending.
    socket.pause()
    const closing = app.close()
    await expect.poll(() => guarded[0]?.readyState, { interval: 1 }).toBe(socket.CLOSING)
    socket.send('last')
    await expect.poll(() => heard, { interval: 1 }).toEqual(['last'])
    socket.resume()
    expect(await closed).toEqual(RESTARTING)
    await closing
  })

  it('a message that is too long closes the socket with 1009', async () => {
    const { connect, signIn } = await startLive({ sockets: { maxMessageBytes: 10 } })
    const { socket, closed } = await connect((await signIn()).headers)
    socket.send('x'.repeat(11))
    expect((await closed).code).toBe(1009)
  })

  it.each([{ pingIntervalMs: 0 }, { maxBufferedBytes: 1.5 }, { maxMessageBytes: Number.NaN }])(
    'the socket options %o are refused',
    async (sockets) => {
      await expect(startService({ sockets })).rejects.toThrow(/sockets\.\w+ must be a whole number/)
    },
  )
})
