import { execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateVaultKey } from '@weapp-auth/fastify'
import { startPostgres, startRedis } from '@weapp-auth/test-servers'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { call, signIn, startProcess } from './process.ts'
import { environment } from './service.ts'
import { POSTGRES } from './sql.ts'

const DOCUMENTS = ['on-call.md', 'on-call.zh-CN.md'].map((name) =>
  readFileSync(join(import.meta.dirname, '../../../docs', name), 'utf8'),
)

/** In the log after `mark`, and in both documents beside the `problem` that the phone shows; null: it shows none. */
async function expectTold(service: Service, mark: number, text: string, problem: string | null): Promise<void> {
  await expect.poll(() => service.output().slice(mark)).toContain(text)
  for (const document of DOCUMENTS) {
    const begins = problem === null ? /^\| (none|无) \|/ : new RegExp(`^\\| \`${problem}\``)
    const rows = document.split('\n').filter((line) => begins.test(line))
    expect(
      rows.some((row) => row.includes(`\`${text}\``)),
      `${text} beside ${problem}`,
    ).toBe(true)
  }
}

/** A user goes on trying: of an outage the log tells once a second at most. */
async function expectRefused(service: Service, answer: { status: number; code: string }, text: string): Promise<void> {
  const mark = service.output().length
  const isTold = async () => {
    expect(await service.trySignIn()).toEqual(answer)
    return service.output().slice(mark).includes(text)
  }
  await expect.poll(isTold, { interval: 200 }).toBe(true)
  await expectTold(service, mark, text, answer.code)
}

/** Stops a server and the processes that it has for its connections, which would go on answering. */
function freeze(pid: number): () => void {
  process.kill(pid, 'SIGSTOP')
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
  const send = (child: number, signal: NodeJS.Signals) => {
    try {
      process.kill(child, signal)
    } catch {
      // Its connection has ended meanwhile.
    }
  }
  for (const child of children) send(child, 'SIGSTOP')
  const unfreeze = () => {
    for (const each of [...children, pid]) send(each, 'SIGCONT')
  }
  onTestFinished(unfreeze)
  return unfreeze
}

type Service = Awaited<ReturnType<typeof start>>

async function start(env: Record<string, string>) {
  // Without the signal, a write beyond the limit of a process for files fails as on a full disk.
  const service = startProcess({ ...env, WECHAT_EMULATOR: 'on' }, [], "trap '' XFSZ")
  const address = await service.address
  return {
    address,
    output: service.output,
    child: service.child,
    ended: service.ended,
    async trySignIn(change: Record<string, unknown> = {}) {
      const { data: login } = await call(`${address}/emulator/wx-login`, { body: { user: 'alice' } })
      const { status, data } = await call(`${address}/v1/sessions`, { body: { ...login, ...change } })
      return { status, code: data.code as string }
    },
    setFault: (fault: Record<string, unknown>) =>
      call(`${address}/emulator/faults`, { body: { point: 'jscode2session', ...fault } }),
  }
}

const NOT_LISTED = 'invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: 68a1-b2'

const WECHAT_FAULTS = [
  [{ errcode: 40226 }, 'errcode 40226', 403, 'wechat_user_blocked'],
  [{ errcode: 45011 }, 'errcode 45011', 429, 'wechat_rate_limited'],
  [{ errcode: 40029 }, 'errcode 40029', 400, 'code_invalid'],
  [{ errcode: 40125 }, 'errcode 40125', 500, 'wechat_misconfigured'],
  [{ errcode: -1 }, 'errcode -1', 503, 'wechat_busy'],
  [{ body: JSON.stringify({ errcode: 40164, errmsg: NOT_LISTED }) }, 'errcode 40164', 500, 'wechat_misconfigured'],
  [{ reset: true }, '"code":"wechat_unreachable"', 502, 'wechat_unreachable'],
  [{ hang: true }, '"code":"wechat_timeout"', 504, 'wechat_timeout'],
] as const

