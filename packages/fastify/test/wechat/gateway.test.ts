import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { createWorld, startWechat } from '@weapp-auth/emulator'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createWechatGateway, type WechatGatewayOptions } from '../../src/wechat/gateway.ts'
import { holdClock } from '../held-clock.ts'

const APPID = 'wx1'
const SECRET = 'canary-secret&+='
const CODE = 'canary-code'
const SESSION_KEY = 'tiihtNczf5v6AKRyjwEUhQ=='
const SUCCESS = { openid: 'o1', session_key: SESSION_KEY }

/** An upstream that answers as it is told, and remembers what it was asked. */
async function upstream(answer: RequestListener) {
  const asked: URL[] = []
  const server = createServer((request, response) => {
    asked.push(new URL(request.url ?? '', 'http://upstream'))
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { asked, baseUrl }
}

function gatewayTo(baseUrl: string, options: Partial<WechatGatewayOptions> = {}) {
  return createWechatGateway({ apps: [{ appid: APPID, secrets: [SECRET] }], baseUrl, ...options })
}

const json =
  (body: unknown): RequestListener =>
  (_, response) =>
    response.setHeader('content-type', 'text/plain').end(JSON.stringify(body))

describe('an exchange with WeChat', () => {
  it('an exchange yields the identity behind a code of wx.login', async () => {
    const world = createWorld({ apps: [{ appid: APPID, secret: SECRET, platform: 'p' }] })
    const wechat = await startWechat(world)
    onTestFinished(() => wechat.close())
    const { code } = world.login('alice', APPID)
    expect(await gatewayTo(wechat.baseUrl).code2Session(APPID, code)).toEqual({
      openid: world.openid('alice', APPID),
      unionid: expect.stringMatching(/^o/),
      sessionKey: expect.stringMatching(/==$/),
    })
    expect(world.ledger.count('jscode2session')).toBe(1)
  })

  it('an exchange sends every parameter as one parameter, below the path of the base URL', async () => {
    const { asked, baseUrl } = await upstream(json(SUCCESS))
    for (const base of ['/proxy', '/proxy/']) {
      await gatewayTo(`${baseUrl}${base}`).code2Session(APPID, 'x&appid=evil#+/?')
    }
    expect(asked.map(({ pathname }) => pathname)).toEqual(Array(2).fill('/proxy/sns/jscode2session'))
    expect([...(asked[0]?.searchParams ?? [])]).toEqual([
      ['appid', APPID],
      ['secret', SECRET],
      ['js_code', 'x&appid=evil#+/?'],
      ['grant_type', 'authorization_code'],
    ])
  })

  it('an exchange takes an openid and a unionid of up to 64 characters', async () => {
    const [openid, unionid] = ['o'.repeat(64), 'u'.repeat(64)]
    const { baseUrl } = await upstream(json({ ...SUCCESS, openid, unionid }))
    expect(await gatewayTo(baseUrl).code2Session(APPID, CODE)).toMatchObject({ openid, unionid })
  })

  it.each([
    ['without errcode', SUCCESS],
    ['with errcode 0', { ...SUCCESS, errcode: 0, errmsg: 'ok' }],
    ['with errcode "0"', { ...SUCCESS, errcode: '0' }],
    ['with an empty unionid', { ...SUCCESS, unionid: '' }],
    ['with a unionid that is null', { ...SUCCESS, unionid: null }],
    ['with fields of a later day', { ...SUCCESS, is_limit: false }],
  ])('an exchange takes a success %s', async (_, body) => {
    const { baseUrl } = await upstream(json(body))
    expect(await gatewayTo(baseUrl).code2Session(APPID, CODE)).toEqual({
      openid: 'o1',
      unionid: null,
      sessionKey: SESSION_KEY,
    })
  })

  it.each([
    [-1, 'wechat_busy', 1],
    [40029, 'code_invalid', undefined],
    ['40029', 'code_invalid', undefined],
    [41008, 'code_invalid', undefined],
    [40163, 'code_used', undefined],
    [40226, 'wechat_user_blocked', undefined],
    [45011, 'wechat_rate_limited', 60],
    [40013, 'wechat_misconfigured', undefined],
    [40125, 'wechat_misconfigured', undefined],
    [40164, 'wechat_misconfigured', undefined],
    [40243, 'wechat_misconfigured', undefined],
    [12345, 'internal', undefined],
  ])('errcode %j of an exchange is %s', async (errcode, code, retryAfterSeconds) => {
    const { asked, baseUrl } = await upstream(json({ errcode, errmsg: `text ${SECRET}, rid: 6a-7b-8c` }))
    const failure = gatewayTo(baseUrl).code2Session(APPID, CODE)
    await expect(failure).rejects.toMatchObject({
      code,
      retryAfterSeconds,
      message: expect.stringContaining(`${errcode}`),
    })
    expect(asked).toHaveLength(1)
  })

  it.each([
    [
      40164,
      'invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist rid: 6a-7b',
      /IP allow-list.*(开发设置).*\(address 203\.0\.113\.9, rid: 6a-7b\)$/,
    ],
    [41004, 'appsecret missing', /AppSecret is missing: set WECHAT_SECRET$/],
    [48001, 'api unauthorized rid: 6a-7b', /no right to this API.*接口权限.*\(rid: 6a-7b\)$/],
    [12345, `secret ${SECRET} not-an.ip 1.2.3`, /errcode that we do not know$/],
  ])(
    'the failure of errcode %i says what it means and where to look, and keeps nothing else of WeChat’s text',
    async (errcode, errmsg, message) => {
      const { baseUrl } = await upstream(json({ errcode, errmsg }))
      const failure = gatewayTo(baseUrl).code2Session(APPID, CODE)
      await expect(failure).rejects.toMatchObject({
        message: expect.stringMatching(message),
        logFields: { errcode },
      })
      await expect(failure).rejects.not.toMatchObject({ message: expect.stringContaining(SECRET) })
    },
  )

  it('the request id of WeChat is kept for the operator', async () => {
    const { baseUrl } = await upstream(json({ errcode: 40029, errmsg: 'invalid code, rid: 6a-7b-8c' }))
    await expect(gatewayTo(baseUrl).code2Session(APPID, CODE)).rejects.toThrow('rid: 6a-7b-8c')
  })

  const html: RequestListener = (_, response) => response.setHeader('content-type', 'text/html').end('<html>')
  const shapes: Record<string, [RequestListener, string]> = {
    'an HTML page': [html, 'wechat_bad_response'],
    'an empty body': [(_, response) => response.end(), 'wechat_bad_response'],
    'a JSON null': [json(null), 'wechat_bad_response'],
    'a JSON list': [json([]), 'wechat_bad_response'],
    'an errcode that is no number': [json({ errcode: 'x' }), 'wechat_bad_response'],
    'an errcode behind a letter': [json({ errcode: 'x40029' }), 'wechat_bad_response'],
    'an errcode in front of a letter': [json({ errcode: '40029x' }), 'wechat_bad_response'],
    'an empty openid': [json({ ...SUCCESS, openid: '' }), 'wechat_bad_response'],
    'a session_key with more behind it': [json({ ...SUCCESS, session_key: `${SESSION_KEY}x` }), 'wechat_bad_response'],
    'a session_key with more in front of it': [
      json({ ...SUCCESS, session_key: `x${SESSION_KEY}` }),
      'wechat_bad_response',
    ],
    'no openid': [json({ session_key: SESSION_KEY }), 'wechat_bad_response'],
    'no session_key': [json({ openid: 'o1', errcode: 0 }), 'wechat_bad_response'],
    'a session_key in a list': [json({ ...SUCCESS, session_key: [SESSION_KEY] }), 'wechat_bad_response'],
    'a session_key of 15 bytes': [json({ openid: 'o1', session_key: 'tiihtNczf5v6AKRyjwEU' }), 'wechat_bad_response'],
    'a unionid that is a number': [json({ ...SUCCESS, unionid: 5 }), 'wechat_bad_response'],
    'an openid longer than any': [json({ ...SUCCESS, openid: 'o'.repeat(65) }), 'wechat_bad_response'],
    'an openid with a NUL': [json({ ...SUCCESS, openid: 'o\0' }), 'wechat_bad_response'],
    'an openid with half of a surrogate pair': [json({ ...SUCCESS, openid: 'o\ud83d' }), 'wechat_bad_response'],
    'a unionid with a NUL': [json({ ...SUCCESS, unionid: '\0' }), 'wechat_bad_response'],
    'a unionid with half of a surrogate pair': [json({ ...SUCCESS, unionid: '\udc4d' }), 'wechat_bad_response'],
    'a 502': [(_, response) => response.writeHead(502).end('<html>'), 'wechat_bad_response'],
    'a 404 with a success in it': [
      (_, response) => response.writeHead(404).end(JSON.stringify(SUCCESS)),
      'wechat_bad_response',
    ],
    'a redirect': [(_, response) => response.writeHead(302, { location: '/elsewhere' }).end(), 'wechat_bad_response'],
    'a success of 10 MB': [json({ ...SUCCESS, padding: ' '.repeat(10_000_000) }), 'wechat_bad_response'],
    'a reset': [(request) => request.socket.resetAndDestroy(), 'wechat_unreachable'],
    'a reset in the middle of the answer': [
      (request, response) => {
        response.writeHead(200, { 'content-length': 100 }).write('{')
        setTimeout(() => request.socket.resetAndDestroy(), 20)
      },
      'wechat_unreachable',
    ],
  }

  it.each(Object.entries(shapes))(
    'an exchange that is answered with %s fails without a retry, and without a secret in the error',
    async (_, [answer, code]) => {
      const { asked, baseUrl } = await upstream(answer)
      const error = await gatewayTo(baseUrl)
        .code2Session(APPID, CODE)
        .catch((error: unknown) => error)
      expect(error).toMatchObject({ code })
      const told = inspect(error, { depth: 20, showHidden: true })
      for (const secret of ['canary', SESSION_KEY]) expect(told).not.toContain(secret)
      expect(asked).toHaveLength(1)
    },
  )

  it.each<[string, RequestListener]>([
    ['HTTP status 502', (_, response) => response.writeHead(502).end()],
    ['not JSON', html],
    ['without a session_key', json({ openid: 'o1' })],
  ])(
    'the error of an exchange tells the operator what WeChat sent instead of an identity: %s',
    async (what, answer) => {
      const { baseUrl } = await upstream(answer)
      await expect(gatewayTo(baseUrl).code2Session(APPID, CODE)).rejects.toThrow(what)
    },
  )

  it('an exchange is not repeated when a connection that was used before breaks', async () => {
    const sockets = new Set<unknown>()
    const { asked, baseUrl } = await upstream((request, response) => {
      if (sockets.has(request.socket)) return void request.socket.resetAndDestroy()
      sockets.add(request.socket)
      response.end(JSON.stringify(SUCCESS))
    })
    const gateway = gatewayTo(baseUrl)
    const exchange = () => gateway.code2Session(APPID, CODE).catch((error: unknown) => error)
    // A connection is used again once the last answer is fully read, which may take a turn or two.
    const results = [await exchange()]
    while (results.length < 20 && !(results.at(-1) instanceof Error)) results.push(await exchange())
    expect(results.at(-1)).toMatchObject({ code: 'wechat_unreachable' })
    expect(asked).toHaveLength(results.length)
  })

  it('an exchange with an address where nothing listens is wechat_unreachable', async () => {
    const gone = createServer().listen(0, '127.0.0.1')
    await once(gone, 'listening')
    const { port } = gone.address() as AddressInfo
    gone.close()
    await once(gone, 'close')
    const error = await gatewayTo(`http://127.0.0.1:${port}`)
      .code2Session(APPID, CODE)
      .catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'wechat_unreachable', message: expect.stringContaining('ECONNREFUSED') })
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('canary')
  })

  it('an exchange is given up 5 s after it began: before the answer, in the middle of it, and however many secrets are tried', async () => {
    const upstreams = await Promise.all([
      upstream(() => {}),
      upstream((_, response) => {
        response.writeHead(200, { 'content-length': 100 }).write('{')
      }),
      upstream((_, response) => {
        setTimeout(() => response.end(JSON.stringify({ errcode: 40125 })), 2_800)
      }),
    ])
    const clock = holdClock()
    const apps = [{ appid: APPID, secrets: ['a', 'b'] }]
    let settled = 0
    const exchanges = upstreams.map(({ baseUrl }) =>
      gatewayTo(baseUrl, { apps })
        .code2Session(APPID, CODE)
        .finally(() => settled++),
    )
    const results = Promise.allSettled(exchanges)
    await clock.until(() => upstreams.every(({ asked }) => asked.length === 1))
    await clock.advance(2_800)
    await clock.until(() => upstreams[2]?.asked.length === 2)
    await clock.advance(2_199)
    expect(settled).toBe(0)
    await clock.advance(1)
    expect(await results).toMatchObject(upstreams.map(() => ({ reason: { code: 'wechat_timeout' } })))
    expect(upstreams.map(({ asked }) => asked.length)).toEqual([1, 1, 2])
  })

  it('the code of an exchange that was given up before there was a connection is not sent', async () => {
    const { asked, baseUrl } = await upstream(json(SUCCESS))
    const held: (() => void)[] = []
    vi.spyOn(net, 'connect').mockImplementationOnce(((options: net.TcpNetConnectOpts) => {
      const socket = new net.Socket()
      held.push(() => void socket.connect(options))
      return socket
    }) as typeof net.connect)
    const clock = holdClock()
    const late = gatewayTo(baseUrl).code2Session(APPID, 'late')
    const refusal = expect(late).rejects.toMatchObject({ code: 'wechat_timeout' })
    await clock.until(() => held.length === 1)
    await clock.advance(5_000)
    await refusal
    held[0]?.()
    await gatewayTo(baseUrl).code2Session(APPID, CODE)
    expect(asked.map(({ searchParams }) => searchParams.get('js_code'))).toEqual([CODE])
  })

  it('an access_token is asked for with a body that is labelled as JSON', async () => {
    const types: (string | undefined)[] = []
    const { baseUrl } = await upstream((request, response) => {
      types.push(request.headers['content-type'])
      json({ access_token: 't', expires_in: 7_200 })(request, response)
    })
    expect(await gatewayTo(baseUrl).accessToken(APPID)).toMatchObject({ value: 't' })
    expect(types).toEqual(['application/json'])
  })

  it('an exchange for an unknown appid is refused, and WeChat is not asked', async () => {
    const { asked, baseUrl } = await upstream(json(SUCCESS))
    const gateway = gatewayTo(baseUrl)
    expect(gateway.hasApp('wx2')).toBe(false)
    await expect(gateway.code2Session('wx2', CODE)).rejects.toMatchObject({ code: 'appid_unknown' })
    expect(asked).toHaveLength(0)
  })
})

