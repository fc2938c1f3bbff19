import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startRedis } from '@weapp-auth/test-servers'
import { describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { environment } from '../service.ts'
import { startEmbedded } from './embedded.ts'
import { makeFolder } from './folder.ts'
import { run } from './run.ts'

const MAIN = fileURLToPath(new URL('../../bundle/weapp-auth.js', import.meta.url))
const APP = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's' }
const PHONE = { number: '13800138000', countryCode: '86' }

/** The two scripts under a heading of a document: one makes a backup, the other restores it. */
function scriptsIn(document: string, heading: string): [backup: string, restore: string] {
  const text = readFileSync(join(import.meta.dirname, '../../../../docs', document), 'utf8')
  const section = text.split(`\n## ${heading}`)[1]?.split('\n## ')[0] ?? ''
  const [backup, restore] = [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, script]) => script)
  if (!backup || !restore) throw new Error(`${document} has no two scripts under ${heading}`)
  return [backup, restore]
}

/** What stands in a document and is different here. */
function adapt(script: string, databaseUrl: string, folder: string): string {
  const { protocol, hostname, port, username, pathname } = new URL(databaseUrl)
  const database = pathname.slice(1)
  if (protocol !== 'mysql:') {
    const place = `PGHOST=${hostname} PGPORT=${port} PGUSER=${username} PGDATABASE=${database}`
    return script.replace(/(?<=export )PGHOST.*/, place)
  }
  const file = join(folder, 'mysql.cnf')
  writeFileSync(file, `[client]\nhost=${hostname}\nport=${port}\nuser=${username}\n`, { mode: 0o600 })
  return script.replace('/etc/weapp-auth/mysql.cnf', file).replace(/(?<=\s)weapp_auth(?=[\s)])/g, database)
}

function runScript(script: string, cwd: string, env: Record<string, string>): string {
  const command = `weapp-auth() { '${process.execPath}' '${MAIN}' "$@"; }\n${script}`
  return execFileSync('bash', ['--norc', '-ec', command], {
    cwd,
    env: { PATH: process.env.PATH ?? '', LANG: 'C', ...env },
    encoding: 'utf8',
  })
}

describe.each([
  ['PostgreSQL', inject('databaseUrl')],
  ['MySQL', inject('mysqlUrl')],
])('users in %s', (heading, serverUrl) => {
  test.runIf(serverUrl)(
    `users in ${heading}: a backup by the commands of the documents is restored by them, and whoever was erased since stays erased`,
    async () => {
      const redis = await startRedis()
      onTestFinished(() => redis.stop())
      const { DATA_DIR = '', ...shared } = await environment('shared', serverUrl ?? '')
      const env = { ...APP, ...shared, REDIS_URL: redis.url }
      const start = async () => {
        const service = await startEmbedded(DATA_DIR, env)
        const isReady = async () => expect((await service.app.inject('/readyz')).statusCode).toBe(200)
        await vi.waitFor(isReady, 20_000)
        return service
      }
      const folder = makeFolder()
      // The Chinese document has the same two scripts.
      expect(scriptsIn('backup.zh-CN.md', heading)).toEqual(scriptsIn('backup.md', heading))
      const [backup, restore] = scriptsIn('backup.md', heading).map((script) =>
        adapt(script, shared.DATABASE_URL ?? '', folder),
      ) as [string, string]

      const first = await start()
      const { weappAuth } = first.app
      const [alice, bob] = [await weappAuth.createUser(), await weappAuth.createUser()]
      await weappAuth.setPhone(alice.id, PHONE)
      const { token } = await weappAuth.issue(alice.id, { appid: 'wx1' })
      runScript(backup, folder, {})
      await weappAuth.eraseUser(bob.id)
      const late = await weappAuth.createUser()
      await first.close()

      expect(runScript(restore, folder, { ...env, DATA_DIR })).toContain('1 who were erased since are erased again')
      const { app } = await start()
      expect((await app.weappAuth.findUserByPhone(PHONE))?.id).toBe(alice.id)
      for (const gone of [bob, late]) expect(await app.weappAuth.findUser(gone.id)).toBeNull()
      expect(await app.weappAuth.findSession(token)).toBeNull()
    },
  )
})

