import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { describe, expect, inject, it, onTestFinished, vi } from 'vitest'
import {
  ApiError,
  createSessionKeyVault,
  createSqlPhoneStore,
  createSqlUserStore,
  generateVaultKey,
  type PhonesOptions,
} from '../../src/index.ts'
import { openSqlite } from '../databases.ts'
import { holdClock } from '../held-clock.ts'
import { APPID, type ServiceOptions, startService } from '../service.ts'

const NUMBER = '13800138000'

interface Options extends ServiceOptions {
  linkByPhone?: PhonesOptions['linkByPhone']
}

async function startWithPhones({ linkByPhone, ...options }: Options = {}) {
  const { db, close } = await openSqlite()
  onTestFinished(close)
  const vault = createSessionKeyVault({ keys: generateVaultKey() })
  const users = createSqlUserStore({ db, vault })
  const store = createSqlPhoneStore({ db, vault })
  const lines: string[] = []
  const errors: string[] = []
  const service = await startService({
    server: { logger: { level: 'trace', stream: { write: (line: string) => void lines.push(line) } } },
    early: (app: FastifyInstance) =>
      app.addHook('onError', async (_request, _reply, error) => void errors.push(inspect(error, { depth: 9 }))),
    ...options,
    users,
    phones: { store, ...(linkByPhone && { linkByPhone }) },
  })
  const { app, world } = service
  world.phones.set('alice', { number: NUMBER })
  const phoneCode = (user = 'alice') => world.phones.issueCode(user, APPID).code
  const signInWith = (code: string | undefined, user = 'alice', phone = code) => {
    const payload = {
      appid: APPID,
      code: world.login(user, APPID).code,
      ...(phone !== undefined && { phoneCode: phone }),
    }
    return app.inject({ method: 'POST', url: '/v1/sessions', payload })
  }
  const bind = (headers: object, code: unknown = phoneCode()) =>
    app.inject({ method: 'POST', url: '/v1/me/phone', headers: { ...headers }, payload: { code } })
  const me = async (headers: object) => (await app.inject({ url: '/v1/me', headers: { ...headers } })).json()
  const countUsers = async () => (await db.selectFrom('weapp_auth_users').select('id').execute()).length
  const asked = () => world.ledger.count('getuserphonenumber')
  return { ...service, store, phoneCode, signInWith, bind, me, countUsers, asked, lines, errors }
}