describe('docs/on-call.md', () => {
  test('WeChat in trouble, and one user: the log says what the documents say', { timeout: 120_000 }, async () => {
    const token = 'canary-service-token'
    const serviceApi = { SERVICE_PORT: '0', SERVICE_TOKENS: `oncall:write:${hash('sha256', token)}` }
    const service = await start({ ...(await environment('embedded')), ...serviceApi, SESSION_LIMIT: '2' })
    for (const [fault, text, status, problem] of WECHAT_FAULTS) {
      await service.setFault(fault)
      await expectRefused(service, { status, code: problem }, text)
    }
    await call(`${service.address}/emulator/faults`, { method: 'DELETE' })
    for (const errcode of [1400001, 48001]) {
      await service.setFault({ point: 'getuserphonenumber', errcode })
      const mark = service.output().length
      const text = `errcode ${errcode}`
      const isTold = async () => {
        const { data: given } = await call(`${service.address}/emulator/phone-code`, { body: { user: 'alice' } })
        const refused = { status: 500, code: 'wechat_misconfigured' }
        expect(await service.trySignIn({ phoneCode: given.code })).toEqual(refused)
        return service.output().slice(mark).includes(text)
      }
      // Seldom: a user may send ten phone codes an hour.
      await expect.poll(isTold, { interval: 1_100 }).toBe(true)
      await expectTold(service, mark, text, 'wechat_misconfigured')
      expect((await service.trySignIn()).status).toBe(201)
    }
    await call(`${service.address}/emulator/faults`, { method: 'DELETE' })
    // The address to allow is the one that WeChat has seen.
    expect(service.output()).toContain('address 203.0.113.7')

    let mark = service.output().length
    expect(await service.trySignIn({ appid: 'wx1111111111111111' })).toEqual({ status: 404, code: 'appid_unknown' })
    await expectTold(service, mark, '"code":"appid_unknown"', 'appid_unknown')
    expect(service.output().slice(mark)).toContain('"appid":"wx1111111111111111"')

    mark = service.output().length
    const first = await signIn(service.address, 'bob')
    const second = await signIn(service.address, 'bob')
    await call(`${service.address}/v1/sessions?scope=others`, { method: 'DELETE', token: second.token })
    const { status, data } = await call(`${service.address}/v1/me`, { token: first.token })
    expect([status, data.code]).toEqual([401, 'session_revoked'])
    await expectTold(service, mark, 'the session was ended: signed_out_elsewhere', 'session_revoked')
    const lines = service.output().slice(mark).split('\n')
    const refusals = lines.filter((line) => line.includes(data.requestId) && line.includes('the session was ended'))
    expect(refusals).toEqual([expect.stringContaining(first.userId)])
    expect(lines.some((line) => line.includes(first.userId) && line.includes('"msg":"signed in"'))).toBe(true)

    mark = service.output().length
    const oldest = await signIn(service.address, 'carol')
    for (const _ of [2, 3]) await signIn(service.address, 'carol')
    const refusal = await call(`${service.address}/v1/me`, { token: oldest.token })
    expect(refusal).toMatchObject({ status: 401, data: { code: 'session_revoked', reason: 'limit' } })
    await expectTold(service, mark, 'the session was ended: limit', 'session_revoked')

    mark = service.output().length
    const [, operators] = /holders of service tokens, on (\S+)/.exec(service.output()) ?? []
    const { userId, token: ended } = await signIn(service.address, 'alice')
    const disabled = `${operators}/service/v1/users/${userId}/disabled`
    await call(disabled, { method: 'PUT', token, body: { reason: 'a test' } })
    expect(await service.trySignIn()).toEqual({ status: 403, code: 'user_disabled' })
    await expectTold(service, mark, 'the user is disabled', 'user_disabled')
    expect((await call(`${service.address}/v1/me`, { token: ended })).data).toMatchObject({ code: 'session_revoked' })
    await expectTold(service, mark, 'the session was ended: admin', 'session_revoked')

    mark = service.output().length
    expect((await call(`${service.address}/v1/verify`)).data).toMatchObject({ code: 'session_missing' })
    await expectTold(service, mark, 'no bearer token', 'session_missing')

    execFileSync('prlimit', [`--pid=${service.child.pid}`, '--fsize=1:'])
    await expectRefused(service, { status: 503, code: 'store_unavailable' }, 'disk I/O error')
  })

  test('a sign-in hook that is not there, nor a program for events: nobody signs in', {
    timeout: 120_000,
  }, async () => {
    const hook = { HOOK_SIGN_IN_URL: 'http://127.0.0.1:1/sign-in', HOOK_SECRET: 'canary-hook-secret' }
    const env = { ...(await environment('embedded')), ...hook, EVENTS_URL: 'http://127.0.0.1:1/events' }
    const service = await start(env)
    await expectRefused(service, { status: 503, code: 'hook_unavailable' }, 'the sign-in hook failed')
    await expectTold(service, 0, 'an event was not delivered', null)
    expect(service.output()).not.toContain(hook.HOOK_SECRET)
  })

  test('a proxy without TRUST_PROXY: all phones share one limit', { timeout: 120_000 }, async () => {
    const service = await start(await environment('embedded'))
    const headers = { 'x-forwarded-for': '203.0.113.7', 'content-type': 'application/json' }
    const ask = () => fetch(`${service.address}/v1/sessions`, { method: 'POST', headers, body: '{}' })
    let answer = await ask()
    for (let n = 0; n < 600 && answer.status !== 429; n++) {
      await answer.body?.cancel()
      answer = await ask()
    }
    expect([answer.status, await answer.json()]).toMatchObject([429, { code: 'rate_limited' }])
    await expectTold(service, 0, 'TRUST_PROXY is not set', 'rate_limited')
  })

  test('Redis and the database in trouble: the same, and the service is back by itself', {
    timeout: 240_000,
  }, async () => {
    const [redis, postgres] = await Promise.all([startRedis(), startPostgres()])
    onTestFinished(async () => {
      await Promise.all([redis.stop(), postgres.stop()])
    })
    const shared = await environment('shared', postgres.url)
    const env: Record<string, string> = { ...shared, REDIS_URL: redis.url, SESSION_CACHE_MS: '0' }
    const service = await start(env)
    const { token } = await signIn(service.address, 'alice')
    const admin = new Redis(redis.url)
    admin.on('error', () => {})
    onTestFinished(() => admin.disconnect())
    const isBack = () => vi.waitFor(async () => expect((await service.trySignIn()).status).toBe(201), 10_000)

    const expectUnavailable = (text: string) => expectRefused(service, { status: 503, code: 'store_unavailable' }, text)

    await admin.config('SET', 'maxmemory', '1')
    await expectUnavailable('OOM command not allowed')
    await admin.config('SET', 'maxmemory', '0')
    await isBack()

    const phone = await signIn(service.address, 'bob')
    for (const index of await admin.keys('*:u{*')) await admin.del(index)
    const signOutOthers = () =>
      call(`${service.address}/v1/sessions?scope=others`, { method: 'DELETE', token: phone.token })
    let mark = service.output().length
    const isTold = async () => {
      expect(await signOutOthers()).toMatchObject({ status: 503, data: { code: 'store_unavailable' } })
      return service.output().slice(mark).includes('evicted')
    }
    await expect.poll(isTold, { interval: 200 }).toBe(true)
    await expectTold(service, mark, 'sessions was evicted from Redis', 'store_unavailable')

    mark = service.output().length
    await admin.flushall()
    expect((await call(`${service.address}/v1/me`, { token })).data).toMatchObject({ code: 'session_invalid' })
    await expectTold(service, mark, 'no live session has this token', 'session_invalid')

    await postgres.kill('SIGQUIT')
    await expectUnavailable('the user store failed')
    expect((await call(`${service.address}/readyz`)).status).toBe(200)
    await postgres.start()
    await isBack()

    const other = await POSTGRES.connect(env.DATABASE_URL ?? '')
    await other.query('begin; select * from weapp_auth_identities for update')
    await expectUnavailable('canceling statement due to statement timeout')
    await other.end()

    const unfreeze = freeze(postgres.pid)
    await expectUnavailable('the user store did not answer within')
    unfreeze()
    await isBack()

    await redis.kill()
    await expectUnavailable('the session store (Redis) cannot be reached')
    const ready = await call(`${service.address}/readyz`)
    expect(ready).toMatchObject({ status: 503, data: { stores: { sessions: 'down' } } })
    await redis.start()
    await isBack()

    const before = await signIn(service.address, 'bob')
    service.child.kill('SIGTERM')
    await service.ended
    const second = await start({ ...env, SESSION_KEY_KEYS: generateVaultKey() })
    await expectTold(second, 0, 'missing from the key ring', 'session_key_stale')

    mark = second.output().length
    await call(`${second.address}/emulator/clock`, { body: { advanceMs: 3 * 3_600_000 } })
    const { status, data } = await call(`${second.address}/v1/me`, { token: before.token })
    expect([status, data.code]).toEqual([401, 'session_invalid'])
    await expectTold(second, mark, 'no live session has this token', 'session_invalid')
    const lines = second.output().slice(mark).split('\n')
    expect(lines).toContainEqual(expect.stringMatching(`"userId":"${before.userId}".*no live session has this token`))
  })
})
