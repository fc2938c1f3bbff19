import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError } from '@weapp-auth/fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import { replaceEach, startDocumentedNginx } from './documented-nginx.ts'
import { createAuthOnPhone, startService } from './service.ts'
import { startServiceApi } from './service-api/service-api.ts'

/** `docs/deploy/nginx.conf` in a real nginx, between the real client and the real service, with a backend that knows neither. */
describe('docs/deploy/nginx.conf', () => {
  test('behind nginx, a signed-in phone reaches the backend, which is told the user', async () => {
    const { service, nginx, backend } = await start()
    const { auth } = createAuthOnPhone({ ...service, baseUrl: nginx.url })
    const { user, id } = await auth.ensureLogin()
    await service.app.weappAuth.setExternalId(user.id, 'crm-7')
    const { statusCode, data } = await auth.request<Seen>({
      url: '/api/orders?page=2',
      method: 'POST',
      data: { product: 'tea' },
    })
    expect(statusCode).toBe(200)
    expect(data).toMatchObject({ method: 'POST', url: '/api/orders?page=2', body: '{"product":"tea"}' })
    expect(data.headers).toMatchObject({
      'x-auth-user-id': user.id,
      'x-auth-session-id': id,
      'x-auth-appid': service.world.apps[0]?.appid,
      'x-auth-external-id': 'crm-7',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'https',
    })
    expect(backend.seen).toHaveLength(1)
  })

  test('nginx passes on no X-Auth-* header of the caller', async () => {
    const { service, nginx, backend } = await start()
    const { token, user, session } = await signIn(service)
    const names = ['User-Id', 'Session-Id', 'Appid', 'External-Id', 'Openid', 'Refusal']
    const forged = names.flatMap((name) => [
      [`X-Auth-${name}`, 'forged'],
      [`x-auth-${name.toLowerCase()}`, 'forged'],
      [`X_Auth_${name.replace('-', '_')}`, 'forged'],
      [`X-Auth_${name}`, 'forged'],
    ])
    const headers = [...forged, ['authorization', `Bearer ${token}`]].flat() as string[]
    expect((await call(`${nginx.url}/api/orders`, headers)).status).toBe(200)
    const seen = backend.seen[0]?.rawHeaders ?? []
    const passed = seen.flatMap((name, n) => (n % 2 === 0 && /^x.auth/i.test(name) ? [[name, seen[n + 1]]] : []))
    expect(passed).toEqual([
      ['X-Auth-User-Id', user.id],
      ['X-Auth-Session-Id', session.id],
      ['X-Auth-Appid', service.world.apps[0]?.appid],
    ])

    // Without a session they do not even get there.
    expect((await call(`${nginx.url}/api/orders`, forged.flat())).status).toBe(401)
    expect(backend.seen).toHaveLength(1)
  })

  test('nginx hands each kind of refusal to the phone as the service wrote it', async () => {
    const { service, nginx, backend } = await start()
    const { token, user } = await signIn(service)
    const orders = `${nginx.url}/api/orders`
    const bearer = (value: string) => ['authorization', `Bearer ${value}`]

    const missing = await call(orders)
    expect(missing).toMatchObject({ status: 401, problem: { code: 'session_missing', status: 401 } })
    expect(missing.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'www-authenticate': expect.stringMatching(/^Bearer/),
    })
    expect(await call(orders, bearer('nonsense'))).toMatchObject({
      status: 401,
      problem: { code: 'session_malformed', requestId: expect.any(String) },
    })
    const unknown = `${token.slice(0, -4)}AAAA`
    expect(await call(orders, bearer(unknown))).toMatchObject({ status: 401, problem: { code: 'session_invalid' } })

    await service.app.weappAuth.revokeAll(user.id, { reason: 'admin' })
    expect(await call(orders, bearer(token))).toMatchObject({
      status: 401,
      problem: { code: 'session_revoked', reason: 'admin' },
    })

    service.sessionsAreAway = true
    const away = await call(orders, bearer(token))
    expect(away).toMatchObject({ status: 503, problem: { code: 'store_unavailable', status: 503 } })
    expect(away.headers).toMatchObject({ 'retry-after': '7', 'content-type': 'application/problem+json' })
    expect(backend.seen).toEqual([])
  })

  test('while the service is down or silent, nginx lets nobody in and answers 503 with a problem', async () => {
    const { service, nginx, backend } = await start()
    const { token } = await signIn(service)
    const headers = ['authorization', `Bearer ${token}`]
    const expectClosed = async () => {
      const answer = await call(`${nginx.url}/api/orders?code=canary`, headers)
      expect(answer).toMatchObject({ status: 503, problem: { code: 'store_unavailable' } })
      expect(answer.headers['retry-after']).toBe('1')
    }
    service.isSilent = true
    await expectClosed()
    service.isSilent = false
    await service.close()
    await expectClosed()
    expect(backend.seen).toEqual([])
  })

  test('behind nginx, a phone that was signed out elsewhere stays signed out until the user taps', async () => {
    const { service, nginx, backend } = await start()
    const throughNginx = { ...service, baseUrl: nginx.url }
    const [first, second] = ['first', 'second'].map((name) => createAuthOnPhone(throughNginx, 'alice', name).auth)
    if (!first || !second) throw new Error('no phones')
    const reasons: string[] = []
    first.on('logout', ({ reason }) => reasons.push(reason))
    await first.request({ url: '/api/orders' })
    await second.request({ url: '/api/orders' })
    await second.request({ url: '/v1/sessions?scope=others', method: 'DELETE' })

    await expect(first.request({ url: '/api/orders' })).rejects.toMatchObject({ code: 'logged_out' })
    await expect(first.request({ url: '/api/orders' })).rejects.toMatchObject({ code: 'logged_out' })
    expect(service.world.ledger.count('wx.login')).toBe(2)
    expect(backend.seen).toHaveLength(2)
    await expect.poll(() => reasons).toEqual(['signed_out_elsewhere'])

    await first.ensureLogin({ force: true })
    expect((await first.request({ url: '/api/orders' })).statusCode).toBe(200)
    expect(service.world.ledger.count('wx.login')).toBe(3)
  })

  test('behind nginx, a session that expired is renewed by one login, and the request is sent again', async () => {
    const { service, nginx, backend } = await start()
    const { auth } = createAuthOnPhone({ ...service, baseUrl: nginx.url })
    await auth.request({ url: '/api/orders' })
    service.world.advance(7_201_000)
    const answers = await Promise.all(Array.from({ length: 5 }, () => auth.request({ url: '/api/orders' })))
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(5).fill(200))
    expect(service.world.ledger.count('wx.login')).toBe(2)
    expect(backend.seen).toHaveLength(6)
  })

  test('nginx changes no answer of the backend itself, 401 and 500 included', async () => {
    const { service, nginx } = await start()
    const { token } = await signIn(service)
    for (const status of [401, 500, 503]) {
      const answer = await call(`${nginx.url}/api/status/${status}`, ['authorization', `Bearer ${token}`])
      expect(answer).toMatchObject({ status, problem: { url: `/api/status/${status}` } })
    }
  })

  test('nginx lets a WebSocket through with a session, and refuses it without one', async () => {
    const { service, nginx } = await start()
    const { token } = await signIn(service)
    expect(await upgrade(`${nginx.url}/api/live`, token)).toBe(101)
    expect(await upgrade(`${nginx.url}/api/live`, 'nonsense')).toBe(401)
  })

  test('codes and tokens in a query string are in no log of nginx, whatever fails', async () => {
    const { service, nginx, backend } = await start()
    const { token } = await signIn(service)
    const headers = ['authorization', `Bearer ${token}`]
    await call(`${nginx.url}/api/orders?code=canary-code`, headers)
    await call(`${nginx.url}/api/orders?code=canary-code`)
    await backend.close()
    await call(`${nginx.url}/api/orders?code=canary-code`, headers)
    await service.close()
    await call(`${nginx.url}/v1/session?token=canary-token`, headers)
    await call(`${nginx.url}/nowhere?code=canary-code`)
    await expect.poll(() => nginx.readLog('access.log').trim().split('\n')).toHaveLength(5)
    const lines = nginx.readLog('access.log')
    expect(lines).toMatch(/"GET \/api\/orders" 502 .* upstream_status=.*502/)
    expect(lines).toContain('"GET /v1/session" 502')
    expect(lines + nginx.readLog('error.log')).not.toMatch(/canary|wxs1/)
  })

  test('nginx tells the backend the openid, and no caller can forge it', async () => {
    const { service, api, tokens } = await startServiceApi()
    const serviceApi = await api.listen({ host: '127.0.0.1', port: 0 })
    const backend = await startBackend()
    const startWith = (token: string) =>
      startDocumentedNginx({
        service: service.baseUrl,
        backend: backend.url,
        change: (configuration) => withOpenid(configuration, { serviceApi, token }),
      })
    const nginx = await startWith(tokens.wechat)
    const { auth } = createAuthOnPhone({ ...service, baseUrl: nginx.url })
    const { user } = await auth.ensureLogin()
    const { data } = await auth.request<Seen>({ url: '/api/orders', header: { 'X-Auth-Openid': 'forged' } })
    const identity = await service.app.weappAuth.findIdentity(user.id, service.world.apps[0]?.appid ?? '')
    expect(data.headers).toMatchObject({ 'x-auth-user-id': user.id, 'x-auth-openid': identity?.openid })
    expect(JSON.stringify(data)).not.toContain(tokens.wechat)
    await service.app.weappAuth.revokeAll(user.id, { reason: 'admin' })
    await expect(auth.request({ url: '/api/orders' })).rejects.toMatchObject({ code: 'logged_out' })
    expect(backend.seen).toHaveLength(1)

    // A service token that is not accepted lets nobody in, and signs nobody out.
    for (const [token, statusCode] of [
      ['unknown', 401],
      [tokens.read, 403],
    ] as const) {
      const misconfigured = await startWith(token)
      const { auth: other } = createAuthOnPhone({ ...service, baseUrl: misconfigured.url }, 'bob')
      const { user: bob } = await other.ensureLogin()
      expect(await other.request({ url: '/api/orders' }).catch((error) => error)).toMatchObject({ statusCode })
      expect(other.getSession()?.user.id).toBe(bob.id)
    }
    expect(backend.seen).toHaveLength(1)
  })

  test('through nginx nothing but /v1 and the guarded paths can be reached', async () => {
    const { service, nginx, backend } = await start()
    const { token } = await signIn(service)
    const headers = ['authorization', `Bearer ${token}`]
    for (const path of [
      '/',
      '/livez',
      '/readyz',
      '/metrics',
      '/_verify',
      '/emulator/ledger',
      '/API/orders',
      '/other',
    ]) {
      expect((await call(nginx.url + path, headers)).status, path).toBe(404)
    }
    // `..` leads nowhere that the guard does not stand before.
    expect((await call(`${nginx.url}/v1/..%2fapi/orders`)).status).toBe(401)
    expect(backend.seen).toEqual([])
  })
})