describe('POST /v1/me/phone', () => {
  it('a phone code proves a number: the phone sees it masked, the server alone has all of it', async () => {
    const { app, signIn, bind, me, asked } = await startWithPhones()
    const { headers, userId } = await signIn()
    expect(await me(headers)).not.toHaveProperty('phoneMasked')
    expect(await app.weappAuth.findPhone(userId)).toBeNull()
    const answer = await bind(headers)
    expect([answer.statusCode, answer.json()]).toEqual([200, { phoneMasked: '138****8000', countryCode: '86' }])
    expect(await me(headers)).toMatchObject({ user: { id: userId }, phoneMasked: '138****8000' })
    expect(await app.weappAuth.findPhone(userId)).toEqual({ number: NUMBER, countryCode: '86', isProven: true })
    expect(asked()).toBe(1)
  })

  it('DELETE /v1/me/phone removes the number, and is no error when there is none', async () => {
    const { app, signIn, bind, me } = await startWithPhones()
    const { headers, userId } = await signIn()
    await bind(headers)
    for (let i = 0; i < 2; i++) {
      expect((await app.inject({ method: 'DELETE', url: '/v1/me/phone', headers })).statusCode).toBe(204)
    }
    expect(await me(headers)).not.toHaveProperty('phoneMasked')
    expect(await app.weappAuth.findPhone(userId)).toBeNull()
  })

  it('a number moves to the user who proved it last, and the log names both users', async () => {
    const { app, world, signIn, bind, me, lines } = await startWithPhones()
    const [alice, bob] = [await signIn(), await signIn('bob')]
    await bind(alice.headers)
    world.phones.set('bob', { number: NUMBER })
    expect((await bind(bob.headers, world.phones.issueCode('bob', APPID).code)).statusCode).toBe(200)
    expect([await me(alice.headers), await me(bob.headers)]).toMatchObject([{}, { phoneMasked: '138****8000' }])
    expect(await app.weappAuth.findPhone(alice.userId)).toBeNull()
    expect(lines.join('')).toContain(`"userId":"${bob.userId}","movedFrom":"${alice.userId}"`)
  })

  it('the phone code of another user is refused, because WeChat compares the openid, and is not spent', async () => {
    const { signIn, bind, phoneCode } = await startWithPhones()
    const [alice, bob] = [await signIn(), await signIn('bob')]
    const code = phoneCode('alice')
    expect((await bind(bob.headers, code)).json()).toMatchObject({ status: 400, code: 'phone_code_invalid' })
    expect((await bind(alice.headers, code)).statusCode).toBe(200)
  })

  it('a phone code that was used or is too old is refused, and so is a login code', async () => {
    const { world, signIn, bind, phoneCode } = await startWithPhones()
    const { headers } = await signIn()
    const used = phoneCode()
    await bind(headers, used)
    const old = phoneCode()
    world.clock.advance(5 * 60_000)
    for (const code of [used, old, world.login('alice', APPID).code]) {
      const answer = (await bind(headers, code)).json()
      expect(answer).toMatchObject({
        status: 400,
        code: 'phone_code_invalid',
        detail: expect.stringContaining('five minutes'),
      })
    }
  })

  it.each([{}, { code: 5 }, { code: '' }, { code: 'a b' }, { code: 'c'.repeat(257) }])(
    'the body %j is refused before WeChat is asked',
    async (payload) => {
      const { app, signIn, asked } = await startWithPhones()
      const { headers } = await signIn()
      const answer = await app.inject({ method: 'POST', url: '/v1/me/phone', headers, payload })
      expect(answer.json()).toMatchObject({ status: 400, code: 'request_invalid' })
      expect(asked()).toBe(0)
    },
  )

  it('proving a number needs a session', async () => {
    const { bind } = await startWithPhones()
    expect((await bind({})).json()).toMatchObject({ status: 401, code: 'session_missing' })
  })

  it('no phone code is spent while the store takes no writes', async () => {
    const { users, signIn, bind, asked } = await startWithPhones()
    const { headers } = await signIn()
    users.ping = () => Promise.reject(new ApiError('store_unavailable', 'read-only'))
    expect((await bind(headers)).json()).toMatchObject({ code: 'store_unavailable' })
    expect(asked()).toBe(0)
  })

  it('a user who is erased while WeChat is asked gets no number, and is told to try again', async () => {
    const { app, signIn, bind, store } = await startWithPhones()
    const { headers, userId } = await signIn()
    const prove = store.prove
    store.prove = async (...args) => {
      await app.weappAuth.eraseUser(userId)
      return prove(...args)
    }
    const answer = await bind(headers)
    expect(answer.json()).toMatchObject({ status: 503, code: 'store_unavailable' })
    expect(answer.headers['retry-after']).toBe('1')
    expect(await store.findHolder({ number: NUMBER, countryCode: '86' })).toBeNull()
  })

  it('a user without a WeChat identity can prove a number, although WeChat cannot compare the openid', async () => {
    const { app, bind, me } = await startWithPhones()
    const { id } = await app.weappAuth.createUser()
    const { token } = await app.weappAuth.issue(id, { appid: APPID })
    const headers = { authorization: `Bearer ${token}` }
    expect((await bind(headers)).statusCode).toBe(200)
    expect(await me(headers)).toMatchObject({ phoneMasked: '138****8000' })
  })
})

describe.each([
  [40029, 400, 'phone_code_invalid'],
  [40013, 400, 'phone_code_invalid'],
  [40003, 400, 'phone_code_invalid'],
  [1400001, 500, 'wechat_misconfigured'],
  [48001, 500, 'wechat_misconfigured'],
  [40164, 500, 'wechat_misconfigured'],
  [-1, 503, 'wechat_busy'],
  [45011, 429, 'wechat_rate_limited'],
  [12345, 500, 'internal'],
])('errcode %i of getuserphonenumber', (errcode, status, code) => {
  it(`errcode ${errcode} of a phone code is ${code}, makes no user and no session, and stands in the log with what to do`, async () => {
    const { world, signIn, signInWith, bind, phoneCode, countUsers, lines } = await startWithPhones()
    const { headers } = await signIn('bob')
    const before = await countUsers()
    world.faults.set('getuserphonenumber', { errcode })
    expect((await signInWith(phoneCode())).json()).toMatchObject({ status, code })
    expect((await bind(headers, phoneCode('bob'))).json()).toMatchObject({ status, code })
    expect(await countUsers()).toBe(before)
    expect(lines.filter((line) => JSON.parse(line).errcode === errcode)).not.toHaveLength(0)
  })
})

