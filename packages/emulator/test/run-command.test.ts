import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startWechat } from '../src/http/start-wechat.ts'
import { USAGE } from '../src/run-arguments.ts'
import { phoneDns, type RunReport, runCommand } from '../src/run-command.ts'
import { createWorld, DEMO_APP } from '../src/world.ts'
import { appWith, SIGN_IN, startService } from './run-fixtures.ts'

const SHOP = fileURLToPath(new URL('fixtures/shop', import.meta.url))

async function run(...args: string[]) {
  const written = { stdout: '', stderr: '' }
  const exitCode = await runCommand(args, {
    stdout(text) {
      written.stdout += text
    },
    stderr(text) {
      written.stderr += text
    },
  })
  return { exitCode, ...written, report: () => JSON.parse(written.stdout) as RunReport }
}

describe('weapp-emulator run', () => {
  test('a backend in another language has its WeChat elsewhere', async () => {
    const world = createWorld()
    const wechat = await startWechat(world, { control: true })
    const backend = createServer(async (_request, response) => {
      const { code } = world.login('alice', DEMO_APP.appid)
      const query = new URLSearchParams({ ...DEMO_APP, js_code: code, grant_type: 'authorization_code' })
      await fetch(`${wechat.baseUrl}/sns/jscode2session?${query}`)
      response.writeHead(201, { 'content-type': 'application/json' }).end('{"token":"a"}')
    })
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
    onTestFinished(async () => {
      await wechat.close()
      backend.close()
    })
    const service = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`
    const { exitCode, report } = await run('run', SIGN_IN, '--service', service, '--emulator', wechat.baseUrl)
    expect(report().errors).toEqual([])
    expect(exitCode).toBe(0)
    expect(report().ledger.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['wx.login', 'code.issued', 'jscode2session', 'wx.request']),
    )
  })

  test('run signs in and tells both sides, by time', async () => {
    const { url } = await startService()
    const { exitCode, report } = await run('run', SIGN_IN, '--service', url, '--user', 'bob')
    expect(report()).toMatchObject({
      ok: true,
      app: { appid: DEMO_APP.appid, user: 'bob', page: 'pages/home/home' },
      errors: [],
    })
    expect(exitCode).toBe(0)
    const { ledger } = report()
    expect(ledger.map(({ side, event }) => `${side} ${event}`)).toEqual(
      expect.arrayContaining(['device app.launch', 'wechat code.issued', 'wechat jscode2session', 'device wx.request']),
    )
    expect(ledger.map(({ atMs }) => atMs)).toEqual(ledger.map(({ atMs }) => atMs).sort((a, b) => a - b))
    const code = ledger.find(({ event }) => event === 'wx.login')?.code
    expect(ledger.find(({ event }) => event === 'jscode2session')).toMatchObject({ code, errcode: 0 })
  })

  test('a run reports the entries of this run only', async () => {
    const { url } = await startService()
    await run('run', SIGN_IN, '--service', url)
    const { report } = await run('run', SIGN_IN, '--service', url)
    expect(report().ledger.filter(({ event }) => event === 'code.issued')).toHaveLength(1)
  })

  test('a WeChat refusal fails the run and is named', async () => {
    const { world, url } = await startService()
    world.faults.set('jscode2session', { errcode: 40029 })
    const { exitCode, report } = await run('run', SIGN_IN, '--service', url)
    expect(exitCode).toBe(1)
    expect(report()).toMatchObject({
      ok: false,
      errors: ['WeChat answered jscode2session with errcode 40029', 'the sign-in was refused: 400 code_invalid'],
    })
  })

  test('an error of the app fails the run', async () => {
    const { url } = await startService()
    const { exitCode, report } = await run('run', SIGN_IN, '--service', url, '--path', 'pages/home/home?mood=throws')
    expect(exitCode).toBe(1)
    expect(report().errors).toEqual(['Error: bad mood'])
  })

  test('an app that never settles is stopped by the timeout', async () => {
    const { url } = await startService()
    const path = 'pages/home/home?mood=waits'
    const { exitCode, report } = await run('run', SIGN_IN, '--service', url, '--path', path, '--timeout', '0.5')
    expect(exitCode).toBe(1)
    expect(report().errors).toEqual(['the app has not settled within 0.5 s'])
  })

  test('a DevTools project is run with its own root and appid', async () => {
    const { url } = await startService([{ appid: 'wxfirst', secret: 's' }, DEMO_APP])
    const { report } = await run('run', SHOP, '--service', url)
    expect(report()).toMatchObject({ ok: true, app: { page: 'pages/index/index', appid: DEMO_APP.appid } })
  })

  test('an appid the world does not know gives way to the first it knows', async () => {
    const { url } = await startService()
    const folder = appWith({ 'project.config.json': '{ "appid": "wxsomebodyelse" }' })
    const { report } = await run('run', folder, '--service', url)
    expect(report()).toMatchObject({ ok: true, app: { appid: DEMO_APP.appid } })
  })
})

describe('what cannot be run says so in one line', () => {
  test.each<[string, () => string, string]>([
    ['a missing folder', () => '/no/such/folder', 'there is no folder /no/such/folder'],
    ['no app.json', () => appWith({ 'app.json': null }), 'not a mini-program: there is no app.json'],
    ['broken JSON', () => appWith({ 'app.json': '{' }), 'app.json is not valid JSON: '],
    ['no pages', () => appWith({ 'app.json': '{}' }), 'app.json lists no pages'],
    [
      'a missing page',
      () => appWith({ 'pages/home/home.js': null }),
      'app.json lists the page "pages/home/home" but pages/home/home.js is missing',
    ],
    [
      'TypeScript that is not built',
      () => appWith({ 'pages/home/home.js': null, 'pages/home/home.ts': '' }),
      'pages/home/home.ts is not compiled to pages/home/home.js: build the mini-program first',
    ],
  ])('%s', async (_name, makeFolder, message) => {
    const { url } = await startService()
    const { exitCode, stdout, stderr } = await run('run', makeFolder(), '--service', url)
    expect(stderr).toContain(`weapp-emulator: ${message}`)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect([exitCode, stdout]).toEqual([1, ''])
  })

  test('a service that is not there', async () => {
    const { exitCode, stderr } = await run('run', SIGN_IN, '--service', 'http://127.0.0.1:1')
    expect(stderr).toMatch(/^weapp-emulator: cannot reach the service at http:\/\/127\.0\.0\.1:1: .+\n$/)
    expect(exitCode).toBe(1)
  })

  test('a service without the emulator', async () => {
    const server = createServer((_request, response) => response.writeHead(404).end()).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    const { exitCode, stderr } = await run(
      'run',
      SIGN_IN,
      '--service',
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    )
    expect(stderr).toMatch(/runs without the emulator: start it with WECHAT_EMULATOR=on, or say with --emulator .*\n$/)
    expect(exitCode).toBe(1)
  })

  test('--help is no mistake', async () => {
    expect(await run('run', '--help')).toMatchObject({ exitCode: 0, stdout: `${USAGE}\n`, stderr: '' })
  })

  test.each([
    [[], 'which command?'],
    [['walk'], 'unknown command "walk"'],
    [['run'], 'run needs the folder'],
    [['run', 'a'], '--service is missing'],
    [['run', 'a', 'b', '--service', 'http://x'], 'unexpected argument "b"'],
    [['run', 'a', '--service', 'ftp://x'], '--service must be an http address, not "ftp://x"'],
    [['run', 'a', '--service', 'http://x/v1'], '--service is an address without a path: http://x'],
    [['run', 'a', '--service', 'http://x', '--timeout', 'soon'], '--timeout must be a number of seconds'],
    [['run', 'a', '--service', 'http://x', '--allow-origin', 'x/y'], '--allow-origin must be an origin'],
    [['run', 'a', '--shout'], "Unknown option '--shout'"],
  ])('wrong arguments: %j', async (args, message) => {
    const { exitCode, stdout, stderr } = await run(...args)
    expect(stderr).toContain(message)
    expect(stderr).toContain(USAGE)
    expect([exitCode, stdout]).toEqual([2, ''])
  })
})

describe('what is missing or wrong in one place does not stop the rest', () => {
  test.each<[string, Record<string, string>, string]>([
    [
      'a missing component',
      { 'pages/home/home.json': '{ "usingComponents": { "a": "lost/lost" } }' },
      'component "lost/lost" is not found (used by pages/home/home.json), its element stays empty',
    ],
    [
      'a component of a plugin',
      { 'pages/home/home.json': '{ "usingComponents": { "a": "plugin://chat/list" } }' },
      'pages/home/home.json uses "plugin://chat/list": plugins cannot be run here, its element stays empty',
    ],
    [
      'a missing import',
      { 'pages/home/home.wxml': '<import src="./lost.wxml"/>' },
      'pages/home/lost.wxml is missing (used by pages/home/home.wxml)',
    ],
    [
      'a missing include',
      { 'pages/home/home.wxml': '<include src="/lost.wxml"/>' },
      'lost.wxml is missing (used by pages/home/home.wxml)',
    ],
    [
      'a missing WXS file, and what is called of it',
      { 'pages/home/home.wxml': '<wxs src="./lost.wxs" module="m"/><view>{{ m.a }}{{ m.b(1) }}</view>' },
      'pages/home/lost.wxs is missing (used by pages/home/home.wxml)',
    ],
    [
      'a page that is not there, when it is not the first',
      { 'app.json': '{ "pages": ["pages/home/home", "pages/lost/lost"] }' },
      'app.json lists the page "pages/lost/lost" but pages/lost/lost.js is missing',
    ],
    [
      'a slot with something in it',
      { 'pages/home/home.wxml': '<slot>nothing of this is shown</slot>' },
      'pages/home/home.wxml:1:7: child nodes are not allowed for this element',
    ],
    ['an empty JSON file', { 'pages/home/home.json': '' }, 'pages/home/home.json is empty'],
  ])('%s is a warning', async (_name, files, warning) => {
    const { url } = await startService()
    const { exitCode, report } = await run('run', appWith(files), '--service', url)
    expect(report()).toMatchObject({ ok: true, errors: [], warnings: [warning] })
    expect(exitCode).toBe(0)
  })

  test('a byte order mark in app.json is no part of it', async () => {
    const { url } = await startService()
    const folder = appWith({ 'app.json': '\uFEFF{ "pages": ["pages/home/home"] }' })
    expect((await run('run', folder, '--service', url)).report()).toMatchObject({ ok: true, warnings: [] })
  })

  test('a part of a template that cannot be read is an error with its place, and the rest is shown', async () => {
    const { url } = await startService()
    const folder = appWith({ 'pages/home/home.wxml': '<view>{{ 1 + }}</view>' })
    const { exitCode, report } = await run('run', folder, '--service', url)
    expect(report()).toMatchObject({ ok: false, app: { page: 'pages/home/home' } })
    expect(report().errors).toEqual([expect.stringMatching(/^TemplateError: pages\/home\/home\.wxml:1:\d+: /)])
    expect(exitCode).toBe(1)
  })
})

describe('what an app may reach', () => {
  const service = new URL('http://127.0.0.1:4567')
  const dns = phoneDns({
    service,
    builtFor: ['http://127.0.0.1:3000', 'https://api.example.com'],
    allowOrigins: ['http://127.0.0.1:5555'],
  })

  test.each([
    ['http://127.0.0.1:3000/v1/me?a=1', 'http://127.0.0.1:4567/v1/me?a=1'],
    ['https://api.example.com/v1/me', 'http://127.0.0.1:4567/v1/me'],
    ['wss://api.example.com/live', 'ws://127.0.0.1:4567/live'],
    ['http://127.0.0.1:4567/x', 'http://127.0.0.1:4567/x'],
    ['http://127.0.0.1:5555/x', 'http://127.0.0.1:5555/x'],
    ['ws://127.0.0.1:5555/x', 'ws://127.0.0.1:5555/x'],
  ])('%s leads to %s', (from, to) => {
    expect(dns(new URL(from)).href).toBe(to)
  })

  test.each([
    'https://example.org/',
    'https://api.example.com:8443/',
    'https://api.example.com.evil.example/',
    'http://127.0.0.1:5556/',
    'http://169.254.169.254/latest/meta-data',
    'ws://example.org/',
  ])('%s is offline', (url) => {
    expect(() => dns(new URL(url))).toThrow('ERR_INTERNET_DISCONNECTED')
  })

  test('an origin that is not allowed is never asked, and the ledger has the call', async () => {
    const { url } = await startService()
    let asked = 0
    const stranger = createServer((_request, response) => {
      asked++
      response.end('{}')
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void stranger.close())
    await new Promise((resolve) => stranger.once('listening', resolve))
    const origin = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`
    const call = `Page({ onLoad() { wx.request({ url: '${origin}/collect' }) } })`
    const folder = appWith({ 'pages/home/home.js': call })

    const refused = (await run('run', folder, '--service', url)).report()
    expect(asked).toBe(0)
    expect(refused.ledger).toContainEqual(
      expect.objectContaining({
        event: 'wx.request',
        url: `${origin}/collect`,
        errMsg: expect.stringContaining('ERR_INTERNET_DISCONNECTED'),
      }),
    )
    await run('run', folder, '--service', url, '--allow-origin', origin)
    expect(asked).toBe(1)
  })
})
