import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createOutageLog, createSessionKeyVault, generateVaultKey } from '@weapp-auth/fastify'
import { type OwnServer, startPostgres } from '@weapp-auth/test-servers'
import { CompiledQuery } from 'kysely'
import { Client } from 'pg'
import { pino } from 'pino'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { postgresServer } from '../src/postgres.ts'
import { openUserDatabase, type UserDatabase } from '../src/user-database.ts'
import { startLoaded } from './load.ts'
import { createNetwork } from './network.ts'
import { call, startProcess } from './process.ts'
import { environment, isAvailable } from './service.ts'

const UNAVAILABLE = { status: 503, code: 'store_unavailable', retryAfter: '1' }
const GUARDED = '/v1/verify'
const READS_USERS = '/v1/me'

describe.skipIf(!isAvailable('shared'))('PostgreSQL', () => {
  let postgres: OwnServer
  beforeAll(async () => {
    postgres = await startPostgres(['max_connections=16'])
    return () => postgres.stop()
  })

  test('down under load: whoever is signed in notices nothing, users are 503, and all is back within a second', async () => {
    const service = await startLoaded(await environment('shared', postgres.url), [READS_USERS, GUARDED])
    await postgres.kill('SIGQUIT')
    expect(await service.seen(503, READS_USERS)).toMatchObject(UNAVAILABLE)
    const [login, ready] = await Promise.all([service.signIn(), service.ask('/readyz')])
    expect(login).toMatchObject(UNAVAILABLE)
    expect(ready.status).toBe(200)
    // A code that cannot become a user is not spent.
    expect(login.exchanges).toBe(0)
    await postgres.start()
    await service.recovered()
    await service.settle()
    expect(service.answers.filter(({ path, status }) => path === GUARDED && status !== 204)).toEqual([])
  })

  test('restarted under load: the same, and no connection that broke ends the process', async () => {
    const service = await startLoaded(await environment('shared', postgres.url), [READS_USERS, GUARDED])
    await postgres.kill('SIGINT')
    await service.seen(503, READS_USERS)
    await postgres.start()
    await service.recovered()
    await service.settle()
    expect(service.answers.filter(({ path, status }) => path === GUARDED && status !== 204)).toEqual([])
  })

  test('gone without a word: 503 within a second, and the guard as fast as ever', async () => {
    const network = await createNetwork(postgres.url)
    const service = await startLoaded(await environment('shared', network.url), [READS_USERS, GUARDED])
    network.vanish()
    expect(await service.seen(503, READS_USERS)).toMatchObject(UNAVAILABLE)
    await service.settle()
    expect(service.answers.filter(({ path, status }) => path === GUARDED && status !== 204)).toEqual([])
  })

  test('gone while WeChat answers: 503 within a second of it, and their code was sent once', async () => {
    const network = await createNetwork(postgres.url)
    const service = await startLoaded(await environment('shared', network.url), [GUARDED])
    service.world.ledger.onEntry(({ event }) => {
      if (event === 'jscode2session') network.vanish()
    })
    await expect.poll(() => service.signIns.find(({ status }) => status === 503)).toMatchObject(UNAVAILABLE)
    await service.settle()
    expect(service.signIns.filter(({ status, exchanges }) => status === 503 && exchanges === 1)).not.toEqual([])
  })

  test('held up by a lock while somebody signs in: they wait for it', async () => {
    const variables = await environment('shared', postgres.url)
    const service = await startLoaded(variables, [GUARDED])
    const admin = new Client({ connectionString: variables.DATABASE_URL ?? '' })
    await admin.connect()
    onTestFinished(() => admin.end())
    await admin.query('begin')
    await admin.query('lock table weapp_auth_identities in access exclusive mode')
    const login = service.signIn()
    await sleep(1_500) // More than the service waits for a database that is gone.
    await admin.query('commit')
    expect(await login).toMatchObject({ status: 201, exchanges: 1 })
  })

  test('there all the time is not taken for gone by a process that is late itself', async () => {
    const { answers, close } = open(postgres.url)
    onTestFinished(close)
    const heard = answers()
    const end = performance.now() + 1_000
    while (performance.now() < end);
    expect(await heard).toBe(true)
  })

  test('50 ms away: slower, and nothing else', async () => {
    const network = await createNetwork(postgres.url)
    const service = await startLoaded(await environment('shared', network.url), [READS_USERS, GUARDED])
    network.delay(50)
    await expect.poll(() => service.answers.findLast(({ path }) => path === READS_USERS)?.ms).toBeGreaterThan(50)
    expect((await service.signIn()).status).toBe(201)
    await service.settle()
    expect(service.answers.filter(({ status }) => status >= 300)).toEqual([])
  })

  test('out of connections: users are 503, the guard is not, and a connection that is free again is used', async () => {
    const service = await startLoaded(await environment('shared', postgres.url), [READS_USERS, GUARDED])
    const release = await takeAllConnections(postgres.url)
    expect(await service.seen(503, READS_USERS)).toMatchObject(UNAVAILABLE)
    expect(await service.signIn()).toMatchObject(UNAVAILABLE)
    await release()
    await service.recovered()
    await service.settle()
    expect(service.answers.filter(({ path, status }) => path === GUARDED && status !== 204)).toEqual([])
  })

  test('away when the service starts: it listens, says what is missing, and goes on by itself', async () => {
    const variables = await environment('shared', postgres.url)
    await postgres.kill()
    const service = startProcess({ ...variables, WECHAT_EMULATOR: 'on' })
    const address = await service.listening
    expect(service.output()).toMatch(
      /"reason":"[^"]*ECONNREFUSED[^"]*","msg":"the user store \(PostgreSQL\) cannot be reached/,
    )
    expect((await call(`${address}/livez`)).status).toBe(200)
    expect(await call(`${address}/readyz`)).toEqual({
      status: 503,
      data: { status: 'unavailable', stores: { sessions: 'up', users: 'down' } },
    })
    const { data: login } = await call(`${address}/emulator/wx-login`, { body: { user: 'alice' } })
    const refused = await call(`${address}/v1/sessions`, { body: login })
    expect(refused).toMatchObject({ status: 503, data: { code: 'store_unavailable' } })
    await postgres.start()
    await service.address
    expect((await call(`${address}/v1/sessions`, { body: login })).status).toBe(201)
  })

  test('gone without a word when the service is told to stop: it stops soon, with exit code 0', async () => {
    const variables = await environment('shared', postgres.url)
    const network = await createNetwork(variables.DATABASE_URL ?? '')
    const service = startProcess({ ...variables, WECHAT_EMULATOR: 'on', DATABASE_URL: network.url })
    const address = await service.address
    const { data: login } = await call(`${address}/emulator/wx-login`, { body: { user: 'alice' } })
    network.lose()
    const answer = call(`${address}/v1/sessions`, { body: login })
    await vi.waitFor(() => expect(service.output()).toContain('/v1/sessions'))
    const startMs = performance.now()
    service.child.kill('SIGTERM')
    expect(await service.ended).toBe(0)
    expect(performance.now() - startMs).toBeLessThan(5_000)
    expect((await answer).status).toBe(503)
  })

  test('refusing the service: the log says why, and the process stays to be let in', async () => {
    const url = new URL(postgres.url)
    url.username = 'nobody_like_that'
    const service = startProcess({ ...(await environment('shared')), DATABASE_URL: url.href, WECHAT_EMULATOR: 'on' })
    const address = await service.listening
    expect(service.output()).toMatch(
      /nobody_like_that.*the user store \(PostgreSQL\) refuses the service, trying again/,
    )
    expect((await call(`${address}/readyz`)).status).toBe(503)
    service.child.kill('SIGTERM')
    expect(await service.ended).toBe(0)
  })

  test('is asked for nothing at the start that PgBouncer refuses, and ends a statement nobody waits for', async () => {
    const parameters: string[] = []
    const bouncer = createServer((socket) =>
      socket.once('data', (packet) => {
        parameters.push(
          ...packet
            .subarray(8)
            .toString()
            .split('\0')
            .filter((_, index) => index % 2 === 0),
        )
        socket.destroy()
      }),
    ).listen(0, '127.0.0.1')
    onTestFinished(() => void bouncer.close())
    await once(bouncer, 'listening')
    const { port } = bouncer.address() as AddressInfo
    const refused = open(`postgres://a@127.0.0.1:${port}/b`)
    await refused.attempted
    await refused.close()
    // What PgBouncer takes: https://www.pgbouncer.org/config.html#ignore_startup_parameters
    expect(new Set(parameters.filter(Boolean))).toEqual(new Set(['user', 'database', 'client_encoding']))

    const { DATABASE_URL = '' } = await environment('shared', postgres.url)
    const { db, attempted, close } = open(DATABASE_URL)
    await attempted
    const { rows } = await db.executeQuery(CompiledQuery.raw('show statement_timeout'))
    expect(rows).toEqual([{ statement_timeout: '4s' }])
    await close()
  })
})

function open(url: string): UserDatabase {
  return openUserDatabase({
    server: postgresServer(url),
    vault: createSessionKeyVault({ keys: generateVaultKey() }),
    log: pino({ level: 'silent' }),
    outageLog: createOutageLog(),
  })
}

/** Leaves the server without a connection to give, whoever had one before. */
async function takeAllConnections(connectionString: string): Promise<() => Promise<unknown>> {
  const taken: Client[] = []
  const take = async () => {
    const client = new Client({ connectionString, application_name: 'taker' })
    await client.connect()
    taken.push(client)
    return client
  }
  const admin = await take()
  const others = "from pg_stat_activity where backend_type = 'client backend' and application_name <> 'taker'"
  await vi.waitFor(async () => {
    await admin.query(`select pg_terminate_backend(pid) ${others}`)
    for (let isFull = false; !isFull; )
      isFull = await take().then(
        () => false,
        () => true,
      )
    expect((await admin.query(`select 1 ${others}`)).rowCount).toBe(0)
  }, 10_000)
  return () => Promise.all(taken.map((client) => client.end()))
}