describe('WeChat that does not help', () => {
  it.each([
    ['resets the connection', { reset: true }, 'wechat_unreachable'],
    ['answers no JSON', { body: '<html>' }, 'wechat_bad_response'],
    ['answers without a number', { body: '{"errcode":0,"phone_info":{}}' }, 'wechat_bad_response'],
    [
      'answers no number',
      { body: '{"errcode":0,"phone_info":{"purePhoneNumber":"abc","countryCode":"86"}}' },
      'wechat_bad_response',
    ],
  ])('WeChat %s: the sign-in fails, and makes no user', async (what, fault, code) => {
    const { world, signInWith, phoneCode, countUsers, lines } = await startWithPhones()
    world.faults.set('getuserphonenumber', fault)
    expect((await signInWith(phoneCode())).json()).toMatchObject({ code })
    expect(await countUsers()).toBe(0)
    expect(lines.join('').includes('success without a phone number')).toBe(what.includes('number'))
  })

  it('WeChat says nothing for five seconds: the sign-in fails, and makes no user', async () => {
    const { world, signInWith, phoneCode, countUsers, asked } = await startWithPhones()
    world.faults.set('getuserphonenumber', { hang: true })
    const clock = holdClock()
    const answer = signInWith(phoneCode())
    await clock.until(() => asked() === 1)
    await clock.advance(5_000)
    expect((await answer).json()).toMatchObject({ code: 'wechat_timeout' })
    expect(await countUsers()).toBe(0)
  })

  it('WeChat refuses the access_token once: it is refreshed, and the phone code is still good', async () => {
    const { world, signIn, bind, asked } = await startWithPhones()
    const { headers } = await signIn()
    world.faults.set('getuserphonenumber', { errcode: 40001, times: 1 })
    expect((await bind(headers)).statusCode).toBe(200)
    expect(asked()).toBe(2)
  })
})

describe('a sign-in with a phoneCode', () => {
  it('a sign-in with a phoneCode proves the number before onSignIn runs, and the host can read it there', async () => {
    const seen: unknown[] = []
    const started = await startWithPhones({
      onSignIn: async (user) => void seen.push((await started.app.weappAuth.findPhone(user.id))?.number),
    })
    const { signInWith, phoneCode, me } = started
    const answer = await signInWith(phoneCode())
    expect([answer.statusCode, answer.json().user.isNew]).toEqual([201, true])
    expect(seen).toEqual([NUMBER])
    expect(await me({ authorization: `Bearer ${answer.json().token}` })).toMatchObject({ phoneMasked: '138****8000' })
  })

  it('a sign-in with a phoneCode proves the number once, also where the user has to be read again', async () => {
    const { sessions, signInWith, phoneCode, lines } = await startWithPhones()
    vi.spyOn(sessions, 'create').mockResolvedValueOnce(null)
    expect((await signInWith(phoneCode())).statusCode).toBe(201)
    expect(lines.filter((line) => line.includes('a phone number was proved'))).toHaveLength(1)
  })

  it('a sign-in spends no phone code when the login code is bad, and no login code when the phone code cannot be one', async () => {
    const { app, world, signInWith, phoneCode, asked } = await startWithPhones()
    world.faults.set('jscode2session', { errcode: 40029, times: 1 })
    const code = phoneCode()
    expect((await signInWith(code)).json()).toMatchObject({ code: 'code_invalid' })
    expect(asked()).toBe(0)
    const login = world.login('alice', APPID).code
    const post = (phoneCode: string) =>
      app.inject({ method: 'POST', url: '/v1/sessions', payload: { appid: APPID, code: login, phoneCode } })
    expect((await post('not a code')).json()).toMatchObject({
      code: 'request_invalid',
      detail: expect.stringContaining('a getPhoneNumber button gave'),
    })
    expect((await post(code)).statusCode).toBe(201)
  })

  it('a sign-in without a phoneCode asks for no access_token', async () => {
    const { world, signInWith } = await startWithPhones()
    expect((await signInWith(undefined)).statusCode).toBe(201)
    expect([world.ledger.count('stable_token'), world.ledger.count('getuserphonenumber')]).toEqual([0, 0])
  })
})

