import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { findFreePort } from '@weapp-auth/test-servers'
import Fastify from 'fastify'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { OPERATOR_HEADER } from '../../src/service-api/callers.ts'
import { openServiceApi } from '../../src/service-api/open.ts'
import { openOperatorSocket, operatorSocketOf } from '../../src/service-api/operator-socket.ts'
import { parseServiceTokens } from '../../src/service-api/tokens.ts'
import type { Upkeep } from '../../src/upkeep/upkeep.ts'
import { startService } from '../service.ts'
import { makeTokens } from './service-api.ts'

const log = pino({ level: 'silent' })
const SERVERS = { redisUrl: 'redis://127.0.0.1', databaseUrl: 'postgres://127.0.0.1/x' }

test('the listener is there where it is configured, lets tokens in, and is gone after close', async () => {
  const { app } = await startService('embedded')
  const { tokens, text } = makeTokens()
  const port = await findFreePort()
  const service = { host: '127.0.0.1', port, tokens: parseServiceTokens(text) }
  const opened = await openServiceApi({ ...SERVERS, service, dataDir: 'nowhere' }, app, log)
  expect(opened.address).toBe(`http://127.0.0.1:${port}`)
  const ask = (token = tokens.read) =>
    fetch(`${opened.address}/service/v1/users`, { headers: { authorization: `Bearer ${token}` } })
  expect((await ask()).status).toBe(200)
  const others = makeTokens()
  const put = await opened.takeTokens({ service: { ...service, tokens: parseServiceTokens(others.text) } })
  expect((await ask()).status).toBe(200)
  put()
  expect((await ask()).status).toBe(401)
  expect((await ask(others.tokens.read)).status).toBe(200)
  // Phones never get here, nor this API to phones.
  expect((await fetch(`${opened.address}/v1/me`)).status).toBe(401)
  expect((await app.inject('/service/v1/users')).statusCode).toBe(404)
  // A backend that holds a connection open does not keep the service from stopping.
  const held = connect(port, '127.0.0.1').on('error', () => {})
  onTestFinished(() => void held.destroy())
  await once(held, 'connect')
  await opened.close()
  await expect(ask()).rejects.toThrow('fetch failed')
})

test('work on all users, whose bodies hold openids, is on the socket of the command line and not on the listener', async () => {
  const { app } = await startService('embedded')
  const dataDir = newFolder()
  const { tokens, text } = makeTokens()
  const service = { host: '127.0.0.1', port: await findFreePort(), tokens: parseServiceTokens(text) }
  const openUpkeep = async () => ({ countOldKeys: async () => 3 }) as Upkeep
  const opened = await openServiceApi({ redisUrl: null, databaseUrl: null, service, dataDir }, app, log, { openUpkeep })
  const path = '/service/v1/upkeep/keys'
  expect(await askSocket(operatorSocketOf(dataDir), path)).toMatchObject({ status: 200, body: { old: 3 } })
  const headers = { authorization: `Bearer ${tokens.all}` }
  expect((await fetch(`${opened.address}${path}`, { headers })).status).toBe(404)
  await opened.close()
})

test.each([{ redisUrl: null }, { databaseUrl: null }])(
  'with one store embedded, as in %j, the command line gets in too, and sees which keys are in use',
  async (embedded) => {
    const { app } = await startService('embedded')
    const dataDir = newFolder()
    const ring = () => [{ kid: 'k7', fingerprint: 'f7' }]
    const opened = await openServiceApi({ ...SERVERS, ...embedded, service: null, dataDir }, app, log, { ring })
    const answer = await askSocket(operatorSocketOf(dataDir), '/service/v1/health')
    expect(answer).toMatchObject({ status: 200, body: { keyRing: ring() } })
    await opened.close()
  },
)

test('an API that cannot be built is a failure of that request, and the next one tries again', async () => {
  const path = operatorSocketOf(newFolder())
  let isBroken = true
  let built = 0
  const { close } = await openOperatorSocket(path, async () => {
    built++
    if (isBroken) throw new Error('it cannot be built')
    return Fastify().get('/', () => ({ is: 'there' }))
  })
  onTestFinished(close)
  const broken = await askSocket(path, '/').catch((error: Error) => error.name)
  expect([broken, built]).toEqual(['SyntaxError', 1])
  isBroken = false
  const answers = await Promise.all([askSocket(path, '/'), askSocket(path, '/')])
  expect(answers).toEqual(Array(2).fill({ status: 200, body: { is: 'there' } }))
  expect(built).toBe(2)
})

test('without a listener and with both stores elsewhere nothing is opened', async () => {
  const { app } = await startService('embedded')
  const dataDir = newFolder()
  const opened = await openServiceApi({ ...SERVERS, service: null, dataDir }, app, log)
  expect(opened.address).toBeNull()
  expect(readdirSync(dataDir)).toEqual([])
  await opened.close()
})

test('with embedded stores an operator gets in by a socket of this user alone, and what they do bears their name', async () => {
  const { app } = await startService('embedded')
  const { id } = await app.weappAuth.createUser()
  const dataDir = newFolder()
  const socketPath = operatorSocketOf(dataDir)
  // A process that was killed has left it.
  writeFileSync(socketPath, '')
  const lines: string[] = []
  const heard = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  const opened = await openServiceApi({ redisUrl: null, databaseUrl: null, service: null, dataDir }, app, heard)
  expect(statSync(socketPath).mode & 0o777).toBe(0o600)
  const answers = await Promise.all(
    [1, 2, 3].map(() => askSocket(socketPath, `/service/v1/users/${id}`, { [OPERATOR_HEADER]: 'xiaoming' })),
  )
  for (const answer of answers) expect(answer).toMatchObject({ status: 200, body: { user: { id } } })
  expect(lines.join('')).toContain('"by":"operator:xiaoming"')
  for (const line of lines)
    expect(JSON.parse(line)).toMatchObject({ requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) })
  expect(await askSocket(socketPath, '/service/v1/users', { [OPERATOR_HEADER]: 'a b' })).toMatchObject({ status: 200 })
  expect(lines.join('')).toContain('"by":"operator:unknown"')
  await opened.close()
  expect(existsSync(socketPath)).toBe(false)
})

test('a folder in which no socket can be made is a warning, and stops nothing', async () => {
  const { app } = await startService('embedded')
  const lines: string[] = []
  const heard = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) })
  const dataDir = join(newFolder(), 'x'.repeat(120))
  const opened = await openServiceApi({ redisUrl: null, databaseUrl: null, service: null, dataDir }, app, heard)
  expect(lines.join('')).toContain('the command line will not reach this service')
  await opened.close()
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function askSocket(socketPath: string, path: string, headers: Record<string, string> = {}) {
  return new Promise<{ status: number | undefined; body: unknown }>((resolve, reject) => {
    request({ socketPath, path, headers, agent: false }, (response) => {
      json(response).then((body) => resolve({ status: response.statusCode, body }), reject)
    })
      .once('error', reject)
      .end()
  })
}
