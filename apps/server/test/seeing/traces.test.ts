import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { trace } from '@opentelemetry/api'
import { authenticate } from '@weapp-auth/fastify'
import type { FastifyBaseLogger } from 'fastify'
import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { openSeeing } from '../../src/seeing/seeing.ts'
import { call } from '../process.ts'
import { startService } from '../service.ts'
import { signInOverHttp } from './counted-service.ts'

test('a sign-in is one trace: the request, and what it asked WeChat and the stores', async () => {
  const { service, spans } = await startTraced()
  await signInOverHttp(service, 'alice')
  const found = await spans()
  const [request] = found.filter(({ name }) => name === 'POST /v1/sessions')
  expect(request?.attributes).toMatchObject({ 'http.route': '/v1/sessions', 'http.response.status_code': '201' })
  const parts = found.filter(({ parentId }) => parentId === request?.id)
  expect(parts.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'users ping',
      'sessions claimCode',
      'wechat sns/jscode2session',
      'users signIn',
      'sessions create',
    ]),
  )
  expect(new Set(parts.map(({ traceId }) => traceId))).toEqual(new Set([request?.traceId]))
  expect(parts.find(({ name }) => name === 'users signIn')?.attributes).toMatchObject({
    'db.system.name': 'sqlite',
    'db.operation.name': 'signIn',
  })
  expect(parts.find(({ name }) => name === 'sessions create')?.attributes).toMatchObject({ 'db.system.name': 'sqlite' })
  expect(parts.find(({ name }) => name.startsWith('wechat'))?.attributes).toMatchObject({ 'weapp_auth.errcode': '0' })
})

test('a trace that the caller began goes on, and a refusal has the code of its problem', async () => {
  const { service, spans } = await startTraced()
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const traceparent = `00-${traceId}-b7ad6b7169203331-01`
  await fetch(`${service.baseUrl}/v1/me`, { headers: { traceparent } })
  expect(await spans()).toContainEqual(
    expect.objectContaining({
      name: 'GET /v1/me',
      traceId,
      attributes: expect.objectContaining({ 'weapp_auth.problem': 'session_missing' }),
    }),
  )
})

test.each([
  ['mysql://u@h/d', 'mysql'],
  ['postgres://u@h/d', 'postgresql'],
])('with DATABASE_URL %s, spans of the users name %s, and those of the sessions Redis', async (databaseUrl, users) => {
  const { service, spans } = await startTraced({ redisUrl: 'redis://h', databaseUrl })
  await signInOverHttp(service, 'alice')
  const systems = (await spans()).map(({ name, attributes }) => [name.split(' ')[0], attributes['db.system.name']])
  for (const [of, system] of Object.entries({ users, sessions: 'redis', wechat: undefined })) {
    const named = systems.filter(([target]) => target === of).map(([, name]) => name)
    expect(new Set(named)).toEqual(new Set([system]))
  }
})

test.each([
  ['weapp-auth', {}],
  ['sign-in of the shop', { OTEL_SERVICE_NAME: 'sign-in of the shop' }],
])('spans are those of the service %s with the variables %j', async (name, variables) => {
  for (const [variable, value] of Object.entries(variables)) vi.stubEnv(variable, value)
  const { service, spans, services } = await startTraced()
  await call(`${service.baseUrl}/livez`)
  await spans()
  expect(services()).toEqual([name])
})

test('a span lasts as long as the call that it stands for', async () => {
  const { service, spans } = await startTraced()
  const startedMs = performance.now()
  await signInOverHttp(service, 'alice')
  const tookMs = performance.now() - startedMs
  const asked = (await spans()).find(({ name }) => name === 'wechat sns/jscode2session')
  expect(asked?.durationMs).toBeGreaterThan(0)
  expect(asked?.durationMs).toBeLessThanOrEqual(tookMs)
})

test('without an address of a collector no request is traced', async () => {
  const { service } = await startTraced({ endpoint: null })
  expect(await (await fetch(`${service.baseUrl}/span`)).json()).toEqual({ isTraced: false })
  const traced = await startTraced()
  expect(await (await fetch(`${traced.service.baseUrl}/span`)).json()).toEqual({ isTraced: true })
})

test('no secret is in what the collector gets', async () => {
  const { service, spans, sent } = await startTraced()
  const { data } = await signInOverHttp(service, 'alice')
  const [app] = service.world.apps
  await call(`${service.baseUrl}/orders?token=${data.token}`, { token: data.token })
  await call(`${service.baseUrl}/nowhere/${data.token}?access_token=canary-query`, { token: data.token })
  // The messages of errors may quote anything.
  await call(`${service.baseUrl}/fails`)
  service.world.faults.set('jscode2session', { errcode: 40163 })
  await signInOverHttp(service, 'bob')
  expect((await spans()).map(({ name }) => name)).toEqual(
    expect.arrayContaining(['GET /orders', 'GET no route', 'GET /fails', 'POST /v1/sessions']),
  )
  const secrets = [data.token, 'canary', app?.secret ?? '', service.world.openid('alice', app?.appid ?? '')]
  for (const secret of secrets) expect(sent()).not.toContain(secret)
})

test('a collector that is away costs a line of the log a minute, and keeps nobody from signing in or the service from stopping', async () => {
  const lines: { msg: string; reason?: string }[] = []
  const log = pino({ base: null }, { write: (line) => void lines.push(JSON.parse(line)) })
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '20')
  vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '200')
  const { service, close } = await startTraced({ endpoint: 'http://127.0.0.1:1', log })
  expect((await signInOverHttp(service, 'alice')).status).toBe(201)
  const warnings = () => lines.filter(({ msg }) => msg === 'traces cannot be sent, and are lost meanwhile')
  await expect.poll(warnings).toMatchObject([{ reason: expect.stringContaining('ECONNREFUSED') }])
  await signInOverHttp(service, 'bob')
  await close()
  expect(warnings()).toHaveLength(1)
})

