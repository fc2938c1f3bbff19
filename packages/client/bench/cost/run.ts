// `npm run bench -- cost`: what a warm request costs more than a bare `wx.request`, here and in published libraries. All of
// them take turns in one run, on a `wx` that answers at once, so that only their own work is timed. With `--write` puts the
// table into README.md.
import { join } from 'node:path'
import { HOST, type Library } from '../faults/bed.ts'
import { loadPeers, weappAuth } from '../faults/libraries.ts'
import { installPeers } from '../peers.ts'
import { showTable } from '../table.ts'

const ROUNDS = 41
const REQUESTS_PER_ROUND = 1_000

interface Contender {
  name: string
  request(path: string): Promise<unknown>
  counted: CountedWx
  rounds: number[]
}

const contenders: Contender[] = []
const bare = createWx(weappAuth)
const bareRequest = (path: string) =>
  new Promise((success, fail) => bare.wx.request({ url: HOST + path, success, fail }))
contenders.push({ name: 'bare wx.request', request: bareRequest, counted: bare, rounds: [] })
for (const library of [weappAuth, ...loadPeers(installPeers())]) {
  const counted = createWx(library)
  const app = library.start(counted.wx as never)
  await app.request('/warm-up')
  contenders.push({ name: `${library.name} ${library.version}`, request: app.request, counted, rounds: [] })
}

for (let round = 0; round < ROUNDS; round++) {
  process.stderr.write(`\rround ${round + 1} of ${ROUNDS}`)
  for (const contender of shuffled(contenders)) contender.rounds.push(await timePerRequest(contender))
}
process.stderr.write('\n')

const base = median(contenders[0]?.rounds ?? [])
const rows = contenders.map(({ name, rounds, counted }) => {
  const us = median(rounds)
  const perRequest = (count: number) => (count / (ROUNDS * REQUESTS_PER_ROUND)).toFixed(2)
  const calls = Object.entries(counted.calls).map(([call, count]) => `${call} ${perRequest(count)}`)
  return `| ${name} | ${us.toFixed(1)} | ${(us - base).toFixed(1)} | ${(us / base).toFixed(0)} | ${calls.join(', ')} |`
})
const head = ['', `µs per request, median of ${ROUNDS} rounds`, 'added to bare wx.request', 'times bare']
const columns = [...head, 'calls of wx per warm request']
const lines = [
  `|${columns.map((column) => ` ${column}`.trimEnd()).join(' |')} |`,
  `|${' --- |'.repeat(columns.length)}`,
  ...rows,
]
showTable(lines.join('\n'), join(import.meta.dirname, 'README.md'))

async function timePerRequest({ request, counted }: Contender): Promise<number> {
  if (counted.rounds++ === 0) counted.calls = {}
  // The old libraries have no other way to their wx.
  Object.assign(globalThis, { wx: counted.wx })
  const start = performance.now()
  for (let n = 0; n < REQUESTS_PER_ROUND; n++) await request(`/products/${n}`)
  return ((performance.now() - start) * 1000) / REQUESTS_PER_ROUND
}

interface CountedWx {
  wx: Record<string, (options: never) => unknown> & {
    request(options: { url: string; success: (result: object) => void; fail: (failure: unknown) => void }): unknown
  }
  calls: Record<string, number>
  rounds: number
}

/** A `wx` that answers in the next microtask and counts what it is asked. */
function createWx({ protocol }: Library): CountedWx {
  const storage = new Map<string, unknown>()
  const counted = { calls: {}, rounds: 0 } as unknown as CountedWx
  const soon = (callback: ((result: object) => void) | undefined, result: object) =>
    void Promise.resolve().then(() => callback?.(result))
  type Options = { key: string; data: unknown; url: string; success?: (r: object) => void; fail?: (f: object) => void }
  const api: Record<string, (options: Options) => unknown> = {
    login: ({ success }) => soon(success, { code: 'code' }),
    getUserInfo: ({ success }) => soon(success, { userInfo: {}, encryptedData: '', iv: '' }),
    checkSession: ({ success }) => soon(success, {}),
    request({ url, success }) {
      const data = url === HOST + protocol.loginPath ? protocol.issue('token') : { ok: true }
      soon(success, { statusCode: 200, header: {}, data })
      return { abort() {} }
    },
    getStorage({ key, success, fail }) {
      if (storage.has(key)) soon(success, { data: storage.get(key) })
      else soon(fail, { errMsg: 'getStorage:fail data not found' })
    },
    setStorage({ key, data, success }) {
      storage.set(key, data)
      soon(success, {})
    },
    removeStorage({ key, success }) {
      storage.delete(key)
      soon(success, {})
    },
    getAccountInfoSync: () => ({ miniProgram: { appId: 'wx1', envVersion: 'release' } }),
    getLaunchOptionsSync: () => ({ scene: 1001 }),
  }
  const sync = {
    getStorageSync: (key: string) => storage.get(key) ?? '',
    setStorageSync: (key: string, data: unknown) => void storage.set(key, data),
    removeStorageSync: (key: string) => void storage.delete(key),
    onSocketOpen() {},
    onSocketMessage() {},
    onSocketClose() {},
    onSocketError() {},
  }
  counted.wx = Object.fromEntries(
    Object.entries({ ...api, ...sync }).map(([name, run]) => [
      name,
      (...args: never[]) => {
        counted.calls[name] = (counted.calls[name] ?? 0) + 1
        return (run as (...given: never[]) => unknown)(...args)
      },
    ]),
  ) as CountedWx['wx']
  return counted
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item)
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
