import { setTimeout } from 'node:timers/promises'
import { createWorld, startWechat, type World } from '@weapp-auth/emulator'
import { expect, onTestFinished, test, vi } from 'vitest'
import { call, type ServiceProcess, startProcess } from './process.ts'
import { environment } from './service.ts'
import { type Admin, connectTo, type SqlEngine } from './sql.ts'

const APP = { appid: 'wx1', secret: 'secret-1', platform: 'p' }
const OTHER_APP = { appid: 'wx2', secret: 'secret-2', platform: 'p' }
const APPS = [APP, OTHER_APP].map(({ appid, secret }) => ({ appid, secrets: [secret] }))

interface Instances {
  world: World
  services: ServiceProcess[]
  addresses: string[]
  database: Admin
  /** Posts a code to one of the instances, in turn. */
  post(i: number, login: { code: string }, appid?: string): ReturnType<typeof call>
}

/** Three processes on one Redis and one server for the users, as a deployment has them. */
async function startInstances({ url }: SqlEngine): Promise<Instances> {
  const world = createWorld({ apps: [APP, OTHER_APP], exchangesPerMinute: 10_000 })
  const wechat = await startWechat(world)
  onTestFinished(() => wechat.close())
  const env: Record<string, string> = {
    ...(await environment('shared', url ?? '')),
    WECHAT_API_BASE_URL: wechat.baseUrl,
    WECHAT_APPS: JSON.stringify(APPS),
  }
  const services = [startProcess(env), startProcess(env), startProcess(env)]
  const addresses = await Promise.all(services.map(({ address }) => address))
  const database = await connectTo(env.DATABASE_URL ?? '')
  const post: Instances['post'] = (i, { code }, appid = APP.appid) =>
    call(`${addresses[i % addresses.length]}/v1/sessions`, { body: { appid, code } })
  // While it opens its connections a process on a busy machine may find a store too slow, and rightly says 503.
  await vi.waitFor(async () => {
    const answers = await Promise.all(times(30, (i) => post(i, world.login(`warm ${i}`, APP.appid))))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
  }, 60_000)
  await database.query('delete from weapp_auth_users')
  return { world, services, addresses, database, post }
}

/**
 * Signs in with all logins at once. On a machine that stands still for a second a store may be too slow, and the service rightly
 * says 503: such a phone signs in again with a new code, as the client does. `isNew` of a lost answer is lost with it.
 */
async function signInAll({ world, post }: Instances, count: number, appidOf: (i: number) => string = () => APP.appid) {
  let lost = 0
  const signIn = async (i: number, tries: number): Promise<Answer> => {
    const appid = appidOf(i)
    const answer = await post(i, world.login('alice', appid), appid)
    if (answer.status !== 503 || tries === 0) return answer
    lost++
    await setTimeout(1_000)
    return signIn(i, tries - 1)
  }
  const answers = await Promise.all(times(count, (i) => signIn(i, 10)))
  expect(answers.filter(({ status }) => status !== 201)).toEqual([])
  return { users: new Set(answers.map(({ data }) => data.user.id)), created: answers.filter(isNew).length, lost }
}

type Answer = Awaited<ReturnType<typeof call>>

const isNew = ({ data }: Answer): boolean => data.user.isNew

const times = <T>(count: number, run: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => run(i))

async function rows({ database }: Instances, table: 'users' | 'identities'): Promise<number> {
  return (await database.query(`select * from weapp_auth_${table}`)).length
}

