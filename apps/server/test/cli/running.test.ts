import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
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
  })

  test('a service that runs on embedded stores rotates the keys itself, with the ring that it has', async () => {
    const { env, app } = await startEmbedded()
    const { id } = await app.weappAuth.createUser()
    await app.weappAuth.setPhone(id, { number: '13800138000', countryCode: '86' })
    expect(await run(['keys', 'rotate', '--json'], env)).toMatchObject({
      code: 0,
      out: '{"sealed":0,"closed":0,"unused":[]}\n',
    })
  })
})

describe('weapp-auth keys', () => {
  test('weapp-auth keys new prints an entry of the ring', async () => {
    expect((await run(['keys', 'new'])).out).toMatch(/^[0-9a-f]{8}:[A-Za-z0-9+/]{43}=\n$/)
  })

  test('weapp-auth keys rotate seals everything under the first key, names the key that may go, and finds nothing to do afterwards', async () => {
    const dir = makeFolder()
    const env = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's', DATA_DIR: dir }
    const [old, next] = [1, 2].map((n) => `k${n}:${Buffer.alloc(32, n).toString('base64')}`) as [string, string]
    const file = join(dir, 'users.csv')
    writeFileSync(file, `phone\n${Array.from({ length: 300 }, (_, n) => 13_800_138_000 + n).join('\n')}\n`)
    await run(['import', file], { ...env, SESSION_KEY_KEYS: old })

    const rotated = await run(['keys', 'rotate'], { ...env, SESSION_KEY_KEYS: `${next},${old}` })
    expect(rotated.code).toBe(0)
    expect(rotated.out).toContain('300 rows were sealed anew')
    expect(rotated.out).toContain('nothing is sealed with k1 any more')
    // The old key is gone, and so is the warning about it.
    const after = await run(['import', file, '--json'], { ...env, SESSION_KEY_KEYS: next })
    expect(after).toMatchObject({ code: 0, out: expect.stringContaining('"done":300'), err: '' })
  })

  test('weapp-auth keys rotate without the key that sealed is a failure that says so', async () => {
    const dir = makeFolder()
    const env = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's', DATA_DIR: dir }
    const [old, next] = [1, 2].map((n) => `k${n}:${Buffer.alloc(32, n).toString('base64')}`) as [string, string]
    const file = join(dir, 'users.csv')
    writeFileSync(file, 'phone\n13800138000\n')
    await run(['import', file], { ...env, SESSION_KEY_KEYS: old })
    const { code, err } = await run(['keys', 'rotate'], { ...env, SESSION_KEY_KEYS: next })
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('k1') })
  })
})
