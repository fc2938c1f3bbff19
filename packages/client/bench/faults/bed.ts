import {
  createClock,
  createDevice,
  createWorld,
  DEMO_APP,
  type Device,
  localLink,
  type TransportRequest,
  type TransportResponse,
} from '@weapp-auth/emulator'

/** How a library signs in and carries its session: each speaks its own protocol with the same service. */
export interface Protocol {
  loginPath: string
  issue(token: string): unknown
  tokenOf(header: Record<string, string>): string | null
  /** What the service answers to a session it does not accept. */
  refusal: { status: number; body: unknown }
  /** The same for a session that ended because the user has too many, where the protocol tells that. */
  overLimit?: { status: number; body: unknown }
}

/** The `wx` of the emulator's phone, with the calls that only old libraries make. */
export type BedWx = Device['wx'] & { getUserInfo(options: { success: (result: object) => void }): void }

const OLD_SOCKET_CALLS = ['onSocketOpen', 'onSocketMessage', 'onSocketClose', 'onSocketError']

/** A library as an application has it after its README. */
export interface Library {
  name: string
  version: string
  protocol: Protocol
  /** Whether it calls the global `wx`, so that two phones cannot be played in one process. */
  hasGlobalWx?: boolean
  /** The library in a new run of the application, or a second copy of it in the same run. */
  start(wx: BedWx): App
}

/** A library on a phone. */
export interface App {
  request(path: string): Promise<unknown>
  /** Sends `data` as JSON. */
  post(path: string, data: object): Promise<unknown>
  /** What the application does when it starts, where the library has something for that. */
  launch?(): Promise<unknown>
}

export interface Outcome {
  /** Calls of `wx.login` since the scenario proper began. */
  logins: number
  /** Codes sent to the service since then. */
  exchanges: number
  ok: number
  failed: number
  /** Still not settled minutes later. */
  pending: number
  errors: string[]
  /** The bodies of the accepted `post`s. */
  posted: unknown[]
}

export type Bed = ReturnType<typeof createBed>

export const HOST = 'https://api.example.com'
const LATENCY_MS = 20
const STEP_MS = 250

