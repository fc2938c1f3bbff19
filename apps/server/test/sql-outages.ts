import { setTimeout as sleep } from 'node:timers/promises'
import { createOutageLog, createSessionKeyVault, generateVaultKey } from '@weapp-auth/fastify'
import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { findServer } from '../src/stores.ts'
import { openUserDatabase, type UserDatabase } from '../src/user-database.ts'
import { startLoaded } from './load.ts'
import { createNetwork } from './network.ts'
import { call, startProcess } from './process.ts'
import { environment } from './service.ts'
import { type Admin, connectTo, type SqlEngine } from './sql.ts'
import { type BreakableStore, GUARDED, READS_USERS, sharedServer, UNAVAILABLE } from './store-outages.ts'

/** A server of users, as any other store is looked at. */
export function usersIn(engine: SqlEngine): BreakableStore {
  return {
    name: `the user store (${engine.name})`,
    start: engine.start,
    stopSignal: engine.stopSignal,
    environment: (url) => environment('shared', url),
    variable: 'DATABASE_URL',
    paths: [READS_USERS, GUARDED],
    readyStatus: 200,
    stores: { sessions: 'up', users: 'down' },
    // The server still answers others, so the statement may wait for a lock: its own 4 s, then the farewell to connections.
    stopMs: 7_000,
  }
}

/** What happens when the server of the users is in trouble beside that, the same for every engine. */
export function sqlOutages(engine: SqlEngine): void {
  const server = sharedServer(engine)

  test('a database goes away while WeChat answers: the sign-in is 503 within a second, and its code was sent once', async () => {
    const network = await createNetwork(server().url)
    const service = await startLoaded(await environment('shared', network.url), [GUARDED])
    service.world.ledger.onEntry(({ event }) => {
      if (event === 'jscode2session') network.vanish()
    })
    await expect.poll(() => service.signIns.find(({ status }) => status === 503)).toMatchObject(UNAVAILABLE)
    await service.settle()
    expect(service.signIns.filter(({ status, exchanges }) => status === 503 && exchanges === 1)).not.toEqual([])
  })

  test('a lock in the database holds up a sign-in: the sign-in waits for it', async () => {
    const variables = await environment('shared', server().url)
    const service = await startLoaded(variables, [GUARDED])
    const admin = await connectTo(variables.DATABASE_URL ?? '')
    const [lock, unlock] = engine.lock
    await admin.query(lock)
    const login = service.signIn()
    await sleep(1_500) // More than the service waits for a database that is gone.
    await admin.query(unlock)
    expect(await login).toMatchObject({ status: 201, exchanges: 1 })
  })

  test('a slow service process does not report a working database as down', async () => {
    const { answers, close } = await openUsers(server().url)
    onTestFinished(close)
    const heard = answers()
    const end = performance.now() + 1_000
    while (performance.now() < end);
    expect(await heard).toBe(true)
  })

  test('a database has no connection left: users are 503, the guard is not, and a connection that is free again is used', async () => {
    const service = await startLoaded(await environment('shared', server().url), [READS_USERS, GUARDED])
    const release = await takeAllConnections(engine, server().url)
    expect(await service.seen(503, READS_USERS)).toMatchObject(UNAVAILABLE)
    expect(await service.signIn()).toMatchObject(UNAVAILABLE)
    await release()
    await service.recovered()
    await service.settle()
    expect(service.answers.filter(({ path, status }) => path === GUARDED && status !== 204)).toEqual([])
  })

  test('a database refuses the service: the log says why, and the process stays until it is let in', async () => {
    const url = new URL(server().url)
    url.username = 'nobody_like_that'
    const service = startProcess({ ...(await environment('shared')), DATABASE_URL: url.href, WECHAT_EMULATOR: 'on' })
    const address = await service.listening
    expect(service.output()).toMatch(
      new RegExp(`nobody_like_that.*the user store \\(${engine.name}\\) refuses the service, trying again`),
    )
    expect((await call(`${address}/readyz`)).status).toBe(503)
    service.child.kill('SIGTERM')
    expect(await service.ended).toBe(0)
  })

  test('a database has a table of our name that is not ours: one line says so, and the service ends', async () => {
    const variables = await environment('shared', server().url)
    const admin = await connectTo(variables.DATABASE_URL ?? '')
    for (const table of ['users', 'weapp_auth_users']) await admin.query(`create table ${table} (name char(3))`)
    const service = startProcess({ ...variables, WECHAT_EMULATOR: 'on' })
    expect(await service.ended).toBe(1)
    expect(service.output()).toMatch(
      /^weapp-auth: the table weapp_auth_users .*give the service a database of its own/m,
    )
    const tables = await admin.query(
      `select table_name as name from information_schema.tables where table_name like 'weapp%'
        and table_schema = ${engine.name === 'PostgreSQL' ? 'current_schema()' : 'database()'}`,
    )
    expect(tables).toHaveLength(1)
  })

  test('a database does not let the service make tables: one line says so, and the service ends', async () => {
    const variables = await environment('shared', server().url)
    const admin = await connectTo(variables.DATABASE_URL ?? '')
    const url = new URL(variables.DATABASE_URL ?? '')
    url.username = await engine.makeReader(admin, url.pathname.slice(1))
    const service = startProcess({ ...variables, DATABASE_URL: url.href, WECHAT_EMULATOR: 'on' })
    expect(await service.ended).toBe(1)
    expect(service.output()).toMatch(/^weapp-auth: the users' tables .*denied.*let the user of the address create/m)
  })

  test('the session_keys in a database were sealed by another key of the same name: one line says so, and the service ends', async () => {
    const variables = await environment('shared', server().url)
    const first = startProcess({ ...variables, WECHAT_EMULATOR: 'on' })
    await first.address
    const other = generateVaultKey().replace(/^[^:]+/, 'k1')
    const second = startProcess({ ...variables, SESSION_KEY_KEYS: other, WECHAT_EMULATOR: 'on' })
    expect(await second.ended).toBe(1)
    expect(second.output()).toMatch(/^weapp-auth: the key k1 of the key ring is not the key that sealed/m)
    const third = startProcess({ ...variables, SESSION_KEY_KEYS: generateVaultKey(), WECHAT_EMULATOR: 'on' })
    await third.address
    expect(third.output()).toMatch(/"msg":"keys that sealed [^"]* are missing from the key ring: k1;/)
  })
}

