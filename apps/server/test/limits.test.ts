import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { call } from './process.ts'
import { environment, isAvailable, type Service, startService } from './service.ts'

async function signIn({ world, baseUrl }: Service) {
  const appid = world.apps[0]?.appid ?? ''
  const { code } = world.login('alice', appid)
  return call(`${baseUrl}/v1/sessions`, { body: { appid, code } })
}

test('SESSION_LIMIT is how many sessions a user may have', async () => {
  const service = await startService({ ...(await environment('embedded')), SESSION_LIMIT: '1' })
  const { data: oldest } = await signIn(service)
  expect((await signIn(service)).status).toBe(201)
  expect((await call(`${service.baseUrl}/v1/me`, { token: oldest.token })).data).toMatchObject({ reason: 'limit' })
})

test.skipIf(!isAvailable('shared'))('sign-ins are counted in Redis, for all processes together', async () => {
  const rateLimits = { signInsPerMinute: 1, keyPrefix: `test-${randomUUID()}:` }
  const start = async () => startService(await environment('shared'), () => {}, { rateLimits })
  const [one, other] = [await start(), await start()]
  expect((await signIn(one)).status).toBe(201)
  expect(await signIn(other)).toMatchObject({ status: 429, data: { code: 'rate_limited' } })
})