/** nginx.conf with the lines of docs/service-api.md, which let nginx ask the service API. */
function withOpenid(configuration: string, place: { serviceApi: string; token: string }): string {
  const document = readFileSync(join(import.meta.dirname, '../../../docs/service-api.md'), 'utf8')
  const [, block = ''] = /```nginx\n([^`]+)```/.exec(document) ?? []
  const [read, send, ask, forward, prove] = replaceEach(block, [
    ['127.0.0.1:3001', new URL(place.serviceApi).host],
    ['<service token>', place.token],
  ])
    .split('\n')
    .filter((line) => !line.startsWith('#'))
  return replaceEach(configuration, [
    ['proxy_set_header X-Auth-Openid      "";', `${read}\n${send}`],
    ['proxy_pass http://weapp_auth/v1/verify;', `${ask}`],
    ['proxy_set_header Authorization $http_authorization;', `${forward}\n${prove}`],
  ])
}

interface Seen {
  method: string
  url: string
  headers: http.IncomingHttpHeaders
  rawHeaders: string[]
  body: string
}

async function start() {
  const switches = { sessionsAreAway: false, isSilent: false }
  const service = await startService('embedded', (app) => {
    app.addHook('onRequest', async (request) => {
      if (!request.url.startsWith('/v1/verify')) return
      if (switches.isSilent) await sleep(5_000)
      if (switches.sessionsAreAway) throw new ApiError('store_unavailable', 'a test', { retryAfterSeconds: 7 })
    })
  })
  const backend = await startBackend()
  const nginx = await startDocumentedNginx({ service: service.baseUrl, backend: backend.url })
  return { service: Object.assign(switches, service), backend, nginx }
}

/** A backend that tells what it was asked. */
async function startBackend() {
  const seen: Seen[] = []
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { method = '', url = '', headers, rawHeaders } = request
    const asked = { method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString() }
    seen.push(asked)
    response.statusCode = Number(/^\/api\/status\/(\d+)$/.exec(url)?.[1] ?? 200)
    response.setHeader('content-type', 'application/json').end(JSON.stringify(asked))
  })
  server.on('upgrade', (_request, socket) => {
    socket.end('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    if (!server.listening) return
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  onTestFinished(close)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, close }
}

async function signIn({ world, baseUrl }: { world: Service['world']; baseUrl: string }) {
  const appid = world.apps[0]?.appid ?? ''
  const response = await fetch(`${baseUrl}/v1/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ appid, code: world.login('alice', appid).code }),
  })
  return (await response.json()) as { token: string; user: { id: string }; session: { id: string } }
}

type Service = Awaited<ReturnType<typeof startService>>

/** `headers` are names and values in turn, sent as they are written, so that one may come twice. */
async function call(url: string, headers: readonly string[] = []) {
  const request = https.request(url, { headers: [...headers, 'host', new URL(url).host], agent: false }).end()
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  const isJson = /json/.test(response.headers['content-type'] ?? '')
  return { status: response.statusCode, headers: response.headers, problem: isJson ? JSON.parse(text) : text }
}

/** Asks for a WebSocket and resolves to the status that answers. */
async function upgrade(url: string, token: string): Promise<number | undefined> {
  const headers = {
    authorization: `Bearer ${token}`,
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  }
  const request = https.request(url, { headers, agent: false }).end()
  const answer = await Promise.race([
    once(request, 'upgrade').then(([response, socket]) => {
      socket.destroy()
      return response.statusCode
    }),
    once(request, 'response').then(([response]) => {
      response.resume()
      return response.statusCode
    }),
  ])
  return answer
}
