import { hash, randomUUID } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { createWorld, startWechat } from '@weapp-auth/emulator'
import { openSqliteUsers } from '@weapp-auth/fastify'
import { type Server, startRedis } from '@weapp-auth/test-servers'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { runCli } from '../../src/cli/program.ts'
import { environment } from '../service.ts'
import { connectTo, copyMigratedDatabase } from '../sql.ts'
import { startEmbedded } from './embedded.ts'
import { makeFolder } from './folder.ts'
import { run } from './run.ts'

const PHONE = { number: '13800138000', countryCode: '86' }

type Started = Awaited<ReturnType<typeof startEmbedded>>

/** WeChat emulated, and services of one mini-program that speak to it. */
async function prepare() {
  const world = createWorld()
  const wechat = await startWechat(world)
  onTestFinished(() => wechat.close())
  const { appid = '', secret = '' } = world.apps[0] ?? {}
  const settings = { WECHAT_APPID: appid, WECHAT_SECRET: secret, WECHAT_API_BASE_URL: wechat.baseUrl }
  const start = (dir?: string) => startEmbedded(dir ?? makeFolder(), settings)
  const signIn = async ({ app }: Started, user: string) => {
    const { code } = world.login(user, appid)
    const answer = await app.inject({ method: 'POST', url: '/v1/sessions', payload: { appid, code } })
    const { token, user: signedIn } = answer.json()
    return { status: answer.statusCode, token, userId: signedIn?.id as string }
  }
  return { settings, start, signIn, folder: join(makeFolder(), 'backups', 'today') }
}

/** A picture of a user. The bytes do not matter here. */
async function keepPicture({ stores }: Started, userId: string): Promise<string> {
  const owner = hash('sha256', `weapp-auth avatar ${userId}`).slice(0, 24)
  const name = `${owner}-${'0'.repeat(32)}.jpg`
  await stores.avatars.store.put(name, Buffer.from(userId))
  return name
}

/** A service with alice, and a backup of it, stopped by now. */
async function backUpAlice() {
  const prepared = await prepare()
  const service = await prepared.start()
  const alice = await prepared.signIn(service, 'alice')
  await service.app.weappAuth.setPhone(alice.userId, PHONE)
  const picture = await keepPicture(service, alice.userId)
  const made = await run(['backup', prepared.folder], service.env)
  expect(made).toMatchObject({ code: 0, err: '' })
  return { ...prepared, service, alice, picture, made, env: service.env, dir: service.dir }
}

