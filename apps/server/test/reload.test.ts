import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { generateVaultKey } from '@weapp-auth/fastify'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import type { Config } from '../src/config.ts'
import { parseConfig } from '../src/config.ts'
import { createReload, type TakeSecrets } from '../src/reload.ts'
import { readSecretFiles } from '../src/secret-files.ts'
import { openStores } from '../src/stores.ts'
import { environment } from './service.ts'

test('secrets that were read again reach every part of the service, and the log names their variables', async () => {
  const { env, write } = secretFiles({ WECHAT_SECRET: 'old', SESSION_KEY_KEYS: generateVaultKey() })
  const { part, taken } = recordingPart()
  const { log, lines } = recordingLog()
  const reload = createReload({ env, parts: Promise.resolve([part, part]), log })
  write('WECHAT_SECRET', 'new\n')
  await reload()
  expect(taken.map(({ apps }) => apps)).toEqual(Array(2).fill([{ appid: 'wx1', secrets: ['new'] }]))
  expect(lines).toEqual(['info the secrets in files were read again: WECHAT_SECRET, SESSION_KEY_KEYS'])
})

test.each([
  ['no key ring', 'SESSION_KEY_KEYS', 'k1:short', /SESSION_KEY_KEYS .*entry 1/],
  ['an empty file', 'WECHAT_SECRET', '', /WECHAT_SECRET_FILE: .* is empty/],
  [
    'two problems',
    'SESSION_KEY_KEYS',
    'k1:short',
    /SESSION_KEY_KEYS .*; SERVICE_PORT and SERVICE_TOKENS need each other/,
  ],
])('with %s all old secrets stay, and one line says why', async (what, name, text, why) => {
  const { env, write } = secretFiles(
    { WECHAT_SECRET: 'old', SESSION_KEY_KEYS: generateVaultKey() },
    { ...(what === 'two problems' && { SERVICE_PORT: '3001' }) },
  )
  const { part, taken } = recordingPart()
  const { log, lines } = recordingLog()
  const reload = createReload({ env, parts: Promise.resolve([part]), log })
  write(name === 'WECHAT_SECRET' ? 'SESSION_KEY_KEYS' : 'WECHAT_SECRET', generateVaultKey())
  write(name, text)
  await reload()
  expect(taken).toEqual([])
  expect(lines).toEqual([expect.stringMatching(/^error the secrets in files were not read again/)])
  expect(lines[0]).toMatch(why)
})

test('a part that refuses its new secret keeps the others from taking theirs', async () => {
  const { env } = secretFiles({ WECHAT_SECRET: 'old' })
  const { part, taken } = recordingPart()
  const { log, lines } = recordingLog()
  const refusing: TakeSecrets = async () => {
    throw new Error('the key k1 is another one')
  }
  await createReload({ env, parts: Promise.resolve([part, refusing]), log })()
  expect(taken).toEqual([])
  expect(lines).toEqual([expect.stringMatching(/^error .*the key k1 is another one$/)])
})

test('a changed secret that a running service cannot take over is named, until the service starts again', async () => {
  const { env, write } = secretFiles({ WECHAT_SECRET: 'old', REDIS_URL: 'redis://old' })
  const { log, lines } = recordingLog()
  const reload = createReload({ env, parts: Promise.resolve([]), log })
  write('REDIS_URL', 'redis://new')
  await reload()
  await reload()
  expect(lines.filter((line) => line.startsWith('warn'))).toEqual(
    Array(2).fill('warn REDIS_URL changed: that takes a restart'),
  )
})

test('secrets that a running service takes over, or that have not changed, take no restart', async () => {
  const digest = (n: number) => `shop:read:${`${n}`.repeat(64)}`
  const apps = (secret: string) => JSON.stringify([{ appid: 'wx1', secrets: [secret] }])
  const { env, write } = secretFiles({
    ...{ WECHAT_APPS: apps('old'), SESSION_KEY_KEYS: generateVaultKey(), SERVICE_TOKENS: digest(1) },
    REDIS_URL: 'redis://same',
  })
  const { WECHAT_APPID: _, ...rest } = env
  const { log, lines } = recordingLog()
  const reload = createReload({ env: { ...rest, SERVICE_PORT: '3001' }, parts: Promise.resolve([]), log })
  write('WECHAT_APPS', apps('new'))
  write('SESSION_KEY_KEYS', generateVaultKey())
  write('SERVICE_TOKENS', digest(2))
  await reload()
  write('REDIS_URL', 'redis://other')
  await reload()
  write('REDIS_URL', 'redis://same')
  await reload()
  expect(lines.map((line) => line.slice(0, 14))).toEqual([
    ...['info the secre', 'info the secre', 'warn REDIS_URL', 'info the secre'],
  ])
})