/** What three processes do with one user, one code and one access_token at the same time. */
export function threeProcesses(engine: SqlEngine): void {
  const start = () => startInstances(engine)

  test('three processes make one exchange and one session of a code that is submitted 50 times', async () => {
    const instances = await start()
    const { world, post, addresses } = instances
    const login = world.login('alice', APP.appid)
    const code = world.ledger.alias('code', login.code)
    const answers = await Promise.all(times(50, (i) => post(i, login)))
    const [created, ...others] = answers.filter(({ status }) => status === 201)
    expect(others).toEqual([])
    const refused = answers.filter(({ status }) => status !== 201).map(({ status, data }) => `${status} ${data.code}`)
    expect(refused).toHaveLength(49)
    expect(['409 code_used', '409 login_in_progress']).toEqual(expect.arrayContaining([...new Set(refused)]))
    expect(world.ledger.count('jscode2session', { code })).toBe(1)
    const ended = await call(`${addresses[1]}/v1/sessions?scope=all`, { method: 'DELETE', token: created?.data.token })
    expect(ended.data).toEqual({ revoked: 1 })
    expect(await rows(instances, 'users')).toBe(1)
  })

  test('three processes make one user of 50 first sign-ins of one person at once', async () => {
    const instances = await start()
    const { users, created, lost } = await signInAll(instances, 50)
    expect(users.size).toBe(1)
    expect(created).toBeLessThanOrEqual(1)
    if (lost === 0) expect(created).toBe(1)
    expect([await rows(instances, 'users'), await rows(instances, 'identities')]).toEqual([1, 1])
  })

  test('three processes make one user of one person who comes through two mini-programs at once', async () => {
    const instances = await start()
    const { users } = await signInAll(instances, 20, (i) => (i % 2 === 0 ? APP : OTHER_APP).appid)
    expect(users.size).toBe(1)
    expect([await rows(instances, 'users'), await rows(instances, 'identities')]).toEqual([1, 2])
  })

  test('three processes fetch one access_token for all of them', async () => {
    const { world, post, addresses } = await start()
    const { data } = await post(0, world.login('alice', APP.appid))
    const check = (i: number) => call(`${addresses[i % 3]}/v1/session-key/check`, { method: 'POST', token: data.token })
    world.faults.set('stable_token', { delayMs: 100 })
    expect(await Promise.all(times(30, check))).toEqual(Array(30).fill({ status: 200, data: { valid: true } }))
    expect(world.ledger.count('stable_token', { errcode: 0 })).toBe(1)
  })

  test.each([
    [
      'while WeChat’s answer is on its way',
      async ({ world }: Instances) => {
        world.faults.set('jscode2session', { hang: 'body', applied: true })
        return async () => world.faults.clear()
      },
    ],
    [
      'while the user is being written down',
      async ({ world, database }: Instances) => {
        const [lock, unlock] = engine.lock
        // Not before: MySQL locks the users' table too, and the service sees that it can write before it spends a code.
        const locked = new Promise<unknown>((resolve) => {
          const forget = world.ledger.onBegin(() => {
            forget()
            resolve(database.query(lock))
          })
        })
        world.faults.set('jscode2session', { delayMs: 500 })
        return async () => {
          await locked
          await database.query(unlock)
          world.faults.clear()
        }
      },
    ],
  ])('three processes make no second session of a code whose process was killed %s', async (_, hold) => {
    const instances = await start()
    const { world, services, post } = instances
    const release = await hold(instances)
    const login = world.login('alice', APP.appid)
    const code = world.ledger.alias('code', login.code)
    const lost = post(0, login).catch((error: unknown) => error)
    await expect.poll(() => world.ledger.count('jscode2session', { code })).toBe(1)
    services[0]?.child.kill('SIGKILL')
    await services[0]?.ended
    expect(await lost).toBeInstanceOf(Error)
    await release()

    // Nobody can tell at once that the process is dead: the code counts as in progress for as long as an exchange may take.
    const seen = new Set<string>()
    await expect
      .poll(async () => {
        const { status, data } = await post(1, login)
        seen.add(`${status} ${data.code}`)
        return data.code
      })
      .toBe('code_used')
    expect(['409 login_in_progress', '409 code_used']).toEqual(expect.arrayContaining([...seen]))
    expect(world.ledger.count('jscode2session', { code })).toBe(1)
    const again = await post(2, world.login('alice', APP.appid))
    expect(again.status).toBe(201)
    const ended = await call(`${instances.addresses[1]}/v1/sessions?scope=all`, {
      method: 'DELETE',
      token: again.data.token,
    })
    expect(ended.data).toEqual({ revoked: 1 })
  })
}
