import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import Fastify, { type FastifyRequest } from 'fastify'
import { expect, test } from 'vitest'
import { guardRoutes, identifyOperator, OPERATOR_HEADER } from '../../src/service-api/callers.ts'
import { SCOPES } from '../../src/service-api/tokens.ts'
import { routesOf, startServiceApi } from './service-api.ts'

test('a request without a valid token is 401, and learns nothing about routes or users', async () => {
  const { ask, tokens, signIn, service } = await startServiceApi()
  const { userId } = await signIn()
  const issued = await service.app.weappAuth.issue(userId, { appid: service.world.apps[0]?.appid ?? '' })
  const { requestId: _, ...first } = (await ask('GET /users', undefined, { token: null })).data
  expect(first).toEqual({
    type: 'urn:weapp-auth:problem:service_token_invalid',
    title: 'A service token is required',
    status: 401,
    code: 'service_token_invalid',
    detail: 'send the header Authorization: Bearer <service token>',
  })
  const wrong = [
    issued.token,
    tokens.all.slice(1),
    `${tokens.all}x`,
    tokens.all.toUpperCase(),
    'x'.repeat(10_000),
    '0'.repeat(64),
  ]
  for (const token of wrong) {
    const answers = await Promise.all([
      ask(`GET /users/${userId}`, undefined, { token }),
      ask('GET /users/nobody', undefined, { token }),
      ask('GET /no/such/route', undefined, { token }),
      ask('POST /users/find', { externalId: 'x'.repeat(500) }, { token }),
    ])
    const bodies = answers.map(({ status, data: { requestId: _, ...data }, headers }) => ({
      status,
      data,
      www: headers['www-authenticate'],
    }))
    for (const body of bodies) expect(body).toEqual(bodies[0])
    expect(bodies[0]).toMatchObject({
      status: 401,
      data: { code: 'service_token_invalid', detail: 'this is no token of SERVICE_TOKENS' },
      www: 'Bearer realm="weapp-auth service"',
    })
  }
})

test('an address that cannot be decoded is answered like any other: 401 without a token, and with the headers of all answers', async () => {
  const { ask } = await startServiceApi()
  const other = await ask('GET /nowhere')
  const answer = await ask('GET /users/%ff')
  const detail = 'the address cannot be decoded'
  expect(answer).toMatchObject({ status: 400, data: { code: 'request_invalid', detail } })
  expect(other).toMatchObject({ status: 404, data: { code: 'not_found', detail: 'there is nothing at this path' } })
  expect(Object.keys(answer.headers)).toEqual(Object.keys(other.headers))
  expect(await ask('GET /users/%ff', undefined, { token: null })).toMatchObject({ status: 401 })
})

test('every route asks for one scope, which both documents name, and a token without it is 403', async () => {
  const { api, ask, tokens } = await startServiceApi()
  const scopes: Record<string, string> = {}
  for (const { method, path } of routesOf(api)) {
    const call = `${method} ${path.replace('/service/v1', '')}` as const
    const statuses = await Promise.all(
      SCOPES.map(async (scope) => (await ask(call, undefined, { token: tokens[scope] })).status),
    )
    // Whatever else is wrong with the request.
    scopes[call] = SCOPES.filter((_, index) => statuses[index] !== 403).join()
  }
  for (const file of ['service-api.md', 'service-api.zh-CN.md']) {
    const text = readFileSync(join(import.meta.dirname, '../../../../docs', file), 'utf8')
    const rows = text.matchAll(/^\| `((?:GET|POST|PUT|DELETE) \/\S+)` \| `(\w+)` \|/gm)
    expect(Object.fromEntries([...rows].map(([, route, scope]) => [route, scope]))).toEqual(scopes)
  }
})

