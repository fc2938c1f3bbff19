import { Client } from 'pg'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { call, signIn, startProcess } from './process.ts'
import { environment, isAvailable } from './service.ts'

const EMULATOR = { WECHAT_EMULATOR: 'on' }

describe.skipIf(!isAvailable('shared'))('PostgreSQL', () => {
  test('may end a connection in the middle of a sign-in: that one fails, and the service goes on', async () => {
    const env = { ...(await environment('shared')), ...EMULATOR }
    const service = startProcess(env)
    const address = await service.address
    await signIn(address, 'alice')
    const [other, admin] = [await connectTo(env.DATABASE_URL), await connectTo(env.DATABASE_URL)]
    await other.query('begin')
    await other.query('lock table identities in access exclusive mode')
    const { data: login } = await call(`${address}/emulator/wx-login`, { body: { user: 'alice' } })
    const answer = call(`${address}/v1/sessions`, { body: login })
    await vi.waitFor(async () => {
      const { rowCount } = await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and query like 'insert into%' and wait_event_type = 'Lock'`)
      expect(rowCount).toBe(1)
    })
    expect(await answer).toMatchObject({ status: 503, data: { code: 'store_unavailable' } })
    await other.query('rollback')
    await signIn(address, 'alice')
    expect(service.child.exitCode).toBeNull()
  })
})

async function connectTo(connectionString = ''): Promise<Client> {
  const client = new Client({ connectionString })
  await client.connect()
  onTestFinished(() => client.end())
  return client
}
