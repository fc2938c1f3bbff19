import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import Fastify from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import { controlApi } from '../src/http/control-api.ts'
import { startWechat } from '../src/http/start-wechat.ts'
import { phoneDns, type RunReport, runCommand, USAGE } from '../src/run-command.ts'
import { createWorld, DEMO_APP } from '../src/world.ts'

const SIGN_IN = fileURLToPath(new URL('fixtures/sign-in', import.meta.url))
const SHOP = fileURLToPath(new URL('fixtures/shop', import.meta.url))
const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp()
})

/** A service that exchanges codes with an emulated WeChat over TCP, with the emulator mounted beside it. */
async function startService(apps = [DEMO_APP]) {
  const world = createWorld({ apps })
  const wechat = await startWechat(world)
  const service = Fastify()
  service.register(controlApi, { prefix: '/emulator', world })
  service.post('/v1/sessions', async (request, reply) => {
    const { code } = request.body as { code: string }
    const query = new URLSearchParams({ ...app, js_code: code, grant_type: 'authorization_code' })
    const answer = (await (await fetch(`${wechat.baseUrl}/sns/jscode2session?${query}`)).json()) as { openid?: string }
    return answer.openid ? reply.code(201).send({ token: 'a' }) : reply.code(400).send({ code: 'code_invalid' })
  })
  service.get('/for-ever', () => new Promise(() => {}))
  const app = { appid: DEMO_APP.appid, secret: DEMO_APP.secret }
  const url = await service.listen({ host: '127.0.0.1', port: 0 })
  cleanups.push(
    () => service.close(),
    () => wechat.close(),
    () => service.server.closeAllConnections(),
  )
  return { world, url }
}

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

/** The sign-in fixture with some files replaced; null removes one. */
function appWith(files: Record<string, string | null>): string {
  const folder = mkdtempSync(join(tmpdir(), 'weapp-emulator-'))
  cleanups.push(() => rmSync(folder, { recursive: true }))
  cpSync(SIGN_IN, folder, { recursive: true })
  for (const [path, text] of Object.entries(files)) {
    if (text === null) rmSync(join(folder, path))
    else writeFileSync(join(folder, path), text)
  }
  return folder
}

describe('weapp-emulator run', () => {
  test('signs in and tells both sides, by time', async () => {
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

  test('takes only the entries of this run', async () => {
    const { url } = await startService()
    await run('run', SIGN_IN, '--service', url)
    const { report } = await run('run', SIGN_IN, '--service', url)
    expect(report().ledger.filter(({ event }) => event === 'code.issued')).toHaveLength(1)
  })

  test('as a program it prints nothing but JSON on stdout and ends by itself', async () => {
    const { url } = await startService()
    const args = ['run', SIGN_IN, '--service', url]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [CLI, ...args], { timeout: 15_000 })
    expect(JSON.parse(stdout)).toMatchObject({ ok: true })
    expect(stderr).toContain('signed in? 201')
  })

  test('an unhandled rejection of the app is an error of the run, not the end of the program', async () => {
    const { url } = await startService()
    const args = ['run', SIGN_IN, '--service', url, '--path', 'pages/home/home?mood=rejects']
    const failed = await promisify(execFile)(process.execPath, [CLI, ...args], { timeout: 15_000 }).catch((e) => e)
    expect(failed).toMatchObject({ code: 1 })
    expect(JSON.parse(failed.stdout)).toMatchObject({ ok: false, errors: ['Error: worse mood'] })
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
    [
      'a missing component',
      () => appWith({ 'pages/home/home.json': '{ "usingComponents": { "a": "lost/lost" } }' }),
      'component "lost/lost" is not found (used by pages/home/home.json)',
    ],
    [
      'a template that does not compile',
      () => appWith({ 'pages/home/home.wxml': '<view>{{ 1 + }}</view>' }),
      'pages/home/home.wxml:1:',
    ],
    [
      'a missing import',
      () => appWith({ 'pages/home/home.wxml': '<import src="./lost.wxml"/>' }),
      'pages/home/lost.wxml is missing (used by pages/home/home.wxml)',
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
    cleanups.push(() => server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    const { exitCode, stderr } = await run(
      'run',
      SIGN_IN,
      '--service',
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    )
    expect(stderr).toMatch(/runs without the emulator: start it with WECHAT_EMULATOR=on\n$/)
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
    [['run', 'a', '--shout'], "Unknown option '--shout'"],
  ])('wrong arguments: %j', async (args, message) => {
    const { exitCode, stdout, stderr } = await run(...args)
    expect(stderr).toContain(message)
    expect(stderr).toContain(USAGE)
    expect([exitCode, stdout]).toEqual([2, ''])
  })
})

describe('the DNS of the phone', () => {
  test.each([
    ['http://127.0.0.1:3000/v1/me?a=1', 'http://127.0.0.1:4567/v1/me?a=1'],
    ['http://localhost:3000/', 'http://127.0.0.1:4567/'],
    ['https://api.example.com/v1/me', 'http://127.0.0.1:4567/v1/me'],
    ['http://127.0.0.1:5555/x', 'http://127.0.0.1:5555/x'],
    ['http://[::1]:5555/x', 'http://[::1]:5555/x'],
  ])('%s leads to %s', (from, to) => {
    expect(phoneDns(new URL('http://127.0.0.1:4567'))(new URL(from)).href).toBe(to)
  })
})