test('a span is marked as failed where WeChat or a store failed, and not where it answered or refused', async () => {
  const { service, spans } = await startTraced()
  await signInOverHttp(service, 'alice')
  service.world.faults.set('jscode2session', { errcode: 40029 })
  await signInOverHttp(service, 'bob')
  service.world.faults.set('jscode2session', { status: 502 })
  await signInOverHttp(service, 'carol')
  const found = await spans()
  const calls = found.filter(({ name }) => name === 'wechat sns/jscode2session')
  const outcomes = calls.map(({ attributes, isFailed }) => [
    attributes['weapp_auth.outcome'],
    attributes['weapp_auth.errcode'],
    isFailed,
  ])
  expect(outcomes).toEqual([
    ['ok', '0', false],
    ['refused', '40029', false],
    ['wechat_bad_response', undefined, true],
  ])
  for (const { isFailed } of found.filter(({ name }) => /^(users|sessions) /.test(name))) expect(isFailed).toBe(false)
})

interface Span {
  name: string
  id: string
  traceId: string
  parentId: string
  attributes: Record<string, string>
  isFailed: boolean
  durationMs: number
}

/** The service with traces, and a collector that remembers what it gets. */
async function startTraced(
  o: { endpoint?: string | null; log?: FastifyBaseLogger; redisUrl?: string; databaseUrl?: string } = {},
) {
  const bodies: Buffer[] = []
  const collector = createServer(async (request, response) => {
    bodies.push(await buffer(request))
    response.end()
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  const { log = pino({ level: 'silent' }) } = o
  const { endpoint: tracesTo = `http://127.0.0.1:${(collector.address() as AddressInfo).port}` } = o
  if (tracesTo) vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', tracesTo)
  const { redisUrl = null, databaseUrl = null } = o
  const seeing = await openSeeing({ service: null, tracesTo, redisUrl, databaseUrl }, log)
  let closed: Promise<void> | null = null
  const close = () => {
    closed ??= seeing.close()
    return closed
  }
  onTestFinished(async () => {
    await close()
    vi.unstubAllEnvs()
    collector.closeAllConnections()
    collector.close()
  })
  const routes: Parameters<typeof startService>[1] = (app) => {
    app.get('/orders', { onRequest: authenticate }, async () => ({}))
    app.get('/span', async () => ({ isTraced: trace.getActiveSpan() !== undefined }))
    app.get('/fails', async () => {
      throw new Error('the database refused the row of canary')
    })
  }
  const deps = { beforeRoutes: seeing.beforeRoutes } as const
  const service = await startService('embedded', routes, deps, seeing.observe)
  return {
    service,
    close,
    /** All spans: the rest is sent when the traces are closed. */
    async spans(): Promise<Span[]> {
      await close()
      return bodies.flatMap(readSpans)
    },
    /** The `service.name` of all that was sent. */
    services: () => [...new Set(bodies.flatMap(readServices))],
    sent: () => Buffer.concat(bodies).toString('latin1'),
  }
}

/** @see https://github.com/open-telemetry/opentelemetry-proto: trace.proto; numbers of fields */
function readSpans(body: Buffer): Span[] {
  return within(body, 1, 2, 2).map((span) => ({
    traceId: field(span, 1).toString('hex'),
    id: field(span, 2).toString('hex'),
    parentId: field(span, 4).toString('hex'),
    name: field(span, 5).toString(),
    // STATUS_CODE_ERROR
    isFailed: numberIn(field(span, 15), 3) === 2,
    durationMs: ((numberIn(span, 8) ?? 0) - (numberIn(span, 7) ?? 0)) / 1e6,
    attributes: readAttributes(within(span, 9)),
  }))
}

function readServices(body: Buffer): (string | undefined)[] {
  return within(body, 1, 1).map((resource) => readAttributes(within(resource, 1))['service.name'])
}

function readAttributes(pairs: Buffer[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const value = field(pair, 2)
      const [text] = within(value, 1)
      return [field(pair, 1).toString(), text?.toString() ?? String(numberIn(value, 3))]
    }),
  )
}

/** The messages that lie in a message below a path of fields. */
function within(message: Buffer, ...path: number[]): Buffer[] {
  const [next, ...rest] = path
  if (next === undefined) return [message]
  return fieldsOf(message).flatMap(({ number, bytes }) => (number === next && bytes ? within(bytes, ...rest) : []))
}

function field(message: Buffer, wanted: number): Buffer {
  return within(message, wanted)[0] ?? Buffer.alloc(0)
}

function numberIn(message: Buffer, wanted: number): number | undefined {
  return fieldsOf(message).find(({ number }) => number === wanted)?.value
}

/** The fields of a message in the encoding of protocol buffers. */
function fieldsOf(message: Buffer): { number: number; bytes?: Buffer; value?: number }[] {
  const fields: { number: number; bytes?: Buffer; value?: number }[] = []
  let at = 0
  const varint = () => {
    let value = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at++] ?? 0
      value += (byte & 127) * shift
      if (byte < 128) return value
    }
  }
  while (at < message.length) {
    const tag = varint()
    const number = tag >> 3
    switch (tag & 7) {
      case 0:
        fields.push({ number, value: varint() })
        break
      case 1:
        fields.push({ number, value: Number(message.readBigUInt64LE(at)) })
        at += 8
        break
      case 2: {
        const length = varint()
        fields.push({ number, bytes: message.subarray(at, at + length) })
        at += length
        break
      }
      default:
        at += 4
    }
  }
  return fields
}
