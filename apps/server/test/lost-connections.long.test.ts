import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createNetwork } from './network.ts'
import { call, signIn, startProcess } from './process.ts'
import { environment, isAvailable } from './service.ts'

const EMULATOR = { WECHAT_EMULATOR: 'on' }

describe.skipIf(!isAvailable('shared'))('PostgreSQL', () => {
  test('PostgreSQL may end a connection in the middle of a sign-in: that one fails, and the service goes on', async () => {
    const env: Record<string, string> = { ...(await environment('shared')), ...EMULATOR }
    const service = startProcess(env)
    const address = await service.address
    await signIn(address, 'alice')
    const [other, admin] = [await connectTo(env.DATABASE_URL), await connectTo(env.DATABASE_URL)]
    await other.query('begin')
    await other.query('lock table weapp_auth_identities in access exclusive mode')
    const { data: login } = await call(`${address}/emulator/wx-login`, { body: { user: 'alice' } })
    const answer = call(`${address}/v1/sessions`, { body: login })
    await vi.waitFor(async () => {
      const { rowCount } = await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and query like '%weapp_auth_identities%' and wait_event_type = 'Lock'`)
      expect(rowCount).toBe(1)
    }, 3_500)
    expect(await answer).toMatchObject({ status: 503, data: { code: 'store_unavailable' } })
    await other.query('rollback')
    await signIn(address, 'alice')
    expect(service.child.exitCode).toBeNull()
  })

  test('PostgreSQL is used again soon after its connections were lost without a word', async () => {
    const env: Record<string, string> = { ...(await environment('shared')), ...EMULATOR }
    const network = await createNetwork(env.DATABASE_URL ?? '')
    const address = await startProcess({ ...env, DATABASE_URL: network.url }).address
    const { token } = await signIn(address, 'alice')
    network.lose()
    expect(await call(`${address}/v1/me`, { token })).toMatchObject({
      status: 503,
      data: { code: 'store_unavailable' },
    })
    await vi.waitFor(async () => expect((await call(`${address}/v1/me`, { token })).status).toBe(200), 10_000)
  })

  test('PostgreSQL may be busy with the migration of another process for as long as that takes', async () => {
    const env: Record<string, string> = { ...(await environment('shared')), ...EMULATOR }
    const other = await connectTo(env.DATABASE_URL)
    await other.query('begin')
    await other.query('select pg_advisory_xact_lock(3853314791062309107)') // Kysely's own
    const { address, child } = startProcess(env)
    await sleep(5_500) // Longer than any query of the service may take.
    expect(child.exitCode).toBeNull()
    await other.query('commit')
    await signIn(await address, 'alice')
  })

  test('PostgreSQL may take connections and not answer when the service starts', async () => {
    const frozen = createServer((socket) => void setTimeout(() => socket.destroy(), 200)).listen(0, '127.0.0.1')
    onTestFinished(() => void frozen.close())
    await once(frozen, 'listening')
    const { port } = frozen.address() as AddressInfo
    const service = startProcess({
      ...(await environment('shared')),
      ...EMULATOR,
      DATABASE_URL: `postgres://user@127.0.0.1:${port}/db`,
    })
    await vi.waitFor(() => expect(service.output()).toContain('(PostgreSQL) cannot be reached, trying again'), 15_000)
    expect(service.child.exitCode).toBeNull()
  })
})

test.skipIf(!isAvailable('shared'))(
  'Redis is used again soon after its connection was lost without a word',
  async () => {
    const env: Record<string, string> = { ...(await environment('shared')), ...EMULATOR }
    const network = await createNetwork(env.REDIS_URL ?? '')
    const address = await startProcess({ ...env, REDIS_URL: network.url }).address
    const { token } = await signIn(address, 'alice')
    network.lose()
    expect(await call(`${address}/v1/session`, { token })).toMatchObject({ status: 503 })
    await vi.waitFor(async () => expect((await call(`${address}/v1/session`, { token })).status).toBe(200), 10_000)
  },
)

async function connectTo(connectionString = ''): Promise<Client> {
  const client = new Client({ connectionString })
  await client.connect()
  onTestFinished(() => client.end())
  return client
}