describe('embedded users', () => {
  /** A folder with some users and many pictures. */
  async function prepare() {
    const DATA_DIR = makeFolder()
    const env: Record<string, string> = { ...APP, DATA_DIR }
    const file = join(makeFolder(), 'users.csv')
    writeFileSync(file, `external_id\n${Array.from({ length: 500 }, (_, n) => n).join('\n')}\n`)
    expect((await run(['import', file], env)).code).toBe(0)
    for (let shard = 0; shard < 20; shard++) {
      const name = shard.toString(16).padStart(3, '0')
      mkdirSync(join(DATA_DIR, 'avatars', name), { recursive: true })
      for (let n = 0; n < 100; n++) writeFileSync(join(DATA_DIR, 'avatars', name, `${name}-${n}.jpg`), 'x')
    }
    return { env, DATA_DIR, folder: join(makeFolder(), 'backup') }
  }

  /** Runs the command in a process of its own, as an operator does. */
  function start(args: readonly string[], env: Record<string, string>, shell = ':') {
    const child = spawn('/bin/sh', ['-c', `${shell}; exec "$@"`, 'sh', process.execPath, MAIN, ...args], {
      env: { PATH: process.env.PATH ?? '', LANG: 'C', ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let err = ''
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    return { child, ended: once(child, 'close').then(([code, signal]) => ({ code, signal, err })) }
  }

  test('a backup that is ended by Ctrl-C, and a restore that is killed, leave what was there, and are begun again', async () => {
    const { env, DATA_DIR, folder } = await prepare()
    const backup = start(['backup', folder], env)
    await vi.waitFor(() => expect(existsSync(`${folder}.unfinished`)).toBe(true), { timeout: 60_000, interval: 1 })
    backup.child.kill('SIGINT')
    expect((await backup.ended).signal).toBe('SIGINT')
    expect(existsSync(folder)).toBe(false)
    const made = await run(['backup', folder, '--json'], env)
    expect({ code: made.code, ...JSON.parse(made.out) }).toMatchObject({ code: 0, users: 500, avatars: 2_000 })

    const restore = start(['restore', folder, '--yes'], env)
    await vi.waitFor(() => expect(existsSync(join(DATA_DIR, 'restore.unfinished'))).toBe(true), {
      timeout: 60_000,
      interval: 1,
    })
    restore.child.kill('SIGKILL')
    await restore.ended
    const count = async () =>
      JSON.parse((await run(['users', 'list', '--limit', '1000', '--json'], env)).out).users.length
    expect(await count()).toBe(500)
    expect(await run(['restore', folder, '--yes'], env)).toMatchObject({ code: 0 })
    expect(await count()).toBe(500)
    expect(readdirSync(DATA_DIR).filter((name) => name.includes('unfinished'))).toEqual([])
  })

  test('on a full disk backup and restore say so, leave nothing behind and change nothing', async () => {
    const { env, DATA_DIR, folder } = await prepare()
    expect((await run(['backup', folder], env)).code).toBe(0)
    const before = readFileSync(join(DATA_DIR, 'users.sqlite'))
    // Without the signal, a write beyond the limit of a process for files fails as on a full disk.
    const full = "trap '' XFSZ; ulimit -f 16"
    const backup = await start(['backup', `${folder}2`], env, full).ended
    expect(backup).toMatchObject({ code: 1, err: expect.stringMatching(/the backup was not made: .*disk/) })
    expect(existsSync(`${folder}2.unfinished`)).toBe(false)
    const restore = await start(['restore', folder, '--yes'], env, full).ended
    expect(restore).toMatchObject({
      code: 1,
      err: expect.stringMatching(/the restore has not come to its end, and can be run again: .*(disk|EFBIG)/),
    })
    expect(readFileSync(join(DATA_DIR, 'users.sqlite')).equals(before)).toBe(true)
    expect(readdirSync(DATA_DIR).filter((name) => /unfinished|copy|replaced/.test(name))).toEqual([])
  })
})
