import { createHmac } from 'node:crypto'
import fs, { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { createDevice, createWorld, localLink, startWechat } from '@weapp-auth/emulator'
import { openSqliteUsers } from '@weapp-auth/fastify'
import { findFreePort, type Server, startOneNodeCluster, startRedis } from '@weapp-auth/test-servers'
import { Redis } from 'ioredis'
import { sql } from 'kysely'
import { describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { environment } from '../service.ts'
import { connectTo } from '../sql.ts'
import { startEmbedded } from './embedded.ts'
import { makeFolder } from './folder.ts'
import { run } from './run.ts'

/** WeChat emulated, and an environment that is right for it. */
async function prepare() {
  const world = createWorld()
  const wechat = await startWechat(world)
  onTestFinished(() => wechat.close())
  const [app] = world.apps
  const { appid = '', secret = '' } = app ?? {}
  const env = {
    WECHAT_APPID: appid,
    WECHAT_SECRET: secret,
    WECHAT_API_BASE_URL: wechat.baseUrl,
    DATA_DIR: makeFolder(),
    TRUST_PROXY: '127.0.0.1',
  }
  const device = createDevice({ link: localLink(world), appid, user: 'alice', name: 'phone' })
  return { world, env, device }
}

/** A WeChat that gives every request one answer. */
function answerAlways(body: unknown, headers: Record<string, string> = {}): Promise<string> {
  return answer(() => body, headers)
}

/** A WeChat of the test's own. */
async function answer(toBody: (url: URL) => unknown, headers: Record<string, string> = {}): Promise<string> {
  const server = createServer(async ({ url = '' }, response) =>
    response.writeHead(200, headers).end(JSON.stringify(await toBody(new URL(url, 'http://wechat')))),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('weapp-auth doctor', () => {
  test('doctor says of each thing that is right that it is, and ends well', async () => {
    const { env } = await prepare()
    const { code, out, err } = await run(['doctor'], { ...env, TRUST_PROXY: '127.0.0.1, 10.0.0.0/8' })
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toContain('✓ TRUST_PROXY: 127.0.0.1, 10.0.0.0/8\n')
    for (const line of out.trim().split('\n')) expect(line).toMatch(/^✓ /)
    expect(out).toContain('✓ configuration: can be used')
    expect(out).toContain(`✓ WeChat ${env.WECHAT_APPID}: appid and AppSecret are right`)
    expect(out).not.toContain(env.WECHAT_SECRET)
  })

  test('doctor of the demonstration asks no WeChat, and may not be given a code with --real', async () => {
    const env = { WECHAT_EMULATOR: 'on', DATA_DIR: makeFolder() }
    const { code, out } = await run(['doctor'], env)
    expect(code).toBe(0)
    expect(out).toContain('✓ configuration: can be used')
    expect(out).not.toMatch(/wechat|clock/i)
    expect(await run(['doctor', '--real', 'x'], env)).toMatchObject({
      code: 2,
      out: '',
      err: 'weapp-auth: --real needs the real WeChat\n',
    })
  })

  test('doctor changes nothing: it makes no database, and no token of WeChat ends', async () => {
    const { env } = await prepare()
    await run(['doctor'], env)
    expect((await run(['doctor'], env)).out).toContain('users.sqlite will be made at the first start')
  })

  test('doctor asks the running service about the embedded stores, which only it can open', async () => {
    const { env } = await prepare()
    const service = await startEmbedded()
    const examine = () => run(['doctor'], { ...env, DATA_DIR: service.dir })
    const well = await examine()
    expect(well).toMatchObject({ code: 0 })
    for (const store of ['users', 'sessions']) {
      expect(well.out).toContain(`✓ ${store}: the running service has them open, and they take writes`)
    }
    const inspection = await service.app.weappAuth.inspect()
    vi.spyOn(service.app.weappAuth, 'inspect').mockResolvedValue({
      ...inspection,
      stores: { users: 'down', sessions: 'up' },
    })
    const ill = await examine()
    expect(ill).toMatchObject({ code: 1 })
    expect(ill.out).toMatch(
      /✗ users: the running service .* cannot write to them\n {4}→ see whether the disk of DATA_DIR/,
    )
    expect(ill.out).toContain('✓ sessions: ')
  })

  test('a wrong AppSecret is named by its place, and never shown', async () => {
    const { env } = await prepare()
    const { WECHAT_APPID: appid, WECHAT_SECRET, ...others } = env
    const apps = JSON.stringify([{ appid, secrets: ['canary-secret', WECHAT_SECRET] }])
    const { code, out } = await run(['doctor'], { ...others, WECHAT_APPS: apps })
    expect(code).toBe(1)
    expect(out).toMatch(/✗ WeChat \S+, secret 1 of 2: the AppSecret is wrong \(40125\)\n {4}→ compare WECHAT_SECRET/)
    expect(out).toMatch(/✓ WeChat \S+, secret 2 of 2/)
    expect(out).not.toContain('canary')
  })

  test.each([
    [
      { errcode: 40164, errmsg: 'invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: 1' },
      /add 203\.0\.113\.7 to the list/,
    ],
    [{ errcode: 40164, errmsg: 'invalid ip 2001:db8::7, not in whitelist' }, /add 2001:db8::7 to the list/],
    [{ errcode: 40164 }, /✗ WeChat \w+: the address +of this server is not in the IP allow-list \(40164\)/],
    [{ errcode: 40013, errmsg: 'invalid appid' }, /compare WECHAT_APPID/],
    [{ errcode: 40243, errmsg: 'frozen' }, /unfreeze it/],
    [{ errcode: 50002, errmsg: 'user limited' }, /errcode 50002\n {4}→ /],
    [{}, /holds no access_token/],
    [null, /cannot be reached \(an answer that is no object\)/],
    ['busy', /cannot be reached \(an answer that is no object\)/],
  ])('doctor says what to do when WeChat answers %j', async (answer, fix) => {
    const { env } = await prepare()
    const { code, out } = await run(['doctor'], { ...env, WECHAT_API_BASE_URL: await answerAlways(answer) })
    expect(code).toBe(1)
    expect(out).toMatch(fix)
  })

  test('doctor names the reason when WeChat cannot be reached', async () => {
    const { env } = await prepare()
    const base = `http://127.0.0.1:${await findFreePort()}`
    const { code, out } = await run(['doctor'], { ...env, WECHAT_API_BASE_URL: base })
    expect(code).toBe(1)
    expect(out).toMatch(
      /✗ WeChat .*http:\/\/127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)\n {4}→ look at the firewall/,
    )
  })

  test('doctor says how long it has waited for a WeChat that does not answer', async () => {
    const { env } = await prepare()
    vi.spyOn(AbortSignal, 'timeout').mockReturnValue(AbortSignal.timeout(1))
    onTestFinished(() => void vi.restoreAllMocks())
    const { out } = await run(['doctor'], { ...env, WECHAT_API_BASE_URL: await answer(() => new Promise(() => {})) })
    expect(out).toMatch(/✗ WeChat .* cannot be reached \(5000 ms\)\n/)
  })

  test('doctor asks a WECHAT_API_BASE_URL that has a path, and slashes at its end, below that path', async () => {
    const { env } = await prepare()
    const asked: string[] = []
    const base = await answer(({ pathname }) => {
      asked.push(pathname)
      return { access_token: 't' }
    })
    expect(await run(['doctor'], { ...env, WECHAT_API_BASE_URL: `${base}/wx//` })).toMatchObject({ code: 0 })
    expect(asked).toEqual(['/wx/cgi-bin/stable_token'])
  })

  test.each([
    [-600, 1, /✗ clock: is 600 s ahead of that of WeChat/],
    [4, 0, /✓ clock: agrees with that of WeChat/],
    [5, 0, /! clock: is 5 s behind that of WeChat/],
    [59, 0, /! clock: is 59 s behind that of WeChat/],
    [60, 1, /✗ clock: is 60 s behind that of WeChat/],
  ])('doctor tells of a clock that is wrong by %i s', async (seconds, code, line) => {
    const { env } = await prepare()
    // In the middle of a second: the header of WeChat has whole seconds.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-01-31T12:00:00.500Z') })
    onTestFinished(() => void vi.useRealTimers())
    const date = new Date(Date.now() + seconds * 1000).toUTCString()
    const base = await answerAlways({ access_token: 'x', expires_in: 7200 }, { date })
    expect(await run(['doctor'], { ...env, WECHAT_API_BASE_URL: base })).toMatchObject({
      code,
      out: expect.stringMatching(line),
    })
  })

  test('doctor warns without TRUST_PROXY, which is no failure; in Chinese where the terminal is', async () => {
    const { env } = await prepare()
    const { TRUST_PROXY: _, ...others } = env
    expect(await run(['doctor'], others)).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        /! TRUST_PROXY: is not set: .*\n {4}→ set it to the address .*, e\.g\. 127\.0\.0\.1\n/,
      ),
    })
    const chinese = await run(['doctor'], { ...others, LANG: 'zh_CN.UTF-8' })
    expect(chinese.out).toContain('! TRUST_PROXY: 没有设置')
  })

  test('doctor tells by fingerprints of a key ring that is not the one of the database', async () => {
    const { env } = await prepare()
    const [one, two] = [1, 2].map((n) => Buffer.alloc(32, n).toString('base64'))
    await run(['keys', 'rotate'], { ...env, SESSION_KEY_KEYS: `k1:${one}` })
    const right = await run(['doctor'], { ...env, SESSION_KEY_KEYS: `k1:${one}` })
    expect(right.out).toMatch(/✓ key ring: k1 \([\w-]{8}\), seals\n✓ TRUST_PROXY/)
    const longer = await run(['doctor'], { ...env, SESSION_KEY_KEYS: `k1:${one},k2:${two}` })
    expect(longer.out).toMatch(/✓ key ring: k1 \([\w-]{8}\), seals\n✓ key ring: k2 \([\w-]{8}\)\n✓ TRUST_PROXY/)
    const wrong = await run(['doctor'], { ...env, SESSION_KEY_KEYS: `k1:${two}` })
    expect(wrong).toMatchObject({
      code: 1,
      out: expect.stringMatching(/✗ key ring: k1 .* is another key.*\n {4}→ put that key back/),
    })
    expect(wrong.out).not.toContain('is not in the ring')
    const missing = await run(['doctor'], { ...env, SESSION_KEY_KEYS: `k2:${two}` })
    expect(missing).toMatchObject({ code: 0, out: expect.stringMatching(/! key ring: k1 sealed in this database/) })
    expect(wrong.out + missing.out).not.toContain(two)
  })

  test('doctor tells of a database that is away with the reason, and not its password', async () => {
    const { env } = await prepare()
    const SESSION_KEY_KEYS = `k1:${Buffer.alloc(32).toString('base64')}`
    const { code, out } = await run(['doctor'], {
      ...env,
      SESSION_KEY_KEYS,
      DATABASE_URL: 'mysql://a:canary@127.0.0.1:1/b',
    })
    expect(code).toBe(1)
    expect(out).toMatch(/✗ users: cannot be opened: .*ECONNREFUSED/)
    expect(out).not.toContain('canary')
  })

  test.runIf(inject('redisUrl'))('doctor asks Redis, and tells of one that is away', async () => {
    const { env } = await prepare()
    const REDIS_URL = inject('redisUrl') ?? ''
    expect((await run(['doctor'], { ...env, REDIS_URL })).out).toMatch(/✓ Redis 127\.0\.0\.1:\d+: answers, version \d/)
    // A log line of the connection would stand among the findings, on the stdout of the process.
    const written = vi.spyOn(fs, 'write')
    onTestFinished(() => written.mockRestore())
    for (const url of ['redis://127.0.0.1:1', 'redis+cluster://127.0.0.1:1']) {
      const away = await run(['doctor', '--json'], { ...env, REDIS_URL: url })
      expect(away.code).toBe(1)
      const what = 'cannot be asked: it does not answer'
      expect(JSON.parse(away.out)).toContainEqual(expect.objectContaining({ state: 'bad', about: 'Redis', what }))
    }
    expect(written.mock.calls.map(([fd]) => fd)).not.toContain(1)
  })
})