it('10 phone codes an hour are taken from one user, with sign-ins and without, and more are not sent to WeChat', async () => {
  const { signIn, signInWith, bind, phoneCode, asked } = await startWithPhones()
  const { headers } = await signIn()
  for (let i = 0; i < 5; i++) {
    expect((await bind(headers)).statusCode).toBe(200)
    expect((await signInWith(phoneCode())).statusCode).toBe(201)
  }
  for (const refused of [await bind(headers), await signInWith(phoneCode())]) {
    expect(refused.json()).toMatchObject({
      status: 429,
      code: 'rate_limited',
      detail: 'more than 10 phone codes an hour',
    })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(3_000)
  }
  expect(asked()).toBe(10)
  expect((await signInWith(phoneCode('bob'), 'bob')).statusCode).toBe(201)
})

it.skipIf(inject('redisUrl') === null)(
  'phone codes are counted in Redis under a name that tells no openid, and not at all without a limit',
  async () => {
    const redis = new Redis(inject('redisUrl') ?? '')
    onTestFinished(() => redis.disconnect())
    const keyPrefix = `test-${randomUUID()}:`
    const unlimited = { phoneCodesPerHour: 0, signInsPerMinute: 0 }
    const uncounted = await startWithPhones({ rateLimits: { redis, keyPrefix, ...unlimited } })
    expect((await uncounted.signInWith(uncounted.phoneCode())).statusCode).toBe(201)
    expect(await redis.keys(`${keyPrefix}*`)).toEqual([])
    const { signInWith, phoneCode, world } = await startWithPhones({ rateLimits: { redis, keyPrefix } })
    expect((await signInWith(phoneCode())).statusCode).toBe(201)
    const keys = await redis.keys(`${keyPrefix}*`)
    expect(keys.filter((key) => key.includes('phone:'))).toHaveLength(1)
    expect(keys.join()).not.toContain(world.openid('alice', APPID))
    await redis.del(keys)
  },
)

describe('linkByPhone', () => {
  async function startImported(options: Options) {
    const started = await startWithPhones(options)
    const { id } = await started.app.weappAuth.createUser()
    expect(await started.app.weappAuth.setPhone(id, { number: NUMBER, countryCode: '86' })).toEqual({ given: true })
    return { ...started, importedId: id }
  }

  it('with linkByPhone the first sign-in of an identity takes over the user who was given the number', async () => {
    const { app, world, signInWith, phoneCode, importedId, countUsers, lines } = await startImported({
      linkByPhone: true,
    })
    const told = () =>
      lines.filter((line) => line.includes('linked by its phone number')).map((line) => JSON.parse(line))
    world.phones.set('bob', { number: '13900139000' })
    await signInWith(phoneCode('bob'), 'bob')
    expect(told()).toEqual([])
    const { user } = (await signInWith(phoneCode())).json()
    expect(user).toMatchObject({ id: importedId, isNew: false })
    expect(told()).toMatchObject([{ userId: importedId, appid: APPID }])
    expect(await app.weappAuth.findPhone(importedId)).toMatchObject({ isProven: true })
    expect((await signInWith(undefined)).json().user.id).toBe(importedId)
    expect(await countUsers()).toBe(2)
  })

  it('linkByPhone is off by default: the number moves to the new user', async () => {
    const { app, signInWith, phoneCode, importedId } = await startImported({})
    const { user } = (await signInWith(phoneCode())).json()
    expect(user).toMatchObject({ isNew: true })
    expect(await app.weappAuth.findPhone(importedId)).toBeNull()
    expect(await app.weappAuth.findPhone(user.id)).toMatchObject({ number: NUMBER })
  })

  it('linkByPhone merges no user who was here before, and the log says what the mini-program needs', async () => {
    const { signIn, bind, importedId, lines } = await startImported({ linkByPhone: true })
    const { headers, userId } = await signIn()
    expect(userId).not.toBe(importedId)
    expect((await bind(headers)).statusCode).toBe(200)
    const warning = lines.find((line) => line.includes('autoLogin: false'))
    expect(JSON.parse(warning ?? '{}')).toMatchObject({ level: 40, userId, otherUserId: importedId })
  })

  it('of eight first sign-ins at the same time with one number one takes over the user, and none fails', async () => {
    const { world, signInWith, phoneCode, importedId, store } = await startImported({ linkByPhone: true })
    const people = Array.from({ length: 8 }, (_, i) => `user${i}`)
    for (const user of people) world.phones.set(user, { number: NUMBER })
    const answers = await Promise.all(people.map((user) => signInWith(phoneCode(user), user)))
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(8).fill(201))
    const ids = answers.map((answer) => answer.json().user.id)
    expect(new Set(ids).size).toBe(8)
    expect(ids.filter((id) => id === importedId).length).toBeLessThanOrEqual(1)
    expect(ids).toContain((await store.findHolder({ number: NUMBER, countryCode: '86' }))?.userId)
  })
})