export async function openUsers(url: string): Promise<UserDatabase> {
  const database = openUserDatabase({
    server: await findServer(url),
    world: 'real',
    vault: createSessionKeyVault({ keys: generateVaultKey() }),
    log: pino({ level: 'silent' }),
    outageLog: createOutageLog(),
  })
  await database.attempted
  return database
}

/** Leaves the server without a connection to give, whoever had one before. */
async function takeAllConnections(engine: SqlEngine, url: string): Promise<() => Promise<unknown>> {
  const taken: Admin[] = []
  const take = async () => void taken.push(await connectTo(url))
  await take()
  await vi.waitFor(async () => {
    for (let isFull = false; !isFull; ) {
      isFull = await take().then(
        () => false,
        () => true,
      )
    }
    const others = (await taken[0]?.query(engine.others)) ?? []
    const ours = new Set(await Promise.all(taken.map(async (admin) => (await admin.query(engine.own))[0]?.id)))
    const strangers = others.filter(({ id }) => !ours.has(id))
    for (const { id } of strangers) {
      await taken[0]?.query(engine.end(id)).catch(() => {})
      // At once, or the service, which wants it too, is first again.
      await vi.waitFor(take, { timeout: 200, interval: 1 }).catch(() => {})
    }
    expect(strangers).toEqual([])
  }, 20_000)
  return () => Promise.all(taken.map((admin) => admin.end()))
}