describe('weapp-auth backup and restore', () => {
  test('a backup made while phones sign in has the same users, numbers and pictures on a new machine, and nobody who was erased since', async () => {
    const { start, signIn, folder, settings } = await prepare()
    const old = await start()
    const [alice, bob] = [await signIn(old, 'alice'), await signIn(old, 'bob')]
    await old.app.weappAuth.setPhone(alice.userId, PHONE)
    const pictures = [await keepPicture(old, alice.userId), await keepPicture(old, bob.userId)]

    let isOver = false
    const backup = run(['backup', folder], old.env).finally(() => {
      isOver = true
    })
    const statuses: number[] = []
    while (!isOver) {
      const { status, userId } = await signIn(old, `phone ${statuses.length}`)
      statuses.push(status)
      const avatarUrl = `https://auth.example.com/avatars/${await keepPicture(old, userId)}`
      await old.stores.users.updateProfile(userId, { avatarUrl })
    }
    const copied = readdirSync(join(folder, 'avatars'), { recursive: true }).filter((name) =>
      `${name}`.endsWith('.jpg'),
    )
    expect(await backup).toMatchObject({
      code: 0,
      out: expect.stringMatching(`: \\d+ users, ${copied.length} pictures\n`),
      err: '',
    })
    expect(new Set(statuses)).toEqual(new Set([201]))
    expect(await old.app.weappAuth.eraseUser(bob.userId)).toBe(true)
    const erased = join(makeFolder(), 'erased')
    writeFileSync(erased, (await run(['users', 'erased'], old.env)).out)
    await old.close()

    const dir = join(makeFolder(), 'new')
    const hook = { EVENTS_URL: 'https://crm.example.com/', HOOK_SECRET: 's'.repeat(16) }
    const restored = await run(['restore', folder, '--erased', erased], { ...settings, ...hook, DATA_DIR: dir })
    expect(restored).toMatchObject({ code: 0, err: '', out: expect.stringContaining('1 who were erased since') })
    // EVENTS_URL is told of the erasure once more.
    const db = openSqliteUsers(join(dir, 'users.sqlite'))
    const due = db.selectFrom('weapp_auth_events').select(['type', 'user_id']).where('due_at', 'is not', null)
    expect(await due.execute()).toEqual([{ type: 'user_erased', user_id: bob.userId }])
    await db.destroy()
    const fresh = await start(dir)
    expect((await signIn(fresh, 'alice')).userId).toBe(alice.userId)
    expect((await fresh.app.weappAuth.findUserByPhone(PHONE))?.id).toBe(alice.userId)
    expect(await fresh.app.weappAuth.findUser(bob.userId)).toBeNull()
    expect((await signIn(fresh, 'bob')).userId).not.toBe(bob.userId)
    const found = await Promise.all(pictures.map((name) => fresh.stores.avatars.store.find(name)))
    expect(found.map((bytes) => bytes?.toString() ?? null)).toEqual([alice.userId, null])
    for (const { profile } of await fresh.app.weappAuth.listUsers({ limit: 1_000 })) {
      const shown = profile.avatarUrl.split('/').at(-1)
      if (shown) expect(await fresh.stores.avatars.store.find(shown)).not.toBeNull()
    }
    // The new machine knows it now by itself.
    expect((await run(['users', 'erased'], fresh.env)).out).toContain(bob.userId)
    expect((await run(['events', 'list', '--type', 'user_erased', '--json'], fresh.env)).out).toContain('operator:')
  })

  test('a restore in the place of data that are there asks for --yes, ends every session, and keeps what was there', async () => {
    const { service, alice, folder, start, signIn, env, dir } = await backUpAlice()
    const [late, gone] = [await signIn(service, 'late'), await signIn(service, 'alice')]
    await service.app.weappAuth.eraseUser(gone.userId)
    await service.close()

    expect(await run(['restore', folder], env)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/give way to 1 users and 1 pictures of \d{4}-.*--yes/),
    })
    const { code, out } = await run(['restore', folder, '--yes', '--json'], env)
    const report = JSON.parse(out)
    expect({ code, ...report }).toMatchObject({ code: 0, erasedAgain: 1 })
    expect(readdirSync(report.replaced).sort()).toEqual(['avatars', 'session-keys', 'users.sqlite'])
    expect(statSync(report.replaced).mode & 0o077).toBe(0)
    // Without EVENTS_URL no event waits for somebody who takes it.
    const db = openSqliteUsers(join(dir, 'users.sqlite'))
    const erasures = db.selectFrom('weapp_auth_events').select(['type', 'due_at']).where('type', '=', 'user_erased')
    expect(await erasures.execute()).toEqual([{ type: 'user_erased', due_at: null }])
    await db.destroy()
    const again = await start(dir)
    expect(await again.app.weappAuth.listUsers()).toEqual([])
    for (const { token } of [alice, late]) {
      const headers = { authorization: `Bearer ${token}` }
      const answer = await again.app.inject({ url: '/v1/verify', headers })
      expect(answer.json()).toMatchObject({ status: 401, code: 'session_invalid' })
    }
    expect((await signIn(again, 'late')).userId).not.toBe(late.userId)
  })

  test('a restore erases everybody of several long lists again, also where one was written on Windows, and notes them', async () => {
    const { service, folder, env, alice } = await backUpAlice()
    await service.close()
    const folderOfLists = makeFolder()
    const ids = [alice.userId, ...Array.from({ length: 1_000 }, () => randomUUID())]
    const lists = [ids.slice(0, 500), ids.slice(500)].map((part, i) => {
      const file = join(folderOfLists, `erased-${i}`)
      // Somebody has put the ids below each other.
      const lines = part.map((id, at) => (at % 2 ? `2026-01-31T00:00:00.000Z   ${id} ` : id))
      writeFileSync(file, lines.join(i === 0 ? '\r\n \r\n' : '\n'))
      return ['--erased', file]
    })
    const { out } = await run(['restore', folder, ...lists.flat(), '--yes', '--json'], env)
    expect(JSON.parse(out)).toMatchObject({ erasedAgain: 1 })
    const listed: { userId: string; at: string }[] = JSON.parse((await run(['users', 'erased', '--json'], env)).out)
    expect(listed.map(({ userId }) => userId).sort()).toEqual(ids.sort())
    const printed = (await run(['users', 'erased'], env)).out.trimEnd().split('\n')
    expect(printed).toEqual(listed.map(({ userId, at }) => `${at} ${userId}`))
  })

  test('only this user may read a backup, and the command says that the key ring is in it', async () => {
    const { folder, made, alice } = await backUpAlice()
    const where = 'the key ring is in session-keys: move it to another place'
    const why = 'because whoever has both can read phone numbers'
    expect(made.out).toBe(`${folder}: 1 users, 1 pictures\n${where}, ${why}\n`)
    expect(readdirSync(folder).sort()).toEqual(['avatars', 'backup.json', 'session-keys', 'users.sqlite'])
    for (const name of ['.', 'backup.json', 'session-keys', 'users.sqlite']) {
      expect(statSync(join(folder, name)).mode & 0o077, name).toBe(0)
    }
    expect(readFileSync(join(folder, 'users.sqlite')).includes(alice.userId)).toBe(true)
    expect(readFileSync(join(folder, 'users.sqlite')).includes(PHONE.number)).toBe(false)
  })

  test('a backup without the key ring cannot be restored until the ring is put back', async () => {
    const { service, start, settings, dir, alice } = await backUpAlice()
    const folder = join(makeFolder(), 'no-keys')
    expect((await run(['backup', folder, '--no-keys'], service.env)).out).toContain('the key ring is not in it')
    expect(existsSync(join(folder, 'session-keys'))).toBe(false)
    // A ring of the environment is kept elsewhere: what lies in DATA_DIR is not the one in use.
    const SESSION_KEY_KEYS = readFileSync(join(dir, 'session-keys'), 'utf8')
    // An empty folder that is there is taken, as a name that is not.
    const elsewhere = makeFolder()
    const { out } = await run(['backup', elsewhere], { ...service.env, SESSION_KEY_KEYS })
    expect(out).toContain('the key ring is not in it')
    expect(existsSync(join(elsewhere, 'session-keys'))).toBe(false)
    await service.close()
    const withRing = { ...settings, DATA_DIR: makeFolder(), SESSION_KEY_KEYS }
    expect(await run(['restore', elsewhere], withRing)).toMatchObject({ code: 0, err: '' })

    const target = makeFolder()
    const env = { ...settings, DATA_DIR: target }
    expect(await run(['restore', folder], env)).toMatchObject({
      code: 1,
      err: expect.stringContaining('the backup holds no key ring: put the file session-keys'),
    })
    writeFileSync(join(target, 'session-keys'), `k1:${Buffer.alloc(32, 9).toString('base64')}`)
    expect(await run(['restore', folder], env)).toMatchObject({
      code: 1,
      err: expect.stringContaining('is not the key that sealed'),
    })
    expect(readdirSync(target).sort()).toEqual(['session-keys', 'sessions.sqlite'])
    // An editor ends a file with a line break.
    writeFileSync(join(target, 'session-keys'), `${SESSION_KEY_KEYS}\n`)
    const restored = 'the users are restored; 0 who were erased since are erased again; all sessions have ended\n'
    expect(await run(['restore', folder], env)).toEqual({ code: 0, out: restored, err: '' })
    const fresh = await start(target)
    expect((await fresh.app.weappAuth.findUserByPhone(PHONE))?.id).toBe(alice.userId)
    rmSync(join(dir, 'session-keys'))
    const lost = await run(['backup', join(makeFolder(), 'lost')], service.env)
    expect(lost).toMatchObject({ code: 0, out: expect.stringContaining('the key ring is not in it') })
  })

  test('a restore with a key ring that lacks the key which sealed is done, with a warning that names the key', async () => {
    const { folder, settings } = await backUpAlice()
    const SESSION_KEY_KEYS = `k2:${Buffer.alloc(32, 9).toString('base64')}`
    expect(await run(['restore', folder], { ...settings, DATA_DIR: makeFolder(), SESSION_KEY_KEYS })).toMatchObject({
      code: 0,
      err: expect.stringMatching(/^weapp-auth: .*k1/),
    })
  })

  test('pictures in a bucket are no part of a backup, which says so, and a restore leaves them there', async () => {
    const { service, settings } = await backUpAlice()
    const bucket = { AVATAR_S3_URL: 'http://id:secret@127.0.0.1:1/pics', AVATAR_PUBLIC_URL: 'https://pics.example.com' }
    const folder = join(makeFolder(), 'without-pictures')
    const made = await run(['backup', folder], { ...service.env, ...bucket })
    expect(made.out).toMatch(/: 1 users, 0 pictures\n.*\npictures are in the bucket, and are not copied\n$/)
    expect(existsSync(join(folder, 'avatars'))).toBe(false)
    const DATA_DIR = makeFolder()
    expect(await run(['restore', folder], { ...settings, ...bucket, DATA_DIR })).toMatchObject({ code: 0, err: '' })
    expect(readdirSync(DATA_DIR).sort()).toEqual(['session-keys', 'sessions.sqlite', 'users.sqlite'])
  })

  test('a backup whose service cannot copy its users fails with the reason of the service, and nothing is left', async () => {
    const env = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's', DATA_DIR: makeFolder() }
    await run(['migrate'], env)
    const server = createServer((_, response) =>
      response.setHeader('connection', 'close').end('{"failed":"the disk is full"}'),
    )
    await new Promise<void>((resolve) => server.listen(join(env.DATA_DIR, 'operator.sock'), resolve))
    onTestFinished(() => void server.close())
    const parent = makeFolder()
    const err = 'weapp-auth: the backup was not made: the service could not copy the users: the disk is full\n'
    expect(await run(['backup', join(parent, 'b')], env)).toEqual({ code: 1, out: '', err })
    expect(readdirSync(parent)).toEqual([])
  })

  test('a terminal shows how far a backup and a restore are, on a line that is gone before the result', async () => {
    const { service, settings } = await backUpAlice()
    const folder = join(makeFolder(), 'backup')
    const folders = [join(service.dir, 'avatars', '000'), join(service.dir, 'avatars', 'fff')]
    for (const shard of folders) mkdirSync(shard)
    const onTerminal = async (args: string[], env: Record<string, string>, shown: () => void) => {
      const written: string[] = []
      const write = (text: string) => written.push(text)
      const stderr = {
        isTTY: true,
        write: (text: string) => {
          shown()
          write(text)
        },
      }
      await runCli(args, { env: { LANG: 'C', ...env }, stdout: { write }, stderr })
      return written
    }
    // A picture that comes while the backup is made is in it, and half a picture is not.
    const come = () => {
      writeFileSync(join(service.dir, 'avatars/000/late.jpg'), 'a picture')
      writeFileSync(join(service.dir, 'avatars/fff/late.jpg.unfinished'), 'half')
    }
    const backup = await onTerminal(['backup', folder], service.env, come)
    expect(backup[0]).toBe('\r1 pictures copied')
    expect(backup.slice(-2)).toEqual([
      expect.stringMatching(/^\r +\r$/),
      expect.stringContaining(': 1 users, 2 pictures\n'),
    ])
    expect(readdirSync(join(folder, 'avatars', '000'))).toEqual(['late.jpg'])
    expect(existsSync(join(folder, 'avatars', 'fff'))).toBe(false)
    const restored = await onTerminal(['restore', folder], { ...settings, DATA_DIR: makeFolder() }, () => {})
    expect(restored[0]).toBe('\r1 pictures copied')
    expect(restored.slice(-2)).toEqual([
      expect.stringMatching(/^\r +\r$/),
      expect.stringMatching(/^the users are restored/),
    ])
  })

  test('a restore that was killed, and a backup that was, are begun again', async () => {
    const { service, folder, env, start, dir, alice, signIn } = await backUpAlice()
    await service.close()
    for (const left of [join(dir, 'restore.unfinished'), `${folder}2.unfinished`]) {
      mkdirSync(join(left, 'avatars/000'), { recursive: true })
      writeFileSync(join(left, 'users.sqlite'), 'half of it')
    }
    expect(await run(['backup', `${folder}2`], env)).toMatchObject({ code: 0, err: '' })
    const report = /^the users are restored; 0 who .*\nwhat was there before is in \S+\/replaced-\S+: delete it .*\n$/
    expect(await run(['restore', `${folder}2`, '--yes'], env)).toMatchObject({
      code: 0,
      out: expect.stringMatching(report),
    })
    expect(readdirSync(dir).filter((name) => name.includes('unfinished'))).toEqual([])
    expect((await signIn(await start(dir), 'alice')).userId).toBe(alice.userId)
  })

  test('damaged users are replaced, and a damaged backup is refused before anything changes', async () => {
    const { service, folder, env, start, dir, alice, signIn } = await backUpAlice()
    await service.close()
    const damaged = join(makeFolder(), 'damaged')
    cpSync(folder, damaged, { recursive: true })
    const bytes = readFileSync(join(folder, 'users.sqlite'))
    // The last page, which nothing reads but the check.
    writeFileSync(join(damaged, 'users.sqlite'), bytes.fill(0xff, bytes.length - 4_096))
    const before = readFileSync(join(dir, 'users.sqlite'))
    expect(await run(['restore', damaged, '--yes'], env)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/users\.sqlite is damaged: use another backup/),
    })
    expect(readFileSync(join(dir, 'users.sqlite')).equals(before)).toBe(true)
    expect(readdirSync(dir).filter((name) => /unfinished|replaced/.test(name))).toEqual([])

    writeFileSync(join(dir, 'users.sqlite'), 'no database any more')
    expect(await run(['restore', folder, '--yes'], env)).toMatchObject({ code: 0, err: '' })
    expect((await signIn(await start(dir), 'alice')).userId).toBe(alice.userId)
  })
})

