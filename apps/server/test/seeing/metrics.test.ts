import { channel } from 'node:diagnostics_channel'
import { ApiError, authenticate, CHANNELS } from '@weapp-auth/fastify'
import { pino } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createMetrics } from '../../src/seeing/metrics.ts'
import { openServiceApi } from '../../src/service-api/open.ts'
import { parseServiceTokens } from '../../src/service-api/tokens.ts'
import { call } from '../process.ts'
import { isAvailable, startService } from '../service.ts'
import { makeTokens } from '../service-api/service-api.ts'
import { signInOverHttp, startCounted } from './counted-service.ts'

describe('metrics', () => {
  test('sign-ins are counted by how they ended, and the exchange and the stores by how long they took', async () => {
    const { service, text } = await startCounted('embedded')
    const first = await signInOverHttp(service, 'alice')
    expect(first.status).toBe(201)
    service.world.faults.set('jscode2session', { errcode: 40029 })
    await signInOverHttp(service, 'bob')
    service.world.faults.set('jscode2session', { errcode: 40125 })
    await signInOverHttp(service, 'carol')

    const found = parse(await text())
    expect(pick(found, 'weapp_auth_sign_ins_total')).toEqual({
      '{outcome="signed_in"}': 1,
      '{outcome="code_invalid"}': 1,
      '{outcome="wechat_misconfigured"}': 1,
    })
    expect(pick(found, 'weapp_auth_wechat_answers_total')).toEqual({
      '{operation="sns/jscode2session",errcode="0"}': 1,
      '{operation="sns/jscode2session",errcode="40029"}': 1,
      '{operation="sns/jscode2session",errcode="40125"}': 1,
    })
    expect(pick(found, 'weapp_auth_call_seconds_count')).toMatchObject({
      '{target="wechat",operation="sns/jscode2session",outcome="ok"}': 1,
      '{target="wechat",operation="sns/jscode2session",outcome="refused"}': 2,
      '{target="users",operation="signIn",outcome="ok"}': 1,
      '{target="sessions",operation="create",outcome="ok"}': 1,
      '{target="sessions",operation="claimCode",outcome="ok"}': 3,
    })
    const buckets = pick(found, 'weapp_auth_call_seconds_bucket')
    expect(buckets['{target="users",operation="signIn",outcome="ok",le="10"}']).toBe(1)
    expect(buckets['{target="users",operation="signIn",outcome="ok",le="+Inf"}']).toBe(1)
  })

  test('decisions of the guard are counted by their outcome, and requests by the pattern of their route', async () => {
    const { service, text } = await startCounted('embedded', (app) => {
      app.get('/orders/:id', { onRequest: authenticate }, async () => ({}))
    })
    const { token } = (await signInOverHttp(service, 'alice')).data
    for (const order of [1, 2, 3]) await call(`${service.baseUrl}/orders/${order}?secret=x`, { token })
    await call(`${service.baseUrl}/orders/4`)
    await call(`${service.baseUrl}/orders/5`, { token: 'nonsense' })
    await call(`${service.baseUrl}/v1/me`, { token })
    await call(`${service.baseUrl}/v1/sessions`, { token })
    await call(`${service.baseUrl}/v1/me/profile`, { token, body: { nickname: 'Alice' } })
    await call(`${service.baseUrl}/v1/session`, { method: 'DELETE', token })
    await call(`${service.baseUrl}/v1/me`, { token })
    await call(`${service.baseUrl}/nowhere/${token}`)
    await call(`${service.baseUrl}/%ff`)

    const found = parse(await text())
    expect(pick(found, 'weapp_auth_guard_total')).toEqual({
      '{outcome="passed"}': 6,
      '{outcome="session_missing"}': 1,
      '{outcome="session_malformed"}': 1,
      '{outcome="session_revoked"}': 1,
    })
    expect(pick(found, 'weapp_auth_sign_ins_total')).toEqual({ '{outcome="signed_in"}': 1 })
    expect(pick(found, 'weapp_auth_call_seconds_count')['{target="phones",operation="find",outcome="ok"}']).toBe(1)
    const requests = pick(found, 'weapp_auth_request_seconds_count')
    expect(requests['{method="GET",route="/orders/:id",status="200"}']).toBe(3)
    expect(requests['{method="GET",route="/orders/:id",status="401"}']).toBe(2)
    expect(requests['{method="any",route="/undecodable-address",status="400"}']).toBe(1)
    const buckets = pick(found, 'weapp_auth_request_seconds_bucket')
    expect(buckets['{method="GET",route="/orders/:id",status="200",le="10"}']).toBe(3)
    expect(pick(found, 'weapp_auth_problems_total')['{method="GET",route="/orders/:id",code="session_missing"}']).toBe(
      1,
    )
    // Reading them counts nothing.
    expect(pick(parse(await text()), 'weapp_auth_guard_total')).toEqual(pick(found, 'weapp_auth_guard_total'))
    for (const secret of [token, 'nonsense', 'secret=x', '/orders/1']) expect(await text()).not.toContain(secret)
  })

  test('a request that is counted is logged like any other, and hooks of its own route are called', async () => {
    const events: unknown[] = []
    const log = pino({ base: null }, { write: (line) => void events.push(JSON.parse(line).msg) })
    const route = { onResponse: async () => void events.push('the hook of the route') }
    const { service } = await startCounted('embedded', (app) => app.get('/orders', route, async () => ({})), { log })
    await call(`${service.baseUrl}/orders`)
    await expect.poll(() => events.slice(-2)).toEqual(['the hook of the route', 'request completed'])
  })

  test('metrics show a store that is away, and sign-ins over the limit', async () => {
    const signInAway = () => Promise.reject(new ApiError('store_unavailable', 'away'))
    const { service, text } = await startCounted('embedded', undefined, { limit: 2, users: { signIn: signInAway } })
    await signInOverHttp(service, 'alice')
    await signInOverHttp(service, 'bob')
    await signInOverHttp(service, 'carol')
    const found = parse(await text())
    expect(pick(found, 'weapp_auth_sign_ins_total')).toEqual({
      '{outcome="store_unavailable"}': 2,
      '{outcome="rate_limited"}': 1,
    })
    expect(pick(found, 'weapp_auth_call_seconds_count')).toMatchObject({
      '{target="users",operation="signIn",outcome="store_unavailable"}': 2,
    })
    expect(pick(found, 'weapp_auth_problems_total')).toMatchObject({
      '{method="POST",route="/v1/sessions",code="rate_limited"}': 1,
    })
  })

  test.skipIf(!isAvailable('shared'))('what the cache of sessions answers is counted', async () => {
    const { service, text } = await startCounted('shared')
    const { token } = (await signInOverHttp(service, 'alice')).data
    const ask = () => call(`${service.baseUrl}/v1/verify`, { token })
    await ask()
    await expect
      .poll(async () => {
        await ask()
        return pick(parse(await text()), 'weapp_auth_session_cache_total')['{result="hit"}']
      })
      .toBeGreaterThan(1)
    const first = pick(parse(await text()), 'weapp_auth_session_cache_total')
    expect(first['{result="miss"}']).toBeGreaterThan(0)
    expect(pick(parse(await text()), 'weapp_auth_session_cache_total')).toEqual(first)
  })

  test('metrics show the process itself: memory, processor, and how late the event loop is; each says what it is', async () => {
    const { text } = await startCounted('embedded')
    expect((await text()).match(/^# HELP \w+ *$/gm)).toBeNull()
    const names = [...parse(await text()).keys()]
    for (const name of [
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'nodejs_eventloop_lag_p99_seconds',
    ])
      expect(names).toContain(name)
  })

  test('events that wait, and those that were given up, are told unless the database is away', async () => {
    const metrics = createMetrics()
    onTestFinished(() => metrics.close())
    expect(await metrics.text()).not.toContain('weapp_auth_events')
    const state = { undelivered: 3, oldestAtMs: Date.now() - 60_000, givenUp: 1 }
    type State = Omit<typeof state, 'oldestAtMs'> & { oldestAtMs: number | null }
    let answer: () => Promise<State> = async () => state
    metrics.watchQueue({ inspect: () => answer() })
    const found = parse(await metrics.text())
    expect(found.get('weapp_auth_events_undelivered')).toBe(3)
    expect(found.get('weapp_auth_events_given_up')).toBe(1)
    expect(found.get('weapp_auth_events_oldest_undelivered_seconds')).toBeGreaterThanOrEqual(60)
    expect(found.get('weapp_auth_events_oldest_undelivered_seconds')).toBeLessThan(120)
    // None waits; the clock of the process that wrote it was ahead.
    for (const oldestAtMs of [null, Date.now() + 60_000]) {
      answer = async () => ({ ...state, oldestAtMs })
      expect(parse(await metrics.text()).get('weapp_auth_events_oldest_undelivered_seconds')).toBe(0)
    }
    answer = async () => Promise.reject(new ApiError('store_unavailable', 'away'))
    expect(await metrics.text()).not.toMatch(/^weapp_auth_events/m)
  })

  test('a WeChat that answers ever new errcodes does not make ever new series, and nothing is counted after the end', async () => {
    const metrics = createMetrics()
    onTestFinished(() => metrics.close())
    const call = {
      target: 'wechat',
      operation: 'sns/jscode2session',
      outcome: 'refused',
      startedAtMs: 0,
      durationMs: 1,
    }
    for (let errcode = 1; errcode <= 60; errcode++) channel(CHANNELS.calls).publish({ ...call, errcode })
    const answers = pick(parse(await metrics.text()), 'weapp_auth_wechat_answers_total')
    expect(Object.keys(answers)).toHaveLength(51)
    expect(answers['{operation="sns/jscode2session",errcode="other"}']).toBe(10)
    metrics.close()
    channel(CHANNELS.calls).publish({ ...call, errcode: 1 })
    expect(pick(parse(await metrics.text()), 'weapp_auth_wechat_answers_total')).toEqual(answers)
  })

  test('a request that is refused before the guard is asked does not count as one that the guard let pass', async () => {
    const { service, text } = await startCounted('embedded', (app) => {
      app.addHook('onRequest', async ({ headers }) => {
        if (headers['x-busy']) throw new ApiError('overloaded', 'too much to do')
      })
      app.get('/orders', { onRequest: authenticate }, async () => {
        throw new ApiError('not_found', 'there is none')
      })
    })
    const { token } = (await signInOverHttp(service, 'alice')).data
    await fetch(`${service.baseUrl}/orders`, { headers: { 'x-busy': 'yes', authorization: `Bearer ${token}` } })
    expect(pick(parse(await text()), 'weapp_auth_guard_total')).toEqual({})
    await call(`${service.baseUrl}/orders`, { token })
    expect(pick(parse(await text()), 'weapp_auth_guard_total')).toEqual({ '{outcome="passed"}': 1 })
  })
})

/** The samples of a scrape by their names and labels. */
function parse(text: string): Map<string, number> {
  const samples = [...text.matchAll(/^(\w+(?:\{.*\})?) (\S+)$/gm)]
  return new Map(samples.map(([, name, value]) => [String(name), Number(value)]))
}

function pick(samples: Map<string, number>, metric: string): Record<string, number> {
  const found = [...samples].filter(([name]) => name.startsWith(`${metric}{`))
  return Object.fromEntries(found.map(([name, value]) => [name.slice(metric.length), value]))
}

test('GET /metrics is on the listener of the service API, for a token with the scope read', async () => {
  const { tokens, text } = makeTokens()
  const metrics = createMetrics()
  onTestFinished(() => metrics.close())
  const { app } = await startService('embedded')
  const service = { host: '127.0.0.1', port: 0, tokens: parseServiceTokens(text) }
  const servers = { redisUrl: 'elsewhere', databaseUrl: 'elsewhere', dataDir: 'nowhere' }
  const api = await openServiceApi({ ...servers, service }, app, pino({ level: 'silent' }), { metrics })
  onTestFinished(() => api.close())
  const scrape = (token: string) =>
    fetch(`${api.address}/metrics`, { headers: { ...(token && { authorization: `Bearer ${token}` }) } })
  expect((await scrape('')).status).toBe(401)
  expect((await scrape(tokens.wechat)).status).toBe(403)
  const response = await scrape(tokens.read)
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  expect(parse(await response.text()).size).toBeGreaterThan(20)
  // Where phones are, there is none.
  expect((await app.inject('/metrics')).statusCode).toBe(404)
})
