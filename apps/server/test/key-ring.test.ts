import { createSessionKeyVault, generateVaultKey, migrateUsers, openSqliteUsers } from '@weapp-auth/fastify'
import { expect, onTestFinished, test } from 'vitest'
import { parseConfig } from '../src/config.ts'
import { createReplaceableVault } from '../src/key-ring.ts'

const REAL_APP = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's' }

async function prepare({ isReady = true } = {}) {
  const db = openSqliteUsers(':memory:')
  onTestFinished(() => db.destroy())
  await migrateUsers(db, 'real')
  const { vault, take } = createReplaceableVault(createSessionKeyVault({ keys: generateVaultKey() }))
  const warned: string[] = []
  const takeKeyRing = take({ db, isReady: () => isReady }, (message) => warned.push(message))
  return { vault, warned, take: (keys: object) => takeKeyRing(parseConfig({ ...REAL_APP, ...keys })) }
}

test('a ring that the embedded stores have made themselves is not replaced', async () => {
  const { vault, take } = await prepare()
  const { ring } = vault
  const put = await take({})
  put()
  expect(vault.ring).toEqual(ring)
})

test('a ring is in use from when it is put, and not before', async () => {
  const { vault, take } = await prepare()
  const put = await take({ SESSION_KEY_KEYS: `k2:${Buffer.alloc(32, 2).toString('base64')}` })
  expect(vault.ring[0]?.kid).not.toBe('k2')
  put()
  expect(vault.ring).toMatchObject([{ kid: 'k2' }])
})

test('a ring that cannot be compared, because the database was not reached yet, is refused', async () => {
  const { take } = await prepare({ isReady: false })
  await expect(take({ SESSION_KEY_KEYS: generateVaultKey() })).rejects.toThrow('which was not reached yet')
})