/** A Redis of the test's own, which may be set as the test wants. */
async function startOwnRedis(start: () => Promise<Server>) {
  const { url: REDIS_URL, stop } = await start()
  onTestFinished(stop)
  const redis = new Redis(REDIS_URL.replace('redis+cluster:', 'redis:'))
  onTestFinished(() => redis.disconnect())
  return { redis, REDIS_URL }
}

/** A Redis that says to be of a version, and takes every command, or answers a SET of a key as the test says. */
async function startRedisOf(version: string, set: (key: string) => string = () => '+OK'): Promise<string> {
  const info = `redis_version:${version}\r\nmaxmemory_policy:noeviction\r\n`
  const toAnswer = (command: string) => {
    const [, name = '', , key = ''] = command.trim().split('\r\n')
    return name.toLowerCase() === 'set' ? set(key) : '+OK'
  }
  const server = createTcpServer((socket) =>
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        for (const command of chunk
          .toString()
          .split(/^\*\d+\r\n/m)
          .filter(Boolean))
          socket.write(/^info\r$/im.test(command) ? `$${info.length}\r\n${info}\r\n` : `${toAnswer(command)}\r\n`)
      }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('weapp-auth doctor looks at Redis', () => {
  test('a policy that drops sessions is a warning that says which one is right', async () => {
    const { env } = await prepare()
    const { redis, REDIS_URL } = await startOwnRedis(startRedis)
    const doctor = () => run(['doctor'], { ...env, REDIS_URL })
    const good = await doctor()
    expect(good).toMatchObject({ code: 0, out: expect.stringMatching(/✓ Redis \S+: takes writes/) })
    // One server alone has no replicas to wait for.
    expect(good.out).not.toMatch(/policy|replica/)
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
    expect(await doctor()).toMatchObject({
      code: 0,
      out: expect.stringMatching(/! Redis \S+: has maxmemory-policy allkeys-lru: .*\n {4}→ set it to noeviction/),
    })
    await expect.poll(() => redis.keys('*')).toEqual([])
    // A connection that is left would keep the command from ending.
    await expect.poll(async () => String(await redis.client('LIST')).match(/^id=/gm)).toHaveLength(1)
  })

  test.each([
    ['3.2.13', 1, /✗ Redis \S+: version 3\.2\.13 is too old\n {4}→ use Redis 6\.2 or newer/],
    ['6.0.16', 1, /✗ Redis \S+: version 6\.0\.16 is too old/],
    ['6.2.14', 0, /✓ Redis \S+: answers, version 6\.2\.14\n/],
    ['10.1.0', 0, /✓ Redis \S+: answers, version 10\.1\.0\n/],
  ] as const)('one of version %s ends doctor with %i', async (version, code, said) => {
    const { env } = await prepare()
    const REDIS_URL = await startRedisOf(version)
    expect(await run(['doctor'], { ...env, REDIS_URL })).toMatchObject({ code, out: expect.stringMatching(said) })
  })

  test('a master of a cluster is asked to take a key of its own slots, whichever that is', async () => {
    const { env } = await prepare()
    const asked: string[] = []
    const isOwn = (key: string) => asked.push(key) > 3
    const REDIS_URL = await startRedisOf('7.0.0', (key) => (isOwn(key) ? '+OK' : '-MOVED 1 127.0.0.1:1'))
    expect((await run(['doctor'], { ...env, REDIS_URL })).out).toMatch(/✓ Redis \S+: takes writes\n/)
    expect(new Set(asked).size).toBe(4)
    for (const key of asked) expect(key).toMatch(/^weapp-auth:/)
    asked.length = 0
    const full = await startRedisOf('7.0.0', (key) => (isOwn(key) ? '+OK' : '-OOM no more'))
    expect((await run(['doctor'], { ...env, REDIS_URL: full })).out).toMatch(/✗ Redis \S+: takes no writes: OOM/)
    expect(asked).toHaveLength(1)
    const none = await startRedisOf('7.0.0', () => '-MOVED 1 127.0.0.1:1')
    expect((await run(['doctor'], { ...env, REDIS_URL: none })).out).toMatch(/✗ Redis \S+: takes no writes: MOVED/)
  })

  test.each([
    ['whose memory is used up', ['config', 'set', 'maxmemory', '1'], /takes no writes: OOM/],
    ['that is a replica', ['replicaof', '127.0.0.1', '1'], /takes no writes: READONLY/],
  ] as const)('one %s takes no writes, which is bad, with what to look at', async (_, [name, ...args], what) => {
    const { env } = await prepare()
    const { redis, REDIS_URL } = await startOwnRedis(startRedis)
    await redis.call(name, ...args)
    const { code, out } = await run(['doctor'], { ...env, REDIS_URL })
    expect(code).toBe(1)
    expect(out).toMatch(what)
    expect(out).toMatch(/→ see that it is no replica, that maxmemory/)
  })

  test('a group whose masters take writes without a replica is a warning; one that has lost its replicas takes none', async () => {
    const { env } = await prepare()
    const { redis, REDIS_URL } = await startOwnRedis(startOneNodeCluster)
    const doctor = () => run(['doctor'], { ...env, REDIS_URL })
    expect(await doctor()).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        /! Redis \S+: takes writes without any replica: .*\n {4}→ set min-replicas-to-write to 1/,
      ),
    })
    await redis.config('SET', 'min-replicas-to-write', '1')
    const { code, out } = await doctor()
    expect(code).toBe(1)
    expect(out).toMatch(/✗ Redis \S+: takes no writes: NOREPLICAS/)
    expect(out).not.toContain('without any replica')
  })
})

