import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { createAuth } from '@weapp-auth/client'
import { createDevice, localLink } from '@weapp-auth/emulator'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { EXAMPLE_COMMANDS, EXAMPLES, installNodePackages, startExample } from './example-backends.ts'
import { startServiceApi } from './service-api/service-api.ts'

const CACHE_SECONDS = 2

/** How the README exchanges the guard behind nginx for the one that asks by itself. */
const EXCHANGES: Record<string, (folder: string) => void> = {
  java: replaceIn('web.xml', [['CallerFilter', 'IntrospectionFilter']]),
  php: replaceIn('index.php', [
    ['/caller.php', '/introspection.php'],
    ['caller();', 'introspectedCaller();'],
  ]),
  go: replaceIn('main.go', [['RequireCaller(', 'RequireIntrospected(']]),
  'python-service-api': () => {},
  express: inNode('main.mjs', [
    ['{ requireCaller }', '{ expressCaller as requireCaller }'],
    ['./caller.mjs', './introspection.mjs'],
  ]),
  koa: inNode('main.mjs', [
    ['{ requireCaller }', '{ koaCaller as requireCaller }'],
    ['./caller.mjs', './introspection.mjs'],
  ]),
  nestjs: inNode('main.ts', [
    ['CallerGuard, CurrentCaller }', 'CurrentCaller }'],
    ['@UseGuards(CallerGuard)', '@UseGuards(IntrospectionGuard)'],
    ['\n@Controller', "import { IntrospectionGuard } from './introspection.guard.js'\n\n@Controller"],
  ]),
}

type Replacement = readonly [from: string, to: string]

function replaceIn(name: string, replacements: readonly Replacement[]) {
  return (folder: string) => {
    const file = join(folder, name)
    const text = replacements.reduce(
      (text, [from, to]) => {
        expect(text).toContain(from)
        return text.replace(from, to)
      },
      readFileSync(file, 'utf8'),
    )
    writeFileSync(file, text)
  }
}

function inNode(name: string, replacements: readonly Replacement[]) {
  const replace = replaceIn(name, replacements)
  return (folder: string) => {
    cpSync(join(EXAMPLES, 'node/introspection.mjs'), join(folder, 'introspection.mjs'))
    replace(folder)
  }
}

beforeAll(installNodePackages, 180_000)

test('a guard of each language asks by itself: own data, 401 without a live session, 503 without an answer, and an ended session is refused when its cache ends', {
  timeout: 180_000,
}, async () => {
  const { service, api, tokens } = await startServiceApi()
  const serviceUrl = await api.listen({ host: '127.0.0.1', port: 0 })
  const appid = service.world.apps[0]?.appid ?? ''
  const env = {
    SERVICE_URL: serviceUrl,
    SERVICE_TOKEN: tokens.read,
    INTROSPECTION_CACHE_SECONDS: String(CACHE_SECONDS),
    APPID: appid,
  }
  const names = Object.keys(EXCHANGES)
  const routes: Record<string, string> = {}
  for (const name of names) {
    const command = EXAMPLE_COMMANDS[name === 'python-service-api' ? 'python' : name]
    if (!command) throw new Error(`there is no example ${name}`)
    const backend = await startExample(name, command, { env, change: EXCHANGES[name] ?? (() => {}) })
    routes[name] = backend + (name === 'python-service-api' ? '/orders' : '/api/orders')
  }
  const findSession = vi.spyOn(service.app.weappAuth, 'findSession')
  const everywhere = async <T>(value: (route: string, name: string) => Promise<T>) =>
    Object.fromEntries(await Promise.all(names.map(async (name) => [name, await value(routes[name] ?? '', name)])))
  const same = <T>(value: T) => Object.fromEntries(names.map((name) => [name, value]))
  const ask = async (route: string, authorization?: string) => {
    const headers = { 'X-Auth-User-Id': 'bob', ...(authorization !== undefined && { authorization }) }
    const response = await fetch(route, { headers })
    const text = await response.text()
    return response.ok ? JSON.parse(text).ordersOf : response.status
  }
  const signIn = async () => {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ appid, code: service.world.login('alice', appid).code })
    const response = await fetch(`${service.baseUrl}/v1/sessions`, { method: 'POST', headers, body })
    const { token, user } = (await response.json()) as { token: string; user: { id: string } }
    return { bearer: `Bearer ${token}`, userId: user.id }
  }

  const alice = await signIn()
  const askAsAlice = (route: string) => ask(route, alice.bearer)
  expect(await everywhere(askAsAlice)).toEqual(same(alice.userId))
  const countQuestions = async () => {
    const before = findSession.mock.calls.length
    expect(await everywhere(askAsAlice)).toEqual(same(alice.userId))
    return findSession.mock.calls.length - before
  }
  // PHP remembers nothing, so it asks each time; the others ask when what they remember is too old.
  await expect.poll(countQuestions, { timeout: 60_000, interval: 0 }).toBe(1)

  const never = `Bearer wxs1.${'A'.repeat(22)}.${'A'.repeat(43)}`
  for (const authorization of [undefined, never, 'Bearer nonsense', `Bearer ${'x'.repeat(2_000)}`, 'Basic YTpi']) {
    expect(await everywhere((route) => ask(route, authorization)), authorization).toEqual(same(401))
  }
  await service.app.weappAuth.revokeAll(alice.userId, { reason: 'admin' })
  await expect.poll(() => everywhere(askAsAlice), { timeout: 60_000, interval: 200 }).toEqual(same(401))

  // The SDK learns from the service why a backend says 401, and does not sign in again by itself.
  const allowOrigins = Object.values(routes).map((route) => new URL(route).origin)
  const { wx, clock } = createDevice({ link: localLink(service.world), appid, user: 'bob', name: 'phone' })
  const auth = createAuth({ baseUrl: service.baseUrl, allowOrigins, wx, now: clock.now })
  const { user } = await auth.ensureLogin()
  await service.app.weappAuth.revokeAll(user.id, { reason: 'admin' })
  await expect(auth.request({ url: routes.php ?? '' })).rejects.toMatchObject({ code: 'logged_out' })

  const { bearer } = await signIn()
  const askAgain = (route: string) => ask(route, bearer)
  expect(await everywhere(askAgain)).toEqual(same(alice.userId))
  await api.close()
  expect(await everywhere((route) => ask(route, never))).toEqual(same(503))
  // Whoever is remembered is let in for the rest of the time, and nobody after that.
  await expect.poll(() => everywhere(askAgain), { timeout: 60_000, interval: 200 }).toEqual(same(503))

  // A service that does not accept our token, or says what is no answer, has said nothing about the session either.
  let answer: (response: http.ServerResponse) => unknown = () => {}
  const other = http.createServer((request, response) => {
    request.resume()
    answer(response)
  })
  await new Promise<void>((resolve) => other.listen(Number(new URL(serviceUrl).port), '127.0.0.1', resolve))
  onTestFinished(() => {
    other.closeAllConnections()
    other.close()
  })
  for (const [status, body] of [
    [401, '{"code":"service_token_invalid"}'],
    [403, '{"code":"scope_missing"}'],
    [500, ''],
    [200, 'nonsense'],
    [200, '{}'],
  ] as const) {
    answer = (response) => response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    expect(await everywhere(askAgain), `${status} ${body}`).toEqual(same(503))
  }
  answer = () => {}
  expect(await everywhere(askAgain), 'no answer').toEqual(same(503))
})