describe('app.weappAuth.setPhone', () => {
  it('setPhone never moves a number, removes one with null, and refuses what is no number', async () => {
    const { app, signIn, bind } = await startWithPhones()
    const { headers, userId } = await signIn()
    await bind(headers)
    const { id } = await app.weappAuth.createUser()
    const { setPhone } = app.weappAuth
    const alices = { number: NUMBER, countryCode: '86' }
    expect(await setPhone(id, alices)).toEqual({ given: false, reason: 'taken', userId })
    expect(await setPhone(userId, { ...alices, number: '13900000000' })).toEqual({ given: false, reason: 'proven' })
    expect(await setPhone(userId, null)).toEqual({ given: true })
    expect(await setPhone(id, alices)).toEqual({ given: true })
    for (const wrong of [
      { number: '138-0013-8000', countryCode: '86' },
      { number: NUMBER, countryCode: '+86' },
    ]) {
      await expect(setPhone(id, wrong)).rejects.toThrow(RangeError)
    }
    await expect(setPhone('nobody', alices)).rejects.toThrow('there is no such user')
  })

  it('setPhone and findPhone say what is missing where no numbers are kept', async () => {
    const { app } = await startService()
    await expect(app.weappAuth.findPhone('u')).rejects.toThrow('give weappAuth the option phones')
    await expect(app.weappAuth.setPhone('u', null)).rejects.toThrow('give weappAuth the option phones')
  })
})

it('a service without the option phones has no route for numbers, and shows none', async () => {
  const { app, signIn } = await startService()
  const { headers } = await signIn()
  const answer = await app.inject({ method: 'POST', url: '/v1/me/phone', headers, payload: { code: 'c' } })
  expect(answer.statusCode).toBe(404)
  expect((await app.inject({ url: '/v1/me', headers })).json()).not.toHaveProperty('phoneMasked')
})

it('a whole number and a phone code stand in no line of the log, no error and no answer, whatever happens', async () => {
  const { app, world, store, signIn, signInWith, bind, phoneCode, lines, errors } = await startWithPhones({
    linkByPhone: true,
  })
  const answers: string[] = []
  const codes: string[] = []
  const code = (user = 'alice') => {
    codes.push(phoneCode(user))
    return codes.at(-1) ?? ''
  }
  const keep = (answer: { body: string; headers: unknown }) =>
    void answers.push(answer.body, JSON.stringify(answer.headers))
  const { headers } = await signIn()
  keep(await bind(headers, code()))
  keep(await signInWith(code()))
  keep(await app.inject({ url: '/v1/me', headers }))
  world.phones.set('bob', { number: NUMBER })
  keep(await signInWith(code('bob'), 'bob'))
  for (const errcode of [40029, 1400001, -1, 12345]) {
    world.faults.set('getuserphonenumber', { errcode, times: 1 })
    keep(await bind(headers, code()))
  }
  world.faults.set('getuserphonenumber', {
    body: `{"phone_info":{"purePhoneNumber":"x${NUMBER}","countryCode":"86"}}`,
    times: 1,
  })
  keep(await bind(headers, code()))
  store.prove = () => Promise.reject(new ApiError('store_unavailable', 'away'))
  keep(await bind(headers, code()))
  keep(await app.inject({ method: 'DELETE', url: '/v1/me/phone', headers }))
  const text = [...lines, ...errors, ...answers].join('\n')
  expect(lines.length).toBeGreaterThan(20)
  expect(text).not.toContain(NUMBER)
  expect(text).not.toContain(Buffer.from(NUMBER).toString('base64').slice(0, 12))
  for (const each of codes) expect(text).not.toContain(each)
})
