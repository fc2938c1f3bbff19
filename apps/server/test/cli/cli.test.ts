import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { migrateUsers, openSqliteUsers } from '@weapp-auth/fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makeFolder } from './folder.ts'
import { run } from './run.ts'

const MAIN = fileURLToPath(new URL('../../bundle/weapp-auth.js', import.meta.url))
const REAL_APP = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 'canary-1' }

describe('weapp-auth', () => {
  test('a command that does not exist is wrong use, and the output lists those that do', async () => {
    const { code, out, err } = await run(['tokn'])
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain("unknown command 'tokn'")
    expect(err).toMatch(/^ {2}token /m)
  })

  test('--help goes to stdout and is no failure, in Chinese where the terminal is', async () => {
    const out = expect.stringMatching(/^Usage: weapp-auth \[options\][\s\S]*make a token/)
    expect(await run(['--help'])).toMatchObject({ code: 0, out, err: '' })
    expect((await run(['--help'], { LANG: 'zh_CN.UTF-8' })).out).toContain('生成令牌')
    expect((await run(['--lang', 'zh', '--help'])).out).toContain('生成令牌')
    expect((await run(['--lang=zh', '--help'])).out).toContain('生成令牌')
    // As every program: the first of these that is set.
    for (const [LC_ALL, LC_MESSAGES, isChinese] of [
      ['zh_CN.UTF-8', 'C', true],
      ['C', 'zh_CN.UTF-8', false],
      ['', 'zh_CN.UTF-8', true],
      ['', '', false],
    ] as const) {
      expect((await run(['--help'], { LC_ALL, LC_MESSAGES })).out.includes('生成令牌')).toBe(isChinese)
    }
  })

  test('a language that does not exist is wrong use', async () => {
    expect(await run(['--lang', 'fr', 'migrate'])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^weapp-auth: .*en, zh, not fr\n$/),
    })
    expect(await run(['--lang'])).toMatchObject({ code: 2, out: '' })
    expect(await run(['--lang=', 'migrate'])).toMatchObject({ code: 2, out: '' })
  })

  test('a configuration that cannot be used is a failure that names every problem, and no secret', async () => {
    const { code, err } = await run(['migrate'], { ...REAL_APP, PORT: 'x', REDIS_URL: 'x' })
    expect(code).toBe(1)
    expect(err).toMatch(/PORT[\s\S]*REDIS_URL/)
    expect(err).not.toContain('canary')
  })

  test('weapp-auth as a program of its own prints, and ends with its exit code', async () => {
    const start = promisify(execFile)
    const ended = await start(process.execPath, [MAIN, 'token', 'shop', '--scopes', 'read'], { env: { LANG: 'C' } })
    expect(ended.stdout).toMatch(/^[\w-]{43}\nshop:read:[0-9a-f]{64}\n$/)
    await expect(start(process.execPath, [MAIN, 'token'], { env: { LANG: 'C' } })).rejects.toMatchObject({ code: 2 })
  })
})

describe('weapp-auth token', () => {
  test('weapp-auth token prints a new token once, and the entry of SERVICE_TOKENS that holds its digest and nothing else of it', async () => {
    const { code, out, err } = await run(['token', 'shop-backend', '--scopes', 'read+issue'])
    const [token = '', entry = ''] = out.split('\n')
    expect(code).toBe(0)
    expect(Buffer.from(token, 'base64url')).toHaveLength(32)
    expect(entry).toBe(`shop-backend:read+issue:${hash('sha256', token)}`)
    expect(err).toContain('SERVICE_TOKENS')
    expect(err).not.toContain(token)
    expect((await run(['token', 'shop-backend', '--scopes', 'read'])).out).not.toContain(token)
    expect((await run(['token', 'x'.repeat(64), '--scopes', 'read+read'])).out).toContain(`${'x'.repeat(64)}:read:`)
  })

  test.each([
    ['a scope that there is not', ['shop', '--scopes', 'read+all'], /read\+write\+issue\+wechat/],
    ['no scope', ['shop', '--scopes', ''], /read\+write\+issue\+wechat/],
    ['a name that would end the entry', ['shop:write', '--scopes', 'read'], /the name must be/],
    ['a name that begins with a space', [' shop', '--scopes', 'read'], /the name must be/],
    ['a name of 65 characters', ['x'.repeat(65), '--scopes', 'read'], /the name must be/],
    ['no name', ['--scopes', 'read'], /missing required argument/],
  ])('weapp-auth token with %s is wrong use', async (_, args, message) => {
    expect(await run(['token', ...args])).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) })
  })
})

describe('weapp-auth migrate', () => {
  test('weapp-auth migrate makes the tables of the embedded users, and says so once', async () => {
    const DATA_DIR = makeFolder()
    const first = await run(['migrate'], { ...REAL_APP, DATA_DIR })
    expect(first).toMatchObject({ code: 0, out: expect.stringMatching(/^0001-users\n/) })
    expect(first.out).not.toContain('up to date')
    expect(await run(['migrate'], { ...REAL_APP, DATA_DIR })).toMatchObject({
      code: 0,
      out: 'the tables were up to date\n',
    })
  })

  test('a command that opens a file of DATA_DIR which others could read says that it has taken that right away', async () => {
    const DATA_DIR = makeFolder()
    await run(['migrate'], { ...REAL_APP, DATA_DIR })
    const file = join(DATA_DIR, 'users.sqlite')
    chmodSync(file, 0o644)
    expect((await run(['migrate'], { ...REAL_APP, DATA_DIR })).err).toBe(
      `weapp-auth: ${file} could be read by other users of this machine: its mode is 600 now\n`,
    )
  })

  test('weapp-auth migrate of the real service refuses the users of the demonstration, and the other way round', async () => {
    const demo = { WECHAT_EMULATOR: 'on' }
    for (const [world, first, second, whose] of [
      ['real', REAL_APP, demo, 'the real WeChat'],
      ['emulated', demo, REAL_APP, 'an emulated WeChat'],
    ] as const) {
      const DATA_DIR = makeFolder()
      await run(['migrate'], { ...first, DATA_DIR })
      // What the service of that world does at its start.
      const db = openSqliteUsers(join(DATA_DIR, 'users.sqlite'))
      expect(await migrateUsers(db, world)).toEqual([])
      await db.destroy()
      const refused = await run(['migrate'], { ...second, DATA_DIR })
      expect(refused).toMatchObject({ code: 1, err: expect.stringContaining(`holds the data of ${whose}`) })
    }
  })

  test('weapp-auth migrate says that the running service has the embedded users', async () => {
    const DATA_DIR = makeFolder()
    const held = openSqliteUsers(join(DATA_DIR, 'users.sqlite'))
    onTestFinished(() => held.destroy())
    const { code, err } = await run(['migrate'], { ...REAL_APP, DATA_DIR })
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('is in use by another process') })
  })
})