test('a token without the scope is told which one is missing', async () => {
  const { ask, tokens } = await startServiceApi()
  const { status, data, headers } = await ask('DELETE /users/x/sessions', undefined, { token: tokens.read })
  expect({ status, ...data }).toMatchObject({
    status: 403,
    code: 'scope_missing',
    detail: 'this needs a token with the scope write',
  })
  expect(headers['www-authenticate']).toMatch(/error="insufficient_scope", scope="write"$/)
  expect(headers).toMatchObject({
    'content-type': expect.stringMatching(/^application\/problem\+json/),
    'x-request-id': data.requestId,
    // What it answers is about users.
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
})

test('the token may come as the password of HTTP Basic, as ready-made clients send it', async () => {
  const { ask, tokens } = await startServiceApi()
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
  const send = (text: string) => ask('GET /users', undefined, { token: null, headers: basic(text) })
  expect((await send(`shop:${tokens.read}`)).status).toBe(200)
  for (const text of [`${tokens.read}:shop`, tokens.read, `shop:${tokens.read}:`, ':', '']) {
    expect((await send(text)).status).toBe(401)
  }
})

test('a header Authorization of another form lets nobody in, also where a token is in it', async () => {
  const { ask, tokens } = await startServiceApi()
  const basic = Buffer.from(`shop:${tokens.read}`).toString('base64')
  const send = async (authorization: string) =>
    (await ask('GET /users', undefined, { token: null, headers: { authorization } })).status
  for (const form of [`bearer  ${tokens.read}`, `BASIC  ${basic}`])
    expect([form, await send(form)]).toEqual([form, 200])
  for (const form of [
    `Bearer ${tokens.read} x`,
    `xBearer ${tokens.read}`,
    `Bearer${tokens.read}`,
    `Basic ${basic} x`,
    `xBasic ${basic}`,
    tokens.read,
  ]) {
    expect([form, await send(form)]).toEqual([form, 401])
  }
})

test('a route that asks for no scope lets nobody in, and one for everybody asks nobody who they are', async () => {
  const api = Fastify()
  guardRoutes(api, ({ headers }) => {
    if (!headers.authorization) throw Object.assign(new Error('who?'), { statusCode: 401 })
    return { by: 'service:test', scopes: new Set(SCOPES) }
  })
  api.get('/forgotten', () => 'open')
  api.get('/for-all', { config: { scope: 'none' } }, () => 'open')
  const ask = async (url: string, headers = {}) => (await api.inject({ url, headers })).statusCode
  const known = { authorization: 'x' }
  expect(await ask('/forgotten', known)).toBe(500)
  expect(await ask('/for-all')).toBe(200)
  expect(await ask('/unknown')).toBe(401)
  expect(await ask('/unknown', known)).toBe(404)
})

test.each([
  ['xiaoming', 'xiaoming'],
  ['li.ming_2@host-1', 'li.ming_2@host-1'],
  ['x'.repeat(64), 'x'.repeat(64)],
  ['x'.repeat(65), 'unknown'],
  ['two words', 'unknown'],
  ['a\n{"by":"root"}', 'unknown'],
  ['', 'unknown'],
  [undefined, 'unknown'],
])('an operator who says to be %j is %s in events, and may do everything', (name, expected) => {
  const request = { headers: { [OPERATOR_HEADER]: name } } as unknown as FastifyRequest
  expect(identifyOperator(request)).toEqual({ by: `operator:${expected}`, scopes: new Set(SCOPES) })
})

test('what is logged names the token, and never holds it', async () => {
  const lines: string[] = []
  const logTo = new Writable({
    write(chunk, _, done) {
      lines.push(String(chunk))
      done()
    },
  })
  const { ask, tokens, api } = await startServiceApi({ logTo })
  await ask('GET /users')
  await ask('GET /users', undefined, { token: `${tokens.all}x` })
  await ask(`GET /users?token=${tokens.all}`)
  await ask('POST /introspect', { token: tokens.read })
  await api.inject({
    method: 'POST',
    url: '/service/v1/introspect',
    payload: `{"token":"${tokens.read}`,
    headers: { authorization: `Bearer ${tokens.all}`, 'content-type': 'application/json' },
  })
  const printed = lines.join('')
  expect(printed).toContain('"by":"service:all-only"')
  expect(printed).toContain('"code":"service_token_invalid"')
  for (const token of Object.values(tokens)) expect(printed).not.toContain(token)
})

test('a body is JSON and small, and a request that is labelled as JSON may have none', async () => {
  const { api, ask, tokens } = await startServiceApi()
  const headers = { authorization: `Bearer ${tokens.all}` }
  const send = (type: string, payload: string) =>
    api.inject({ method: 'POST', url: '/service/v1/users', headers: { ...headers, 'content-type': type }, payload })
  expect((await send('text/plain', '{}')).json()).toMatchObject({ status: 415, code: 'media_type_unsupported' })
  const large = JSON.stringify({ externalId: 'x'.repeat(20_000) })
  expect((await send('application/json', large)).json()).toMatchObject({ status: 413, code: 'payload_too_large' })
  const labelled = { headers: { 'content-type': 'application/json' } }
  expect((await ask('DELETE /users/nobody/disabled', undefined, labelled)).status).toBe(404)
})

test('a request that is not as its route wants it is a problem that names what is wrong', async () => {
  const { ask } = await startServiceApi()
  for (const [call, body, detail] of [
    ['POST /introspect', { token: 5 }, 'token must be string'],
    ['POST /users/find', {}, expect.any(String)],
    ['POST /users/find', { externalId: '' }, expect.any(String)],
    ['PUT /users/x/disabled', { until: '2026-01-01T00:00:00Z' }, 'reason is missing'],
    ['PUT /users/x/disabled', { reason: 5 }, 'reason must be string'],
    ['POST /users', { externalId: '用户' }, expect.stringContaining('externalId')],
    ['POST /users', { phone: { number: 'abc' } }, expect.stringContaining('number')],
    ['POST /users/x/sessions', { appid: 'wx1', isNew: 'yes' }, 'isNew must be boolean'],
    ['POST /users/x/sessions', { appid: 'wx1', replaces: 5 }, 'replaces must be string'],
    ['POST /users/x/sessions', { appid: '' }, expect.stringContaining('appid')],
    ['POST /apps/wx1/access-token/refused', { accessToken: '' }, expect.stringContaining('accessToken')],
    ['POST /events/resend', { ids: [''] }, expect.stringContaining('ids')],
    // Without a time zone the two sides could mean different times; there is no thirteenth month.
    ...['tomorrow', '2030-01-01', '2030-01-01T00:00:00', '2030-13-01T00:00:00Z', '2030-01-01T00:00:00Z x'].map(
      (until) => ['PUT /users/x/disabled', { reason: 'x', until }, expect.stringContaining('until must be')] as const,
    ),
    ['GET /users?limit=0', undefined, expect.stringContaining('limit')],
    ['GET /users?limit=1001', undefined, expect.stringContaining('limit')],
  ] as const) {
    const answer = await ask(call, body)
    expect([call, answer]).toMatchObject([call, { status: 400, data: { code: 'request_invalid', detail } }])
  }
})
