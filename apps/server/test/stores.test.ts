import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateVaultKey } from '@weapp-auth/fastify'
import { pino } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parseConfig } from '../src/config.ts'
import { findServer, openStores, openVault, placeOf } from '../src/stores.ts'

const REAL_APP = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's' }

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-stores-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

describe('the key ring', () => {
  test('the key ring of embedded stores is made once, and only this user may read it', () => {
    const dataDir = makeFolder()
    const { ring } = openVault({ sessionKeyKeys: null, dataDir })
    expect(ring).toMatchObject([{ kid: 'k1' }])
    expect(statSync(join(dataDir, 'session-keys')).mode & 0o777).toBe(0o600)
    expect(openVault({ sessionKeyKeys: null, dataDir }).ring).toEqual(ring)
    expect(openVault({ sessionKeyKeys: null, dataDir: makeFolder() }).ring).not.toEqual(ring)
  })

  test('the key ring of SESSION_KEY_KEYS is the one in use, and none is made', () => {
    const dataDir = makeFolder()
    const sessionKeyKeys = generateVaultKey()
    expect(openVault({ sessionKeyKeys, dataDir }).ring[0]?.kid).toBe(sessionKeyKeys.split(':')[0])
    expect(readdirSync(dataDir)).toEqual([])
  })

  test('the key ring may end with a line break, and a damaged one is told by its file', () => {
    const dataDir = makeFolder()
    writeFileSync(join(dataDir, 'session-keys'), `${generateVaultKey()}\n`)
    expect(openVault({ sessionKeyKeys: null, dataDir }).ring).toHaveLength(1)
    writeFileSync(join(dataDir, 'session-keys'), 'k1:short')
    expect(() => openVault({ sessionKeyKeys: null, dataDir })).toThrow(/session-keys is damaged: restore it, or remove/)
  })

  test('a key ring that cannot be read is told as that, and nobody is advised to remove it', () => {
    const dataDir = makeFolder()
    mkdirSync(join(dataDir, 'session-keys'))
    expect(() => openVault({ sessionKeyKeys: null, dataDir })).toThrow(/^EISDIR/)
  })
})

test('the demonstration has keys of its own in Redis, and a world of its own in every store', () => {
  expect(placeOf({ emulator: true })).toEqual({ world: 'emulated', keyPrefix: 'weapp-auth-demo:' })
  expect(placeOf({ emulator: false })).toEqual({ world: 'real', keyPrefix: 'weapp-auth:' })
})

test('DATABASE_URL says which driver is loaded', async () => {
  expect((await findServer('mysql://u@h/d')).name).toBe('MySQL')
  expect((await findServer('postgresql://u@h/d')).name).toBe('PostgreSQL')
})

test.each([
  ['is told that only one process may run', { REDIS_URL: 'redis://127.0.0.1:1' }, ['sessions are in Redis but users']],
  ['without a server is told nothing', {}, []],
])('the operator of embedded users %s', async (_, env, told) => {
  const lines: string[] = []
  const log = pino({ level: 'warn' }, { write: (line) => void lines.push(JSON.parse(line).msg) })
  const stores = await openStores(parseConfig({ ...REAL_APP, ...env, DATA_DIR: makeFolder() }), log)
  await stores.close()
  const warnings = lines.filter((line) => !line.includes('cannot be reached'))
  expect(warnings.map((line) => line.slice(0, 31))).toEqual(told)
})