describe('several secrets', () => {
  /** WeChat knows the new secret only. */
  const rotated: RequestListener = (request, response) => {
    const isKnown = new URL(request.url ?? '', 'http://x').searchParams.get('secret') === 'new'
    response.end(JSON.stringify(isKnown ? SUCCESS : { errcode: 40125, errmsg: 'invalid appsecret' }))
  }

  it('several secrets are tried in turn, the operator is told, and the one that works comes first from then on', async () => {
    const { asked, baseUrl } = await upstream(rotated)
    const warnings: string[] = []
    const gateway = gatewayTo(baseUrl, {
      apps: [{ appid: APPID, secrets: ['old', 'new'] }],
      warn: (message) => warnings.push(message),
    })
    await gateway.code2Session(APPID, CODE)
    await gateway.code2Session(APPID, CODE)
    expect(asked.map((url) => url.searchParams.get('secret'))).toEqual(['old', 'new', 'new'])
    expect(warnings).toEqual(['WeChat refuses appSecret 1 of 2 of wx1 (errcode 40125): remove it or correct it'])
  })

  it('a code is not sent again with the next secret after another failure than a refused secret', async () => {
    const { asked, baseUrl } = await upstream(json({ errcode: -1 }))
    const gateway = gatewayTo(baseUrl, { apps: [{ appid: APPID, secrets: ['old', 'new'] }] })
    await expect(gateway.code2Session(APPID, CODE)).rejects.toMatchObject({ code: 'wechat_busy' })
    expect(asked).toHaveLength(1)
  })

  it('the operator is told of each refused secret once while WeChat refuses all, and again after one has worked', async () => {
    let accepted: string | null = null
    const { baseUrl } = await upstream((request, response) => {
      const secret = new URL(request.url ?? '', 'http://x').searchParams.get('secret')
      response.end(JSON.stringify(secret === accepted ? SUCCESS : { errcode: 40125 }))
    })
    const warnings: string[] = []
    const apps = [{ appid: APPID, secrets: ['old', 'new'] }]
    const gateway = gatewayTo(baseUrl, { apps, warn: (message) => warnings.push(message) })
    const exchangeThrice = async () => {
      for (let i = 0; i < 3; i++) await gateway.code2Session(APPID, CODE).catch(() => {})
      return warnings.splice(0).map((message) => /appSecret \d/.exec(message)?.[0])
    }
    expect(await exchangeThrice()).toEqual(['appSecret 1', 'appSecret 2'])
    accepted = 'new'
    expect(await exchangeThrice()).toEqual([])
    accepted = null
    expect(await exchangeThrice()).toEqual(['appSecret 2'])
    // The one that has worked comes first, and the others are still tried after it.
    accepted = 'old'
    expect(await gateway.code2Session(APPID, CODE)).toMatchObject({ openid: SUCCESS.openid })
  })

  it('secrets that replace others while WeChat answers are tried before a sign-in is refused', async () => {
    const { asked, baseUrl } = await upstream((request, response) => {
      gateway.replaceApps([{ appid: APPID, secrets: ['old', 'new'] }])
      rotated(request, response)
    })
    const gateway = gatewayTo(baseUrl, { apps: [{ appid: APPID, secrets: ['old'] }] })
    expect(await gateway.code2Session(APPID, CODE)).toMatchObject({ openid: SUCCESS.openid })
    expect(asked.map((url) => url.searchParams.get('secret'))).toEqual(['old', 'new'])
  })

  it('secrets that are no longer named are forgotten, also the one that worked last', async () => {
    const { asked, baseUrl } = await upstream(json(SUCCESS))
    const gateway = gatewayTo(baseUrl, { apps: [{ appid: APPID, secrets: ['leaked'] }] })
    await gateway.code2Session(APPID, CODE)
    gateway.replaceApps([
      { appid: APPID, secrets: ['new'] },
      { appid: 'wx2', secrets: ['s'] },
    ])
    await gateway.code2Session(APPID, CODE)
    expect(asked.map((url) => url.searchParams.get('secret'))).toEqual(['leaked', 'new'])
    expect(gateway.hasApp('wx2')).toBe(true)
  })

  it('secrets that are all refused are a misconfiguration', async () => {
    const { asked, baseUrl } = await upstream(json({ errcode: 40125 }))
    const gateway = gatewayTo(baseUrl, { apps: [{ appid: APPID, secrets: ['a', 'b'] }] })
    await expect(gateway.code2Session(APPID, CODE)).rejects.toMatchObject({ code: 'wechat_misconfigured' })
    expect(asked).toHaveLength(2)
  })
})