test('secrets that change while the service starts are read again when it is there', async () => {
  const { env, write } = secretFiles({ WECHAT_SECRET: 'first' })
  const { part, taken } = recordingPart()
  const parts = Promise.withResolvers<TakeSecrets[]>()
  const reloaded = createReload({ env, parts: parts.promise, log: recordingLog().log })()
  write('WECHAT_SECRET', 'second')
  expect(taken).toEqual([])
  parts.resolve([part])
  await reloaded
  expect(taken.map(({ apps }) => apps[0]?.secrets)).toEqual([['second']])
})

test('of two reloads the second begins when the first is done', async () => {
  const { env } = secretFiles({ WECHAT_SECRET: 's' })
  const steps: string[] = []
  const slow: TakeSecrets = async () => {
    steps.push('asked')
    await setImmediate()
    return () => void steps.push('put')
  }
  const reload = createReload({ env, parts: Promise.resolve([slow]), log: recordingLog().log })
  await Promise.all([reload(), reload()])
  expect(steps).toEqual(['asked', 'put', 'asked', 'put'])
})

test('a new key ring seals what comes next, still opens what was sealed, and another key under a used kid is refused', async () => {
  const { DATA_DIR = '' } = await environment('embedded')
  const old = `k1:${generateVaultKey().split(':')[1]}`
  const fresh = `k2:${generateVaultKey().split(':')[1]}`
  const { env, write } = secretFiles({ WECHAT_SECRET: 's', SESSION_KEY_KEYS: old }, { DATA_DIR })
  const stores = await openStores(parseConfig(readSecretFiles(env)), pino({ level: 'silent' }))
  onTestFinished(() => stores.close())
  const { log, lines } = recordingLog()
  const reload = createReload({ env, parts: Promise.resolve([stores.takeKeyRing]), log })
  const signIn = (sessionKey: string) =>
    stores.users.signIn('wx1', { openid: 'o1', unionid: null, sessionKey }, Date.now())
  const signedIn = await signIn(FIRST_KEY)
  const userId = 'user' in signedIn ? signedIn.user.id : ''
  const openKeys = async () => (await stores.users.findKeys(userId, 'wx1'))?.sessionKeys
  write('SESSION_KEY_KEYS', `${fresh},${old}`)
  await reload()
  expect(await openKeys()).toEqual([FIRST_KEY])
  await signIn(SECOND_KEY)

  write('SESSION_KEY_KEYS', `k1:${generateVaultKey().split(':')[1]}`)
  await reload()
  expect(lines.at(-1)).toMatch(/^error .*the key k1 of the key ring is not the key/)
  expect(await openKeys()).toEqual([SECOND_KEY, FIRST_KEY])

  // Without the old key only what the new one sealed can be opened.
  write('SESSION_KEY_KEYS', fresh)
  await reload()
  expect(await openKeys()).toEqual([SECOND_KEY])
})

const FIRST_KEY = Buffer.alloc(16, 1).toString('base64')
const SECOND_KEY = Buffer.alloc(16, 2).toString('base64')

/** An environment whose secrets stand in files of this test. */
function secretFiles(secrets: Record<string, string>, rest: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-secret-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  for (const [name, text] of Object.entries(secrets)) write(name, text)
  const files = Object.keys(secrets).map((name) => [`${name}_FILE`, join(folder, name)])
  return { env: { WECHAT_APPID: 'wx1', ...rest, ...Object.fromEntries(files) } as Record<string, string>, write }
}

function recordingPart() {
  const taken: Config[] = []
  const part: TakeSecrets = async (config) => () => void taken.push(config)
  return { part, taken }
}

function recordingLog() {
  const lines: string[] = []
  const log = pino(
    { base: null },
    { write: (line) => void lines.push(`${LEVELS[JSON.parse(line).level]} ${JSON.parse(line).msg}`) },
  )
  return { log, lines }
}

const LEVELS: Record<number, string> = { 30: 'info', 40: 'warn', 50: 'error' }