describe.runIf(inject('redisUrl') && inject('databaseUrl'))('weapp-auth restore with sessions in Redis', () => {
  let redis: Server
  // Of its own: a restore ends every session.
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis?.stop())

  test('a new machine whose sessions are in Redis takes a backup of embedded users', async () => {
    const { folder, settings, start, alice } = await backUpAlice()
    const dir = join(makeFolder(), 'new')
    const env = { ...settings, REDIS_URL: redis.url, DATA_DIR: dir }
    expect(await run(['restore', folder], env)).toMatchObject({ code: 0, err: '' })
    const { app } = await start(dir)
    expect(await app.weappAuth.findUser(alice.userId)).not.toBeNull()
  })

  test('after a database was restored by its own tool, a restore erases again who was erased since, and ends every session', async () => {
    const shared = await environment('shared', undefined, copyMigratedDatabase)
    const settings = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's', ...shared, REDIS_URL: redis.url }
    const start = async () => {
      const service = await startEmbedded(shared.DATA_DIR, settings)
      await vi.waitFor(async () => expect((await service.app.inject('/readyz')).statusCode).toBe(200), 15_000)
      return service
    }
    const { app, env, close } = await start()
    const [alice, bob] = [await app.weappAuth.createUser(), await app.weappAuth.createUser()]
    const { token } = await app.weappAuth.issue(alice.id, { appid: 'wx1' })
    const erased = join(makeFolder(), 'erased')
    writeFileSync(erased, `${bob.id}\n`)
    const args = ['restore', '--erased', erased, '--json']
    expect(await run(args, env)).toMatchObject({ code: 2, out: '', err: expect.stringContaining('say --yes') })
    expect(await app.weappAuth.findSession(token)).not.toBeNull()
    await close()
    const out = '{"erasedAgain":1,"replaced":null}\n'
    expect(await run([...args, '--yes'], env)).toEqual({ code: 0, out, err: '' })
    const {
      app: { weappAuth },
      close: closeAgain,
    } = await start()
    expect(await weappAuth.findUser(bob.id)).toBeNull()
    expect(await weappAuth.findUser(alice.id)).not.toBeNull()
    expect(await weappAuth.findSession(token)).toBeNull()
    expect((await run(['users', 'erased'], env)).out).toContain(bob.id)
    // The command has closed its connection to the database. By itself that ends after ten seconds, and the command so much later.
    await closeAgain()
    const admin = await connectTo(shared.DATABASE_URL ?? '')
    const others = 'select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()'
    await expect.poll(() => admin.query(others), { timeout: 5_000 }).toEqual([])
  })
})

