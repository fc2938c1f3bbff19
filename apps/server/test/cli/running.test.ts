import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createSessionKeyVault, createSqlUserStore, openSqliteUsers } from '@weapp-auth/fastify'
import { describe, expect, inject, test } from 'vitest'
import { operator } from '../../src/cli/operator.ts'
import { runCli } from '../../src/cli/program.ts'
import { startEmbedded } from './embedded.ts'
import { makeFolder } from './folder.ts'
import { run } from './run.ts'

describe('while the service runs on embedded stores', () => {
  test('a service that runs on embedded stores does an import itself, and is not stopped for it', async () => {
    const { dir, env, app } = await startEmbedded()
    const file = join(dir, 'users.csv')
    writeFileSync(file, 'external_id,appid,openid,phone,nickname\n17,wx1,oA,13800138000,小明\n18,wx9,oB,,\n')
    const { code, out } = await run(['import', file, '--json'], env)
    expect({ code, ...JSON.parse(out) }).toMatchObject({ code: 1, made: 1, refused: 1 })
    const user = await app.weappAuth.findUserByExternalId('17')
    expect(user?.profile.nickname).toBe('小明')
    expect(await app.weappAuth.findPhone(user?.id ?? '')).toEqual({
      number: '13800138000',
      countryCode: '86',
      isProven: false,
    })
    expect(await app.weappAuth.listEvents({ limit: 10, type: 'imported' })).toMatchObject([
      { by: operator(), userId: null, data: { made: 1, filled: 0, done: 0, refused: 1 } },
    ])
  })

  test.runIf(inject('redisUrl'))(
    'a service that has only its users embedded does an import itself too, and is not stopped for it',
    async () => {
      const settings = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's', REDIS_URL: inject('redisUrl') ?? '' }
      const { dir, env, app } = await startEmbedded(undefined, settings)
      const file = join(dir, 'users.csv')
      writeFileSync(file, 'external_id\n17\n')
      expect(await run(['import', file], env)).toMatchObject({ code: 0, err: '' })
      expect(await app.weappAuth.findUserByExternalId('17')).not.toBeNull()
    },
  )

  test('a service that runs on embedded stores rotates the keys itself, with the ring that it has', async () => {
    const [old, next] = makeKeys()
    const settings = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's' }
    const { dir, app, close } = await startEmbedded(undefined, { ...settings, SESSION_KEY_KEYS: old })
    const { id } = await app.weappAuth.createUser()
    await app.weappAuth.setPhone(id, { number: '13800138000', countryCode: '86' })
    await close()
    const { env } = await startEmbedded(dir, { ...settings, SESSION_KEY_KEYS: `${next},${old}` })
    const rotate = () => run(['keys', 'rotate', '--json'], env)
    expect(await rotate()).toMatchObject({ code: 0, out: '{"sealed":1,"closed":0,"unused":["k1"]}\n' })
    expect(await rotate()).toMatchObject({ code: 0, out: '{"sealed":0,"closed":0,"unused":[]}\n' })
  })

  test('a terminal shows how far a rotation of keys is, on a line that is gone at the end', async () => {
    const [old, next] = makeKeys()
    const dir = makeFolder()
    const env = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's', DATA_DIR: dir }
    const file = join(dir, 'users.csv')
    writeFileSync(file, 'phone\n13800138000\n13800138001\n')
    await run(['import', file], { ...env, SESSION_KEY_KEYS: old })
    const service = await startEmbedded(dir, { ...env, SESSION_KEY_KEYS: `${next},${old}` })
    const written: string[] = []
    const stderr = { isTTY: true, write: (text: string) => written.push(text) }
    await runCli(['keys', 'rotate'], { env: { LANG: 'C', ...service.env }, stdout: { write: () => {} }, stderr })
    expect(written[0]).toMatch(/^\r[02] of 2 sealed anew$/)
    expect(written.at(-1)).toMatch(/^\r +\r$/)
  })
})

