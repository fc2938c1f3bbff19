import type { OwnServer } from '@weapp-auth/test-servers'
import { beforeAll, expect, test, vi } from 'vitest'
import { type LoadedService, startLoaded } from './load.ts'
import { createNetwork } from './network.ts'
import { call, startProcess } from './process.ts'

export const UNAVAILABLE = { status: 503, code: 'store_unavailable', retryAfter: '1' }
export const GUARDED = '/v1/verify'
export const READS_USERS = '/v1/me'

/** A server that sessions or users are kept in, which a test may break. */
export interface BreakableStore {
  /** As the service calls it in its log: `the session store (Redis)`. */
  name: string
  /** A server of the tests' own, which keeps what it was told over a kill. */
  start(): Promise<OwnServer>
  /** Ends the server as its administrator does, with everybody connected. */
  stopSignal: NodeJS.Signals
  /** The variables of a service that keeps these in the server at `url`, and everything else elsewhere. */
  environment(url: string): Promise<Record<string, string>>
  /** Which of these address the server. */
  variable: 'REDIS_URL' | 'DATABASE_URL'
  /** What callers ask for under load. The first of these asks this store. */
  paths: readonly string[]
  /** What `/readyz` answers under load while the store is away: without users those who are signed in are served. */
  readyStatus: 200 | 503
  /** What it says when the store is away at the start. */
  stores: { sessions: 'up' | 'down'; users: 'up' | 'down' }
  /** How soon the service stops while somebody waits for a server that answers no more. */
  stopMs: number
}

/** What happens when a store is in trouble, the same for each: sessions in Redis, users in PostgreSQL, MySQL or MariaDB. */
export function storeOutages(store: BreakableStore): void {
  const server = sharedServer(store)

  test('a store is down under load: what needs it is 503, nothing else notices, and all is back within a second', async () => {
    const service = await startLoaded(await store.environment(server().url), store.paths)
    await server().kill()
    expect(await service.seen(503)).toMatchObject(UNAVAILABLE)
    const [login, ready] = await Promise.all([service.signIn(), service.ask('/readyz')])
    expect(login).toMatchObject(UNAVAILABLE)
    expect(ready.status).toBe(store.readyStatus)
    // A code that cannot become a session of a user is not spent.
    expect(login.exchanges).toBe(0)
    expect((await service.ask('/livez')).status).toBe(200)
    await server().start()
    await service.recovered()
    await service.settle()
    expectOthersUnharmed(store, service)
  })

  test('a store restarts under load: what needs it is 503 meanwhile, and no broken connection ends the process', async () => {
    const service = await startLoaded(await store.environment(server().url), store.paths)
    await server().kill(store.stopSignal)
    await service.seen(503)
    await server().start()
    await service.recovered()
    await service.settle()
    expectOthersUnharmed(store, service)
  })

  test('a store stops answering: what needs it is 503 within a second, and the guard is as fast as before', async () => {
    const network = await createNetwork(server().url)
    const service = await startLoaded(await store.environment(network.url), store.paths)
    network.vanish()
    expect(await service.seen(503)).toMatchObject(UNAVAILABLE)
    await service.settle()
    expectOthersUnharmed(store, service)
  })

  test('a store that is 50 ms away makes answers slower, and changes nothing else', async () => {
    const network = await createNetwork(server().url)
    const service = await startLoaded(await store.environment(network.url), store.paths)
    // In each direction.
    network.delay(25)
    await expect.poll(() => service.answers.findLast(({ path }) => path === store.paths[0])?.ms).toBeGreaterThan(50)
    expect((await service.signIn()).status).toBe(201)
    await service.settle()
    expect(service.answers.filter(({ status }) => status >= 300)).toEqual([])
  })

  test('a store is away when the service starts: the service listens, says what is missing, and goes on by itself', async () => {
    const variables = await store.environment(server().url)
    await server().kill()
    const service = startProcess({ ...variables, WECHAT_EMULATOR: 'on' })
    const address = await service.listening
    expect(service.output()).toMatch(
      new RegExp(
        `"reason":"[^"]*(ECONNREFUSED|closed)[^"]*","msg":"${inPattern(store.name)} cannot be reached, trying again`,
      ),
    )
    expect((await call(`${address}/livez`)).status).toBe(200)
    const { stores } = store
    expect(await call(`${address}/readyz`)).toEqual({ status: 503, data: { status: 'unavailable', stores } })
    const { data: login } = await call(`${address}/emulator/wx-login`, { body: { user: 'alice' } })
    const refused = await call(`${address}/v1/sessions`, { body: login })
    expect(refused).toMatchObject({ status: 503, data: { code: 'store_unavailable' } })
    await server().start()
    await service.address
    expect((await call(`${address}/v1/sessions`, { body: login })).status).toBe(201)
  })

  test('a store stops answering before the service is told to stop: the service stops soon, with exit code 0', async () => {
    const variables = await store.environment(server().url)
    const network = await createNetwork(variables[store.variable] ?? '')
    const service = startProcess({ ...variables, WECHAT_EMULATOR: 'on', [store.variable]: network.url })
    const address = await service.address
    const { data: login } = await call(`${address}/emulator/wx-login`, { body: { user: 'alice' } })
    network.lose()
    const answer = call(`${address}/v1/sessions`, { body: login })
    await vi.waitFor(() => expect(service.output()).toContain('/v1/sessions'))
    const startMs = performance.now()
    service.child.kill('SIGTERM')
    expect(await service.ended).toBe(0)
    // The caller keeps its connection open, and is not waited for.
    expect(performance.now() - startMs).toBeLessThan(store.stopMs)
    expect((await answer).status).toBe(503)
  })
}

/** The server of these tests. */
export function sharedServer({ start }: Pick<BreakableStore, 'start'>): () => OwnServer {
  let server: OwnServer
  beforeAll(async () => {
    server = await start()
    return () => server.stop()
  })
  return () => server
}

/** Whoever asks for something that this store has no part in was answered all the time. */
function expectOthersUnharmed({ paths }: BreakableStore, { answers }: LoadedService): void {
  const others = answers.filter(({ path }) => path !== paths[0])
  expect(others.filter(({ status }) => status >= 300)).toEqual([])
}

function inPattern(text: string): string {
  return text.replace(/[()]/g, '\\$&')
}