describe('somebody who mistypes', () => {
  test('a backup into a folder that nobody can make fails at once, and names the folder', async () => {
    const { env } = await backUpAlice()
    const failed = { code: 1, out: '', err: expect.stringContaining("mkdir '/proc/weapp-auth'") }
    expect(await run(['backup', '/proc/weapp-auth/backup'], env)).toEqual(failed)
  })

  test('restoring while the service runs changes nothing', async () => {
    const { folder, env, service, alice, signIn } = await backUpAlice()
    expect(await run(['restore', folder, '--yes'], env)).toMatchObject({
      code: 1,
      err: expect.stringContaining('the service is running: stop it first'),
    })
    const headers = { authorization: `Bearer ${alice.token}` }
    expect((await service.app.inject({ url: '/v1/verify', headers })).statusCode).toBe(204)
    expect((await signIn(service, 'alice')).userId).toBe(alice.userId)
  })

  test('restoring while another process has the users open, and answers nobody, changes nothing', async () => {
    const { folder, env, service, dir } = await backUpAlice()
    await service.close()
    const db = openSqliteUsers(join(dir, 'users.sqlite'))
    onTestFinished(() => db.destroy())
    const before = readFileSync(join(dir, 'users.sqlite'))
    expect(await run(['restore', folder, '--yes'], env)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('in use by another process'),
    })
    expect(readFileSync(join(dir, 'users.sqlite')).equals(before)).toBe(true)
    expect(readdirSync(dir).filter((name) => /unfinished|replaced/.test(name))).toEqual([])
  })

  test('a list of erased users from a DATA_DIR that is mistyped is a failure, and not an empty list', async () => {
    const { env } = await backUpAlice()
    expect(await run(['users', 'erased'], env)).toEqual({ code: 0, out: '', err: '' })
    const other = makeFolder()
    for (const DATA_DIR of [other, join(other, 'mistyped')]) {
      expect(await run(['users', 'erased'], { ...env, DATA_DIR })).toMatchObject({
        code: 1,
        err: expect.stringMatching(/there are no sessions in DATA_DIR/),
      })
    }
    expect(readdirSync(other)).toEqual([])
  })

  test('a DATA_DIR without users is no backup of nothing, and a folder that is there is not written over', async () => {
    const { folder, env, settings } = await backUpAlice()
    const empty = makeFolder()
    expect(await run(['backup', join(empty, 'b')], { ...settings, DATA_DIR: empty })).toMatchObject({
      code: 1,
      err: expect.stringMatching(/there are no users in DATA_DIR .*environment of the service/),
    })
    expect(readdirSync(empty)).toEqual([])
    expect(await run(['backup', folder], env)).toMatchObject({
      code: 2,
      err: expect.stringContaining('is there already: name a new folder'),
    })
    const file = join(empty, 'a file')
    writeFileSync(file, '')
    expect(await run(['backup', join(file, 'b')], env)).toMatchObject({
      code: 1,
      err: `weapp-auth: ${join(file, 'b')} cannot be written (ENOTDIR)\n`,
    })
    // The folder of the backup is not at fault for what cannot be read, even where both are in one folder.
    const DATA_DIR = join(empty, 'data')
    await run(['migrate'], { ...settings, DATA_DIR })
    writeFileSync(join(DATA_DIR, 'avatars'), '')
    expect(await run(['backup', join(empty, 'b')], { ...settings, DATA_DIR })).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^weapp-auth: the backup was not made: ENOTDIR: .*avatars'\n$/),
    })
    expect(readdirSync(empty).sort()).toEqual(['a file', 'data'])
    expect(readdirSync(env.DATA_DIR ?? '').filter((name) => name.startsWith('users.copy'))).toEqual([])
  })

  test.each<[string, (folder: string) => string[], RegExp]>([
    ['without a folder', () => ['restore'], /name the folder of the backup/],
    ['of a folder that is no backup', () => ['restore', makeFolder()], /is no backup: it needs backup\.json/],
    [
      'of a backup that lacks its users',
      (folder) => {
        rmSync(join(folder, 'users.sqlite'))
        return ['restore', folder]
      },
      /is no backup: it needs backup\.json and users\.sqlite/,
    ],
    [
      'of a newer backup',
      (folder) => {
        const file = join(folder, 'backup.json')
        writeFileSync(file, readFileSync(file, 'utf8').replace('"format": 1', '"format": 2'))
        return ['restore', folder]
      },
      /is damaged, or was written by a newer version/,
    ],
    ['with a list that is not there', (folder) => ['restore', folder, '--erased', 'nowhere'], /nowhere cannot be read/],
    [
      'with a list that is none',
      (folder) => ['restore', folder, '--erased', join(folder, 'backup.json')],
      /line 1 of .*backup\.json names no user/,
    ],
    ...['x y ID', 'ID x', 'ID ID'].map((line): [string, (folder: string) => string[], RegExp] => [
      `with a list that has the line ${line}`,
      (folder) => {
        writeFileSync(join(folder, 'list'), `ID\n${line}`.replaceAll('ID', randomUUID()))
        return ['restore', folder, '--erased', join(folder, 'list')]
      },
      /line 2 of .*list names no user/,
    ]),
  ])('restore %s is wrong use, and nothing is made', async (_, toArgs, message) => {
    const { folder, settings } = await backUpAlice()
    const dir = join(makeFolder(), 'new')
    const args = toArgs(folder)
    expect(await run(args, { ...settings, DATA_DIR: dir })).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(message),
    })
    expect(existsSync(dir)).toBe(false)
  })

  test('a backup of users in a database, and one of the demonstration, are wrong use', async () => {
    const database = { DATABASE_URL: 'postgres://a@127.0.0.1:1/b', SESSION_KEY_KEYS: `k1:${'A'.repeat(43)}=` }
    const env = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's', ...database }
    expect(await run(['backup', 'x'], env)).toMatchObject({ code: 2, err: expect.stringContaining('docs/backup.md') })
    expect(await run(['restore', 'x'], env)).toMatchObject({ code: 2, err: expect.stringContaining('docs/backup.md') })
    expect(await run(['restore'], env)).toMatchObject({ code: 2, err: expect.stringContaining('--yes') })
    for (const command of ['backup', 'restore']) {
      const err = 'weapp-auth: the demonstration needs no backup\n'
      expect(await run([command, 'x'], { WECHAT_EMULATOR: 'on' })).toEqual({ code: 2, out: '', err })
    }
  })
})