test.each([
  ['before it answers', ''],
  ['in the middle of its answer', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"users":'],
])('a command fails when the running service ends %s, and keeps no connection open', async (_, answered) => {
  const env = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's', DATA_DIR: makeFolder() }
  const server = createServer((socket) => void socket.on('error', () => {}).once('data', () => socket.end(answered)))
  await new Promise<void>((resolve) => server.listen(join(env.DATA_DIR, 'operator.sock'), resolve))
  const { code, out, err } = await run(['users', 'list'], env)
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toMatch(/^weapp-auth: (socket hang up|aborted)\n$/)
  // A connection that is left would keep the command from ending, and this from closing.
  await new Promise((resolve) => server.close(resolve))
})

describe('weapp-auth keys', () => {
  test('weapp-auth keys new prints an entry of the ring', async () => {
    const { out, err } = await run(['keys', 'new'])
    expect(out).toMatch(/^[0-9a-f]{8}:[A-Za-z0-9+/]{43}=\n$/)
    expect(err).toContain('weapp-auth keys rotate')
  })

  test('weapp-auth keys rotate seals everything under the first key, names the key that may go, and finds nothing to do afterwards', async () => {
    const dir = makeFolder()
    const env = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's', DATA_DIR: dir }
    const [old, next] = makeKeys()
    const file = join(dir, 'users.csv')
    writeFileSync(file, `phone\n${Array.from({ length: 300 }, (_, n) => 13_800_138_000 + n).join('\n')}\n`)
    await run(['import', file], { ...env, SESSION_KEY_KEYS: old })

    const rotated = await run(['keys', 'rotate'], { ...env, SESSION_KEY_KEYS: `${next},${old}` })
    expect(rotated.code).toBe(0)
    expect(rotated.out).toMatch(/^300 rows were sealed anew.*\nnothing is sealed with k1 any more: .*\n$/)
    // The old key is gone, and so is the warning about it.
    const after = await run(['import', file, '--json'], { ...env, SESSION_KEY_KEYS: next })
    expect(after).toMatchObject({ code: 0, out: expect.stringContaining('"done":300'), err: '' })
  })

  test('weapp-auth keys rotate without the key that sealed is a failure that says so', async () => {
    const dir = makeFolder()
    const env = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's', DATA_DIR: dir }
    const [old, next] = makeKeys()
    const file = join(dir, 'users.csv')
    writeFileSync(file, 'phone\n13800138000\n')
    await run(['import', file], { ...env, SESSION_KEY_KEYS: old })
    const { code, err } = await run(['keys', 'rotate'], { ...env, SESSION_KEY_KEYS: next })
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('k1') })
  })

  test('weapp-auth keys rotate leaves what no key of the ring opens as it is, and is a failure that counts it', async () => {
    const [old, next] = makeKeys()
    const env = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's', DATA_DIR: makeFolder() }
    await run(['migrate'], env)
    const db = openSqliteUsers(join(env.DATA_DIR, 'users.sqlite'))
    const users = createSqlUserStore({ db, vault: createSessionKeyVault({ keys: old }) })
    await users.signIn('wx1', { openid: 'o1', unionid: null, sessionKey: 'aGVsbG8=' }, 1)
    await db.destroy()
    const rotate = (SESSION_KEY_KEYS: string) => run(['keys', 'rotate'], { ...env, SESSION_KEY_KEYS })
    expect(await rotate(next)).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^0 rows were sealed anew.*\n1 rows stay as they are: .*\n$/),
    })
    expect(await rotate(`${next},${old}`)).toMatchObject({ code: 0, out: expect.stringMatching(/^1 rows were sealed/) })
  })
})

/** Two entries of a key ring. */
function makeKeys(): [old: string, next: string] {
  const [old = '', next = ''] = [1, 2].map((n) => `k${n}:${Buffer.alloc(32, n).toString('base64')}`)
  return [old, next]
}
