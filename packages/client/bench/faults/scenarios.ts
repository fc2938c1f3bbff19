import { type Bed, createBed, type Library, type Outcome } from './bed.ts'

/** One fault, what the application does meanwhile, and what a library that gets it right shows. */
export interface Scenario {
  name: string
  /** How many phones play; 1 by default. */
  phones?: number
  run(bed: Bed): Promise<void>
  isRight(outcome: Outcome): boolean
  /** `isRight` in words. */
  right: string
}

/** After this a call that has not settled is said to be pending for ever. */
const LONG_MS = 180_000

export const SCENARIOS: readonly Scenario[] = [
  {
    name: '5 requests at once, no session',
    right: '1 login, all succeed',
    async run(bed) {
      bed.begin()
      five(bed)
      await bed.advance(LONG_MS)
    },
    isRight: ({ logins, ok }) => logins === 1 && ok === 5,
  },
  {
    name: '5 requests at once, the session has expired on the server',
    right: '1 login, all succeed',
    async run(bed) {
      await signIn(bed)
      bed.endSessions()
      bed.begin()
      five(bed)
      await bed.advance(LONG_MS)
    },
    isRight: ({ logins, ok }) => logins === 1 && ok === 5,
  },
  {
    name: 'the service refuses every session for ever',
    right: 'at most 1 more login, the request fails',
    async run(bed) {
      await signIn(bed)
      bed.acceptsNothing = true
      bed.begin()
      bed.request('/a')
      await bed.advance(LONG_MS)
    },
    isRight: ({ logins, failed }) => logins <= 1 && failed === 1,
  },
  {
    name: 'wx.login fails, 3 wait',
    right: 'at most 2 logins, all fail',
    async run(bed) {
      bed.device.faults.set('wx.login', { errMsg: 'system error' })
      bed.begin()
      for (const path of ['/a', '/b', '/c']) bed.request(path)
      await bed.advance(LONG_MS)
    },
    isRight: ({ logins, failed }) => logins <= 2 && failed === 3,
  },
  {
    name: 'a 401 of the old session comes after the new login',
    right: '1 login, both succeed',
    async run(bed) {
      await signIn(bed)
      bed.endSessions()
      bed.begin()
      bed.slow['/slow'] = 5_000
      bed.request('/slow')
      await bed.advance(1_000)
      bed.request('/a')
      await bed.advance(LONG_MS)
    },
    isRight: ({ logins, ok }) => logins === 1 && ok === 2,
  },
  failingExchange('the exchange is lost in the network', 'lose'),
  failingExchange('the exchange answers 500', 'error'),
  failingExchange("the exchange answers a proxy's HTML page", 'html'),
  {
    name: 'the storage is full when the session is saved',
    right: '1 login, the request succeeds, and the next one, too',
    async run(bed) {
      bed.device.faults.set('wx.setStorage', { errMsg: ':quota reached' })
      bed.begin()
      bed.request('/a')
      await bed.advance(5_000)
      bed.request('/b')
      await bed.advance(LONG_MS)
    },
    isRight: ({ logins, ok }) => logins === 1 && ok === 2,
  },
  {
    name: 'the stored value is corrupted',
    right: '1 login, the request succeeds',
    async run(bed) {
      await signIn(bed)
      for (const key of bed.device.storage.keys()) bed.device.storage.set(key, '{"tok')
      bed.restart()
      bed.begin()
      bed.request('/a')
      await bed.advance(LONG_MS)
    },
    isRight: ({ logins, ok }) => logins === 1 && ok === 1,
  },
  {
    name: 'wx.login never calls back',
    right: 'all fail',
    async run(bed) {
      bed.device.faults.set('wx.login', { hang: true })
      bed.begin()
      for (const path of ['/a', '/b', '/c']) bed.request(path)
      await bed.advance(LONG_MS)
    },
    isRight: ({ failed }) => failed === 3,
  },
  {
    name: 'checkSession fails while login fails, the session is good',
    right: 'everything succeeds with the session there is',
    async run(bed) {
      await signIn(bed)
      bed.restart()
      bed.device.faults.set('wx.checkSession', { errMsg: 'session time out, need relogin' })
      bed.device.faults.set('wx.login', { errMsg: 'system error' })
      bed.begin()
      bed.launch()
      bed.request('/a')
      await bed.advance(LONG_MS)
    },
    isRight: ({ ok, failed, pending }) => ok > 0 && failed + pending === 0,
  },
  {
    name: 'new requests arrive during a login',
    right: '1 login, all succeed',
    async run(bed) {
      bed.exchangeMs = 3_000
      bed.begin()
      five(bed)
      await bed.advance(1_000)
      for (const path of ['/f', '/g', '/h']) bed.request(path)
      await bed.advance(LONG_MS)
    },
    isRight: ({ logins, ok }) => logins === 1 && ok === 8,
  },
  {
    name: 'an address answers 401 for reasons of its own, polled for a minute beside a healthy page',
    right: 'no login, the healthy page never fails',
    async run(bed) {
      await signIn(bed)
      bed.foreign = ['/foreign']
      bed.begin()
      for (let n = 0; n < 30; n++) {
        bed.request('/foreign')
        bed.request('/healthy')
        await bed.advance(2_000)
      }
      await bed.advance(LONG_MS)
    },
    // Some hand a 401 to the caller as an answer.
    isRight: ({ logins, ok, pending }) => logins === 0 && ok >= 30 && pending === 0,
  },
  {
    name: 'the service refuses one code',
    right: '2 logins, the request succeeds',
    async run(bed) {
      bed.refusedCodes = 1
      bed.begin()
      bed.request('/a')
      await bed.advance(LONG_MS)
    },
    isRight: ({ logins, ok }) => logins === 2 && ok === 1,
  },
  {
    name: '3 POSTs from one object that changes in between, no session',
    right: '1 login, 1, 2 and 3 arrive',
    async run(bed) {
      bed.begin()
      const data = { page: 0 }
      for (const page of [1, 2, 3]) {
        data.page = page
        bed.post('/list', data)
      }
      await bed.advance(LONG_MS)
    },
    isRight: ({ logins, posted }) => logins === 1 && JSON.stringify(posted) === '[{"page":1},{"page":2},{"page":3}]',
  },
  {
    name: 'two copies of the library on one storage, the session has expired on the server',
    right: '1 login, both copies succeed',
    async run(bed) {
      await signIn(bed)
      const copy = bed.addCopy()
      copy.request('/warm')
      await bed.advance(5_000)
      bed.endSessions()
      bed.begin()
      bed.request('/a')
      await bed.advance(5_000)
      copy.request('/b')
      await bed.advance(LONG_MS)
    },
    isRight: ({ logins, ok }) => logins === 1 && ok === 2,
  },
  {
    name: 'one session allowed, two phones that poll for a minute',
    phones: 2,
    right: 'at most 2 logins: one phone is signed out',
    async run(bed) {
      bed.oneSession = true
      const other = bed.addPhone()
      bed.begin()
      for (let n = 0; n < 20; n++) {
        bed.request('/a')
        other.request('/a')
        await bed.advance(3_000)
      }
      await bed.advance(LONG_MS)
    },
    isRight: ({ logins, pending }) => logins <= 2 && pending === 0,
  },
]

function failingExchange(name: string, how: Bed['exchange']): Scenario {
  return {
    name: `${name}, 5 wait, then it recovers`,
    right: 'at most 2 logins while it fails, the 5 fail, the next succeeds',
    async run(bed) {
      bed.exchange = how
      bed.begin()
      five(bed)
      await bed.advance(60_000)
      bed.exchange = 'ok'
      bed.request('/next')
      await bed.advance(LONG_MS)
    },
    isRight: ({ logins, ok, failed }) => logins <= 3 && ok === 1 && failed === 5,
  }
}

function five(bed: Bed): void {
  for (const path of ['/a', '/b', '/c', '/d', '/e']) bed.request(path)
}

async function signIn(bed: Bed): Promise<void> {
  bed.request('/first')
  await bed.advance(10_000)
}

export async function play(scenario: Scenario, library: Library): Promise<Outcome & { isRight: boolean }> {
  const bed = createBed(library)
  try {
    await scenario.run(bed)
    const outcome = bed.outcome()
    return { ...outcome, isRight: scenario.isRight(outcome) }
  } finally {
    bed.end()
  }
}