/** A phone, a service and a library on it, all on one clock that stands still until `advance`. */
export function createBed(library: Library) {
  const clock = createClock({ running: false, startMs: Date.UTC(2026, 0, 1) })
  const restore = takeTime(clock)
  const link = localLink(createWorld({ clock }))
  const device = createDevice({ link, appid: DEMO_APP.appid, clock, send })
  const wx = createWx(device)
  const valid = new Set<string>()
  /** Sessions that ended because the user has too many. */
  const overLimit = new Set<string>()
  const posted: unknown[] = []
  const watched: { state: 'pending' | 'ok' | 'failed'; error: string }[] = []
  let issued = 0
  let logins = 0
  let loginsBefore = 0
  let exchanges = 0
  let exchangesBefore = 0
  let app = library.start(wx)

  const bed = {
    device,
    /** How the service answers a login; as it should, unless set. */
    exchange: 'ok' as 'ok' | 'lose' | 'error' | 'html',
    /** How long the answer to a login takes. */
    exchangeMs: LATENCY_MS,
    acceptsNothing: false,
    /** How many of the next codes the service refuses. */
    refusedCodes: 0,
    /** Whether a sign-in ends all other sessions of the user. */
    oneSession: false,
    /** These paths answer 401 for reasons of their own. */
    foreign: [] as string[],
    /** How long this path takes, in milliseconds. */
    slow: {} as Record<string, number>,

    request(path: string): void {
      watch(app.request(path))
    },
    post(path: string, data: object): void {
      watch(app.post(path, data))
    },
    /** A second copy of the library in the same application. */
    addCopy: () => watchAll(library.start(wx)),
    /** The application on another phone of the same user. */
    addPhone: () => watchAll(library.start(createWx(createDevice({ link, appid: DEMO_APP.appid, clock, send })))),
    /** What the application does when it starts, where the library has something for that. */
    launch(): void {
      if (app.launch) watch(app.launch())
    },
    endSessions: () => valid.clear(),
    restart(): void {
      device.lifecycle.launch()
      app = library.start(wx)
    },
    /** From here on it counts. */
    begin(): void {
      watched.length = 0
      posted.length = 0
      loginsBefore = logins
      exchangesBefore = exchanges
    },
    async advance(ms: number): Promise<void> {
      for (let leftMs = ms; leftMs > 0; leftMs -= STEP_MS) {
        await turns()
        clock.advance(Math.min(STEP_MS, leftMs))
      }
      await turns()
    },
    outcome(): Outcome {
      const count = (state: string) => watched.filter((call) => call.state === state).length
      return {
        logins: logins - loginsBefore,
        exchanges: exchanges - exchangesBefore,
        ok: count('ok'),
        failed: count('failed'),
        pending: count('pending'),
        errors: [...new Set(watched.map(({ error }) => error).filter(Boolean))],
        posted: [...posted],
      }
    },
    end: restore,
  }
  return bed

  function createWx(phone: Device): BedWx {
    const oldCalls = Object.fromEntries(OLD_SOCKET_CALLS.map((name) => [name, () => {}]))
    return Object.assign(Object.create(phone.wx), oldCalls, {
      login(options: Parameters<Device['wx']['login']>[0]) {
        logins++
        phone.wx.login(options)
      },
      getUserInfo: ({ success }: { success: (result: object) => void }) =>
        phone.thread.post(() => success({ userInfo: {}, encryptedData: '', iv: '' })),
    })
  }

  function watchAll(other: App) {
    return { request: (path: string) => watch(other.request(path)) }
  }

  function watch(promise: Promise<unknown>): void {
    const call = { state: 'pending' as 'pending' | 'ok' | 'failed', error: '' }
    watched.push(call)
    promise.then(
      () => {
        call.state = 'ok'
      },
      (error: unknown) => {
        call.state = 'failed'
        const { code, errMsg, message } = Object(error) as Record<string, unknown>
        call.error = String(code ?? errMsg ?? message ?? error).slice(0, 60)
      },
    )
  }

  function send(request: TransportRequest): Promise<TransportResponse> {
    const path = new URL(request.url).pathname
    const { loginPath, issue, tokenOf, refusal } = library.protocol
    const isLogin = path === loginPath
    if (isLogin) exchanges++
    const delayMs = isLogin ? bed.exchangeMs : (bed.slow[path] ?? LATENCY_MS)
    // Judged when it arrives: a slow answer may tell of a session that has been renewed since.
    const token = tokenOf(request.header)
    const accepted = token !== null && valid.has(token) && !bed.acceptsNothing
    const refused = (token !== null && overLimit.has(token) && library.protocol.overLimit) || refusal
    return new Promise((resolve, reject) => {
      clock.setTimeout(() => {
        if (bed.foreign.includes(path)) return resolve(answer(401, { message: 'no' }))
        if (!isLogin && accepted && request.method === 'POST') posted.push(JSON.parse(String(request.body)))
        if (!isLogin) return resolve(accepted ? answer(200, { ok: true }) : answer(refused.status, refused.body))
        if (bed.refusedCodes-- > 0) return resolve(answer(400, { status: 400, code: 'code_invalid' }))
        if (bed.exchange === 'lose') return reject(new Error('connection lost'))
        if (bed.exchange === 'error') return resolve(answer(500, {}))
        if (bed.exchange === 'html') return resolve({ statusCode: 200, header: {}, body: '<html>welcome</html>' })
        if (bed.oneSession) {
          for (const old of valid) overLimit.add(old)
          valid.clear()
        }
        const fresh = `token-${++issued}`
        valid.add(fresh)
        resolve(answer(200, issue(fresh)))
      }, delayMs)
    })
  }
}

function answer(statusCode: number, data: unknown): TransportResponse {
  return { statusCode, header: { 'content-type': 'application/json' }, body: JSON.stringify(data) }
}

/** The process's timers and clock become the bed's. */
function takeTime(clock: ReturnType<typeof createClock>): () => void {
  const { setTimeout, clearTimeout } = globalThis
  const { now } = Date
  Object.assign(globalThis, { setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout })
  Date.now = clock.now
  return () => {
    Object.assign(globalThis, { setTimeout, clearTimeout })
    Date.now = now
  }
}

/** Lets everything run that needs no time to pass. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve))
}
