import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ApiError } from '../../src/index.ts'
import { APPID, OTHER_APPID, type Service, startService } from '../service.ts'

const DECRYPT = '/v1/open-data/decrypt'
const VERIFY = '/v1/open-data/verify'

const post = ({ app }: Service, url: string, payload: object, headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url, payload, headers })

describe('POST /v1/open-data/decrypt', () => {
  it('open data from WeChat is decrypted, and answered without openId and unionId', async () => {
    const service = await startService()
    const { headers } = await service.signIn('alice')
    const info = service.world.userInfo('alice', APPID)
    const answer = await post(service, DECRYPT, info, headers)
    expect([answer.statusCode, answer.headers['cache-control']]).toEqual([200, 'no-store'])
    expect(answer.json()).toEqual({ data: info.userInfo })
    expect(answer.body).not.toContain(service.world.openid('alice', APPID))
  })

  it('open data of any shape is decrypted unchanged', async () => {
    const service = await startService()
    const { headers } = await service.signIn('alice')
    const data = JSON.parse('{"steps":[{"n":1},null],"empty":{},"text":"\\u0000👍","zero":0}')
    const answer = await post(service, DECRYPT, service.world.encrypt('alice', APPID, data), headers)
    expect(answer.body).toBe(JSON.stringify({ data }))
  })

  it('open data of the current session_key and of the one before is decrypted, and of no older one', async () => {
    const service = await startService()
    const encrypt = () => service.world.encrypt('alice', APPID, { n: 1 })
    const signInAnew = () => {
      service.world.expireSessionKey('alice', APPID)
      return service.signIn('alice')
    }
    await service.signIn('alice')
    const oldest = encrypt()
    await signInAnew()
    const previous = encrypt()
    const { headers } = await signInAnew()
    const status = async (data: object) => (await post(service, DECRYPT, data, headers)).statusCode
    expect([await status(encrypt()), await status(previous), await status(oldest)]).toEqual([200, 200, 409])
  })

  it('open data of another user is refused, also when it is encrypted with the key of the caller', async () => {
    const service = await startService()
    const [alice, bob] = [await service.signIn('alice'), await service.signIn('bob')]
    const info = service.world.userInfo('alice', APPID)
    expect((await post(service, DECRYPT, info, bob.headers)).json()).toMatchObject({ code: 'session_key_stale' })
    expect((await post(service, VERIFY, info, bob.headers)).json()).toMatchObject({ code: 'session_key_stale' })
    // Encrypted with bob's key, and yet about alice.
    const forged = service.world.encrypt('bob', APPID, { openId: service.world.openid('alice', APPID) })
    expect((await post(service, DECRYPT, forged, bob.headers)).json()).toMatchObject({ code: 'session_key_stale' })
    expect((await post(service, DECRYPT, info, alice.headers)).statusCode).toBe(200)
  })

  it('open data older than an hour by the clock of the service is refused', async () => {
    const service = await startService()
    const { headers } = await service.signIn('alice')
    const data = service.world.encrypt('alice', APPID, { n: 1 })
    service.advance(3_590_000)
    expect((await post(service, DECRYPT, data, headers)).statusCode).toBe(200)
    service.advance(20_000)
    expect((await post(service, DECRYPT, data, headers)).statusCode).toBe(409)
  })

  it.each([
    ['encryptedData', '!'],
    ['encryptedData', 'AAA'],
    ['encryptedData', 'AAAA-AAA'],
    ['encryptedData', 'AA==AAAA'],
    ['iv', '=AAA'],
    ['iv', 'AAAA AAA'],
  ])('the %s %j, which is not base64, is refused as a mistake of the caller', async (field, text) => {
    const service = await startService()
    const { headers } = await service.signIn('alice')
    const data = service.world.encrypt('alice', APPID, { n: 1 })
    const answer = await post(service, DECRYPT, { ...data, [field]: text }, headers)
    expect(answer.json()).toMatchObject({ status: 400, code: 'request_invalid', detail: `${field} must be base64` })
  })

  it('every failure to decrypt gets the same answer, but for its requestId', async () => {
    const service = await startService()
    const { world, users } = service
    const { headers } = await service.signIn('alice')
    const { headers: host } = await ownAccount(service)
    const data = world.encrypt('alice', APPID, { n: 1 })
    const bytes = Buffer.from(data.encryptedData, 'base64')
    const altered = (at: number) => {
      const copy = Buffer.from(bytes)
      copy[at] = (copy[at] ?? 0) ^ 1
      return { ...data, encryptedData: copy.toString('base64') }
    }
    const failures = [
      ...Array.from(bytes, (_, at) => altered(at)),
      { ...data, iv: randomBytes(16).toString('base64') },
      { ...data, iv: '' },
      { ...data, encryptedData: '' },
      { ...data, encryptedData: 'A'.repeat(12_000) },
      world.encrypt('alice', APPID, { openId: 'somebody' }),
      world.encrypt('bob', APPID, {}),
    ]
    const answers = [await post(service, DECRYPT, data, host), await post(service, VERIFY, SIGNED, headers)]
    for (const failure of failures) answers.push(await post(service, DECRYPT, failure, headers))
    users.findKeys = async () => ({ openid: world.openid('alice', APPID), sessionKeys: [] })
    answers.push(await post(service, DECRYPT, data, headers))
    const seen = answers.map(({ statusCode, headers: { date: _, ...headers }, body, json }) => {
      const { requestId } = json()
      const length = Number(headers['content-length']) - requestId.length
      return JSON.stringify([statusCode, { ...headers, 'content-length': length }, body.replace(requestId, '')])
    })
    expect(new Set(seen).size).toBe(1)
    expect(answers[0]?.json()).toEqual({
      type: 'urn:weapp-auth:problem:session_key_stale',
      title: expect.any(String),
      status: 409,
      code: 'session_key_stale',
      requestId: expect.any(String),
    })
  })

  it.each([
    ['nothing', {}, 'encryptedData is missing, iv is missing'],
    ['a number as iv', { encryptedData: '', iv: 5 }, 'iv must be string'],
  ])('POST /v1/open-data/decrypt refuses a body with %s', async (_, body, detail) => {
    const service = await startService()
    const { headers } = await service.signIn('alice')
    expect((await post(service, DECRYPT, body, headers)).json()).toMatchObject({ code: 'request_invalid', detail })
  })

  it('POST /v1/open-data/decrypt needs a session', async () => {
    const service = await startService()
    const info = service.world.userInfo('alice', APPID)
    expect((await post(service, DECRYPT, info)).json()).toMatchObject({ code: 'session_missing' })
    expect((await post(service, VERIFY, info)).json()).toMatchObject({ code: 'session_missing' })
  })

  it('POST /v1/open-data/decrypt answers 503 while the users are away', async () => {
    const service = await startService()
    const { headers } = await service.signIn('alice')
    service.users.findKeys = () => Promise.reject(new ApiError('store_unavailable', 'away'))
    expect((await post(service, DECRYPT, { encryptedData: '', iv: '' }, headers)).statusCode).toBe(503)
  })
})

const SIGNED = { rawData: '{}', signature: 'a'.repeat(40) }

describe('POST /v1/open-data/verify', () => {
  it('POST /v1/open-data/verify accepts rawData only exactly as WeChat signed it', async () => {
    const service = await startService()
    const { headers } = await service.signIn('alice')
    const { rawData, signature } = service.world.userInfo('alice', APPID)
    const answer = await post(service, VERIFY, { rawData, signature }, headers)
    expect([answer.statusCode, answer.json()]).toEqual([200, { valid: true }])
    for (const changed of [{ rawData: `${rawData} `, signature }, { rawData, signature: signature.slice(1) }, SIGNED]) {
      expect((await post(service, VERIFY, changed, headers)).json()).toMatchObject({ code: 'session_key_stale' })
    }
  })
})

/** A session of somebody who never signed in through this mini-program. */
async function ownAccount(service: Service) {
  const { userId } = await service.signIn('carol')
  const { token } = await service.app.weappAuth.issue(userId, { appid: OTHER_APPID })
  return { headers: { authorization: `Bearer ${token}` } }
}