describe("weapp-auth doctor looks at the users' database", () => {
  /** Makes the tables of this version, and then changes them by the SQL in `change`. */
  async function prepareUsers(change: string) {
    const { env } = await prepare()
    await run(['migrate'], env)
    const db = openSqliteUsers(join(env.DATA_DIR, 'users.sqlite'))
    await sql.raw(change).execute(db)
    await db.destroy()
    return run(['doctor'], env)
  }

  test('tables of this version that take writes are told to be right', async () => {
    const { code, out } = await prepareUsers('select 1')
    expect(code).toBe(0)
    expect(out).toMatch(/✓ tables: are those of this version\n✓ users: the database takes writes\n/)
  })

  test('users are what they were after doctor has looked whether the database takes writes', async () => {
    const { env } = await prepare()
    const file = join(env.DATA_DIR, 'users.csv')
    writeFileSync(file, 'external_id,nickname\n1,Alice\n')
    await run(['import', file], env)
    expect((await run(['doctor'], env)).out).toContain('the database takes writes')
    const db = openSqliteUsers(join(env.DATA_DIR, 'users.sqlite'))
    onTestFinished(() => db.destroy())
    expect(await db.selectFrom('weapp_auth_users').select('nickname').execute()).toEqual([{ nickname: 'Alice' }])
  })

  test('a file of users that can only be read takes no writes', async () => {
    const { env } = await prepare()
    await run(['migrate'], env)
    const file = join(env.DATA_DIR, 'users.sqlite')
    const bytes = readFileSync(file)
    // SQLite opens a file of a later format read-only: https://www.sqlite.org/fileformat.html, 1.3.3
    bytes[18] = 3
    writeFileSync(file, bytes)
    const { code, out } = await run(['doctor'], env)
    expect(code).toBe(1)
    expect(out).toMatch(/✗ users: the database takes no writes: .*readonly database\n {4}→ see that it is no standby/)
  })

  test('tables that are older are a warning that names what they lack, and nothing is made', async () => {
    const { code, out } = await prepareUsers("delete from weapp_auth_migrations where name = '0006-events'")
    expect(code).toBe(0)
    expect(out).toMatch(/! tables: lack 0006-events\n {4}→ the service makes them at its start/)
    expect(out).not.toContain('takes writes')
  })

  test('tables that a newer version has changed are bad', async () => {
    const { code, out } = await prepareUsers("insert into weapp_auth_migrations values ('9999-later', '')")
    expect(code).toBe(1)
    expect(out).toMatch(
      /✗ tables: were changed by a newer version of the service \(9999-later\)\n {4}→ start that version/,
    )
  })

  test.runIf(inject('redisUrl') && inject('databaseUrl'))(
    'a database that can only be read takes no writes',
    async () => {
      const { env } = await prepare()
      const shared: Record<string, string> = { ...env, ...(await environment('shared')) }
      await run(['migrate'], shared)
      expect((await run(['doctor'], shared)).out).toContain('✓ users: the database takes writes\n')
      const url = new URL(shared.DATABASE_URL ?? '')
      const admin = await connectTo(url.href)
      await admin.query(`alter database ${url.pathname.slice(1)} set default_transaction_read_only = on`)
      const { code, out } = await run(['doctor'], shared)
      expect(code).toBe(1)
      expect(out).toMatch(/✗ users: the database takes no writes: .*read-only.*\n {4}→ see that it is no standby/)
    },
  )
})

