import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateVaultKey } from '@weapp-auth/fastify'
import { findFreePort } from '@weapp-auth/test-servers'
import { Cluster } from 'ioredis'
import { pino } from 'pino'
import { describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { parseConfig } from '../src/config.ts'
import { findServer, openAvatarStore, openStores, openVault, placeOf } from '../src/stores.ts'
import { createNetwork } from './network.ts'
import { connectTo, copyMigratedDatabase, POSTGRES } from './sql.ts'

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

  test('a key ring is never written over one that another process has made at the same moment', () => {
    const dataDir = makeFolder()
    // A link to nothing: the look for the file finds none, and the write that follows meets the link.
    symlinkSync(join(dataDir, 'elsewhere'), join(dataDir, 'session-keys'))
    expect(() => openVault({ sessionKeyKeys: null, dataDir })).toThrow(/^EEXIST/)
    expect(readdirSync(dataDir)).toEqual(['session-keys'])
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

const RING = { SESSION_KEY_KEYS: generateVaultKey() }
const REDIS_URL = 'redis://127.0.0.1:1'
const DATABASE_URL = 'postgres://user@127.0.0.1:1/db'
const NO_REDIS = 'the session store (Redis) cannot be reached, trying again'
const NO_DATABASE = 'the user store (PostgreSQL) cannot be reached, trying again'

test.each<[string, Record<string, string>, string[], boolean]>([
  ['one process alone', {}, [], true],
  ['sessions in Redis', { REDIS_URL }, [NO_REDIS, 'sessions are in Redis but users'], true],
  ['users in a database', { DATABASE_URL, ...RING }, [NO_DATABASE, 'avatars are kept in'], true],
  [
    'a service whose data are all elsewhere',
    { REDIS_URL, DATABASE_URL, ...RING, AVATAR_S3_URL: 'https://id:secret@pics.example.com' },
    // The other one is told a second later.
    ['cannot be reached, trying again'],
    false,
  ],
])(
  'the operator of %s is told what is wrong by the time it has started, and a folder is made where it is needed',
  async (_, env, told, hasFolder) => {
    const dataDir = join(makeFolder(), 'data')
    const { log, lines } = listen()
    const stores = await openStores(parseConfig({ ...REAL_APP, ...env, DATA_DIR: dataDir }), log)
    onTestFinished(() => stores.close())
    expect(lines).toHaveLength(told.length)
    for (const line of told) expect(lines.join('\n')).toContain(line)
    expect(existsSync(dataDir)).toBe(hasFolder)
    if (!env.DATABASE_URL) return
    await expect(stores.users.ping()).rejects.toThrow('the user store was not reached since the start')
  },
)

test('a file of DATA_DIR that others could read is told in the log', async () => {
  const dataDir = makeFolder()
  writeFileSync(join(dataDir, 'session-keys'), generateVaultKey(), { mode: 0o644 })
  const { log, lines } = listen()
  const stores = await openStores(parseConfig({ ...REAL_APP, DATA_DIR: dataDir }), log)
  onTestFinished(() => stores.close())
  expect(lines).toEqual([expect.stringContaining('could be read by other users of this machine')])
})

test('events wait for delivery only where there is an EVENTS_URL', async () => {
  const hook = { EVENTS_URL: 'https://crm.example.com/', HOOK_SECRET: '0123456789abcdef' }
  for (const [env, isKept] of [
    [{}, false],
    [hook, true],
  ] as const) {
    const stores = await openStores(parseConfig({ ...REAL_APP, ...env, DATA_DIR: makeFolder() }), listen().log)
    onTestFinished(() => stores.close())
    expect(stores.events.store.queue !== null).toBe(isKept)
  }
})

test('what the operator should change about Redis is told in the log', async () => {
  const { log, lines } = listen(/slot/)
  const stores = await openStores(parseConfig({ ...REAL_APP, DATA_DIR: makeFolder() }), log)
  onTestFinished(() => stores.close())
  const seeds = [{ host: '127.0.0.1', port: 1 }]
  stores.openSessions(new Cluster(seeds, { lazyConnect: true, enableAutoPipelining: true }))
  expect(lines).toEqual([expect.stringContaining('create the Cluster client without enableAutoPipelining')])
})

test('stores that were closed answer nothing any more', async () => {
  const embedded = await openStores(parseConfig({ ...REAL_APP, DATA_DIR: makeFolder() }), listen().log)
  const { sessions } = embedded.openSessions(null)
  const ask = [() => embedded.users.listUsers({ after: null, limit: 1 }), () => sessions.ping()]
  for (const each of ask) await each()
  await embedded.close()
  for (const each of ask) await expect(each()).rejects.toThrow()
})

test('avatars are kept in DATA_DIR/avatars', async () => {
  const dataDir = makeFolder()
  const store = await openAvatarStore({ avatarS3Url: null, dataDir })
  await store.put(`${'a'.repeat(64)}`, Buffer.from('a picture'))
  expect(readdirSync(join(dataDir, 'avatars'))).toHaveLength(1)
})

describe.each([
  ['embedded', null],
  ['in PostgreSQL', inject('databaseUrl')],
])('users %s', (where, server) => {
  const isThere = where === 'embedded' || server !== null
  async function place() {
    const dataDir = makeFolder()
    const url = server && (await copyMigratedDatabase(server))
    return { DATA_DIR: dataDir, ...(url && { DATABASE_URL: url, AVATAR_S3_URL: 'https://id:secret@pics.example.com' }) }
  }

  test.skipIf(!isThere)(`a key that is missing from the key ring is told in the log: users ${where}`, async () => {
    const env = { ...REAL_APP, ...(await place()) }
    const [first, second, third] = [generateVaultKey(), generateVaultKey(), generateVaultKey()]
    const { log, lines } = listen(/key ring|is there/)
    await (await openStores(parseConfig({ ...env, SESSION_KEY_KEYS: first }), log)).close()
    expect(lines).toEqual([])
    const stores = await openStores(parseConfig({ ...env, SESSION_KEY_KEYS: second }), log)
    onTestFinished(() => stores.close())
    const missing = (key: string) => `are missing from the key ring: ${key.split(':')[0]}`
    await vi.waitFor(() => expect(lines).toEqual([expect.stringContaining(missing(first))]))
    await vi.waitFor(() => stores.users.ping())
    await stores.takeKeyRing(parseConfig({ ...env, SESSION_KEY_KEYS: `${first},${third}` }))
    expect(lines).toHaveLength(2)
    expect(lines[1]).toContain(missing(second))
  })

  test.skipIf(!isThere)(`the start is refused where the users are of the demonstration: users ${where}`, async () => {
    const env = { ...(await place()), ...RING }
    const { log } = listen()
    await (await openStores(parseConfig({ ...env, WECHAT_EMULATOR: 'on' }), log)).close()
    await expect(openStores(parseConfig({ ...env, ...REAL_APP }), log)).rejects.toThrow(/emulat/)
  })
})

describe.skipIf(inject('databaseUrl') === null)('a database of users', () => {
  test('a database that starts after the service is used as soon as it is there; that it was away, and that it is there, is logged once', async () => {
    const url = new URL(await copyMigratedDatabase(inject('databaseUrl') ?? ''))
    const port = await findFreePort()
    const late = Object.assign(new URL(url), { host: `127.0.0.1:${port}` })
    const { log, lines } = listen()
    const env = { ...REAL_APP, ...RING, DATABASE_URL: late.href, AVATAR_S3_URL: 'https://id:secret@pics.example.com' }
    const stores = await openStores(parseConfig({ ...env, DATA_DIR: makeFolder() }), log)
    onTestFinished(() => stores.close())
    await createNetwork(url.href, { port })
    await vi.waitFor(() => stores.users.ping(), 10_000)
    const told = [NO_DATABASE, 'the user store (PostgreSQL) is there']
    await vi.waitFor(() => expect(lines).toEqual(told), 10_000)
  })

  test('a service that stops leaves no connection to its database behind', async () => {
    const url = await copyMigratedDatabase(inject('databaseUrl') ?? '')
    const env = { ...REAL_APP, ...RING, DATABASE_URL: url, DATA_DIR: makeFolder() }
    const stores = await openStores(parseConfig(env), listen().log)
    await vi.waitFor(() => stores.users.ping(), 10_000)
    const admin = await connectTo(url)
    const count = async () => (await admin.query(`${POSTGRES.others} and datname = current_database()`)).length
    expect(await count()).toBe(1)
    await stores.close()
    await vi.waitFor(async () => expect(await count()).toBe(0), 3_000)
  })
})

/** A log of which the lines about something are kept. */
function listen(about = /./) {
  const lines: string[] = []
  const write = (line: string) => {
    const { msg } = JSON.parse(line)
    if (about.test(msg)) lines.push(msg)
  }
  return { lines, log: pino({ level: 'info' }, { write }) }
}
