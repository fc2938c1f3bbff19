import { createDecipheriv, hash } from 'node:crypto'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createWorld, DEMO_APP, type World } from '../../src/world.ts'

const { appid } = DEMO_APP
const token = 'PushToken2026'
const aesKey = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG'

interface Received {
  query: Record<string, string>
  type: string
  body: string
}

let world: World
let app: FastifyInstance
let url: string
let received: Received[]
/** What the server answers, one after another; the last one again and again. */
let answers: { status: number; body: string }[]

beforeEach(async () => {
  world = createWorld()
  received = []
  answers = [{ status: 200, body: 'success' }]
  app = Fastify()
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.get<{ Querystring: Record<string, string> }>('/push', ({ query }) => query.echostr)
  app.post<{ Querystring: Record<string, string> }>('/push', ({ query, body, headers }, reply) => {
    received.push({ query, type: String(headers['content-type']), body: String(body) })
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    return reply.code(answer?.status ?? 200).send(answer?.body)
  })
  url = `${await app.listen({ host: '127.0.0.1', port: 0 })}/push`
})
afterEach(() => app.close())

/** What a server written by WeChat's page does, not by ours. */
function decrypt(encrypted: string): { text: string; appid: string } {
  const key = Buffer.from(`${aesKey}=`, 'base64')
  const decipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  const padded = Buffer.concat([decipher.update(encrypted, 'base64'), decipher.final()])
  const content = padded.subarray(16, padded.length - (padded.at(-1) ?? 0))
  const length = content.readUInt32BE(0)
  return { text: content.subarray(4, 4 + length).toString(), appid: content.subarray(4 + length).toString() }
}

const sha1 = (...parts: string[]) => hash('sha1', parts.sort().join(''))

function only(): Received {
  expect(received).toHaveLength(1)
  return received[0] as Received
}

describe.each(['json', 'xml'] as const)('pushed as %s', (format) => {
  const cdata = (name: string, text: string) =>
    new RegExp(`<${name}><!\\[CDATA\\[(.*?)\\]\\]></${name}>`).exec(text)?.[1]
  const field = (name: string, text: string) => (format === 'json' ? JSON.parse(text)[name] : cdata(name, text))

  test('a withdrawn consent arrives encrypted, signed, and about the user', async () => {
    world.pushes.setTarget(appid, { url, token, aesKey, format })
    const result = await world.pushes.accountEvent('alice', appid, 'user_authorization_revoke', { revokeInfo: '8' })
    expect(result).toEqual({ taken: true, attempts: 1, statusCode: 200 })

    const { query, type, body } = only()
    const { signature, timestamp, nonce, msg_signature, encrypt_type, openid } = query as Record<string, string> & {
      timestamp: string
      nonce: string
    }
    expect(type).toBe(format === 'json' ? 'application/json' : 'text/xml')
    expect([encrypt_type, openid]).toEqual(['aes', world.openid('alice', appid)])
    expect(signature).toBe(sha1(token, timestamp, nonce))
    const encrypted = field('Encrypt', body)
    expect(msg_signature).toBe(sha1(token, timestamp, nonce, encrypted))
    expect(body).not.toContain('user_authorization_revoke')

    const inside = decrypt(encrypted)
    expect(inside.appid).toBe(appid)
    const expected = {
      FromUserName: world.openid('alice', appid),
      MsgType: 'event',
      Event: 'user_authorization_revoke',
      OpenID: world.openid('alice', appid),
      AppID: appid,
      RevokeInfo: '8',
    }
    for (const [name, value] of Object.entries(expected)) expect(field(name, inside.text)).toBe(value)
    const createTime =
      format === 'json' ? JSON.parse(inside.text).CreateTime : /<CreateTime>(\d+)</.exec(inside.text)?.[1]
    expect(Number(createTime)).toBeCloseTo(Date.now() / 1000, -1)
  })

  test('in plain mode a pushed message is readable, and nothing but the query is signed', async () => {
    world.pushes.setTarget(appid, { url, token, aesKey, format, encrypted: false })
    await world.pushes.accountEvent('alice', appid, 'user_authorization_cancellation')
    const { query, body } = only()
    expect(field('Event', body)).toBe('user_authorization_cancellation')
    expect([query.msg_signature, query.encrypt_type]).toEqual([undefined, undefined])
    expect(query.signature).toBe(sha1(token, String(query.timestamp), String(query.nonce)))
  })
})

test('the server is asked whether it is the one, and answers the word it was given', async () => {
  world.pushes.setTarget(appid, { url, token, aesKey })
  expect(await world.pushes.verify(appid)).toBe(true)
  world.pushes.setTarget(appid, { url: url.replace('/push', '/elsewhere'), token, aesKey })
  expect(await world.pushes.verify(appid)).toBe(false)
})

test('a message that is not taken is sent three times, the same bytes each time', async () => {
  world.pushes.setTarget(appid, { url, token, aesKey })
  answers = [
    { status: 503, body: '' },
    { status: 200, body: '{"error":true}' },
    { status: 200, body: '' },
  ]
  const result = await world.pushes.accountEvent('alice', appid, 'user_authorization_cancellation')
  expect(result).toEqual({ taken: true, attempts: 3, statusCode: 200 })
  expect(new Set(received.map(({ body, query }) => body + JSON.stringify(query))).size).toBe(1)
  answers = [{ status: 500, body: 'success' }]
  expect(await world.pushes.accountEvent('alice', appid, 'user_authorization_cancellation')).toMatchObject({
    taken: false,
    attempts: 3,
    statusCode: 500,
  })
})

test('a server that is not there is told apart from one that refuses', async () => {
  world.pushes.setTarget(appid, { url: 'http://127.0.0.1:1/push', token, aesKey })
  expect(await world.pushes.accountEvent('alice', appid, 'user_info_modified')).toEqual({
    taken: false,
    attempts: 3,
    statusCode: null,
  })
})

test('the ledger tells of each attempt, without token, key or openid', async () => {
  world.pushes.setTarget(appid, { url, token, aesKey })
  await world.pushes.accountEvent('alice', appid, 'user_authorization_cancellation')
  expect(world.ledger.count('push', { pushed: 'user_authorization_cancellation', attempt: 1, taken: true })).toBe(1)
  const written = JSON.stringify(world.ledger.entries())
  for (const canary of [token, aesKey, world.openid('alice', appid)]) expect(written).not.toContain(canary)
})

test.each([
  [{ url: 'ftp://127.0.0.1/' }, 'url must be an http address'],
  [{ token: 'a' }, 'token must be 3 to 32 letters and digits'],
  [{ aesKey: 'short' }, 'aesKey must be 43 letters and digits'],
  [{ format: 'yaml' }, 'format must be "json" or "xml"'],
])('a target with %o is refused', (wrong, message) => {
  const target = { url, token, aesKey, ...wrong } as Parameters<typeof world.pushes.setTarget>[1]
  expect(() => world.pushes.setTarget(appid, target)).toThrow(message)
})

test('without a target nothing is pushed, and the call says what is missing', async () => {
  await expect(world.pushes.accountEvent('alice', appid, 'user_info_modified')).rejects.toThrow('no address is set')
})