describe('weapp-auth doctor --real', () => {
  test('doctor --real exchanges the code, reads back which key WeChat signs with, and shows no secret', async () => {
    const { env, device } = await prepare()
    const code = await new Promise<string>((resolve) => device.wx.login({ success: (res) => resolve(res.code) }))
    const { code: ended, out } = await run(['doctor', '--real', code], env)
    expect(ended).toBe(0)
    expect(out).toMatch(/✓ the code: \d+ × /)
    expect(out).toMatch(/✓ code2Session: answers with .*openid.*session_key/)
    expect(out).toMatch(/✓ checksession: key as text: errcode 0; as bytes: errcode \d+/)
    expect(out).toContain('✓ the same code again: errcode 40163')
    expect(out).not.toContain(code)
    // The other hosts of WeChat are asked only where the code was sent to WeChat itself.
    expect(out).not.toContain('weixin.qq.com')
  })

  test.each([
    ['aB3', '✓ the code: 3 × a-z A-Z 0-9\n'],
    ['x_y-z', '✓ the code: 5 × a-z _ -\n'],
    ['!X', '! the code: 2 × A-Z + 1 other\n    → the service refuses such a code: please report this line\n'],
    ['ab!?!', '! the code: 5 × a-z + 2 other\n    → the service refuses such a code: please report this line\n'],
  ])('doctor --real tells of %j how long it is and which characters it has, and never the code', async (code, line) => {
    const { env } = await prepare()
    const { out } = await run(['doctor', '--real', code], env)
    expect(out).toContain(line)
    expect(out).not.toContain(code)
  })

  test('doctor --real sends the code with the appid that --appid names, and with that of the first mini-program otherwise', async () => {
    const { env } = await prepare()
    const asked: (string | null)[] = []
    const WECHAT_API_BASE_URL = await answer(({ pathname, searchParams }) => {
      if (pathname === '/sns/jscode2session') asked.push(searchParams.get('appid'))
      return { session_key: 'aGVsbG8=', openid: 'o1', access_token: 't' }
    })
    const WECHAT_APPS = JSON.stringify(['wx1', 'wx2'].map((appid) => ({ appid, secrets: [`secret of ${appid}`] })))
    const real = (...options: string[]) =>
      run(['doctor', '--real', 'abc', ...options], { DATA_DIR: env.DATA_DIR, WECHAT_APPS, WECHAT_API_BASE_URL })
    expect((await real()).out).toContain('✓ code2Session: answers with access_token, openid, session_key\n')
    expect(new Set(asked.splice(0))).toEqual(new Set(['wx1']))
    await real('--appid', 'wx2')
    expect(new Set(asked.splice(0))).toEqual(new Set(['wx2']))
    expect(await real('--appid', 'wx3')).toMatchObject({
      code: 1,
      out: expect.stringContaining('✗ code2Session: wx3 is no mini-program of this configuration\n'),
    })
    expect(asked).toEqual([])
  })

  test('doctor --real asks the other hosts of WeChat whether they exchange codes, and does not send them the code', async () => {
    const { env } = await prepare()
    const { WECHAT_API_BASE_URL: _, ...others } = env
    const asked: URL[] = []
    vi.stubGlobal('fetch', async (url: URL) => {
      asked.push(url)
      const answers: Record<string, object> = {
        'api.weixin.qq.com': { session_key: 'aGVsbG8=', openid: 'o1', access_token: 't' },
        'api2.weixin.qq.com': { errcode: 40029 },
        'sz.api.weixin.qq.com': { errcode: 40066 },
        'hk.api.weixin.qq.com': { errcode: 40029 },
      }
      const body = answers[url.host]
      if (body) return Response.json(body)
      throw new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ENOTFOUND' }) })
    })
    onTestFinished(() => void vi.unstubAllGlobals())
    const { out } = await run(['doctor', '--real', 'canary-code'], others)
    expect(out.split('\n').filter((line) => line.includes('https://'))).toEqual([
      '✓ https://api2.weixin.qq.com: exchanges codes',
      '✓ https://sh.api.weixin.qq.com: does not answer (ENOTFOUND)',
      '✓ https://sz.api.weixin.qq.com: errcode 40066',
      '✓ https://hk.api.weixin.qq.com: exchanges codes',
    ])
    const elsewhere = asked.filter(({ host }) => host !== 'api.weixin.qq.com')
    expect(elsewhere).toHaveLength(4)
    expect(new Set(elsewhere.map(({ searchParams }) => searchParams.get('js_code')))).toEqual(
      new Set(['no-code-of-wx-login']),
    )
    for (const { href } of elsewhere) expect(href).not.toContain('canary-code')
  })

  test('doctor --real warns of a WeChat that signs with the bytes of the session_key, and asks to report it', async () => {
    const { env } = await prepare()
    const session_key = Buffer.alloc(16, 7).toString('base64')
    const bytes = createHmac('sha256', Buffer.alloc(16, 7)).update('').digest('hex')
    const base = await answer(({ searchParams }) => ({
      errcode: (searchParams.get('signature') ?? bytes) === bytes ? 0 : 87009,
      openid: 'canary-openid',
      session_key,
      access_token: 'canary-token',
    }))
    const { code, out } = await run(['doctor', '--real', 'abc'], { ...env, WECHAT_API_BASE_URL: base })
    expect(code).toBe(0)
    expect(out).toMatch(/! checksession: key as text: errcode 87009; as bytes: errcode 0\n {4}→ .*report this line/)
    for (const secret of ['canary', session_key, bytes]) expect(out).not.toContain(secret)
  })

  test('doctor --real fails for a code that WeChat refuses, and says how to get one', async () => {
    const { env } = await prepare()
    const { code, out } = await run(['doctor', '--real', 'nothing'], env)
    expect(code).toBe(1)
    expect(out).toMatch(/✗ code2Session: errcode 40029\n {4}→ take a new code/)
    expect(out).not.toMatch(/checksession|the same code again/)
  })
})
