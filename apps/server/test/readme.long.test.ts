import { execFile, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createDevice, createWorld, launchApp, localLink, startWechat } from '@weapp-auth/emulator'
import { generateVaultKey } from '@weapp-auth/fastify'
import { findProgram, unpackProgram } from '@weapp-auth/test-servers'
import { transform } from 'esbuild'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startProcess } from './process.ts'
import { environment } from './service.ts'

const SERVER = fileURLToPath(new URL('..', import.meta.url))
const ROOT = join(SERVER, '..', '..')
const CLIENT = join(ROOT, 'packages/client/miniprogram_dist/index.js')

const execFileAsync = promisify(execFile)

/** What the READMEs show is extracted and run: a reader who copies it gets what it says. Both show the same code, see below. */
describe('what the READMEs show', () => {
  let blocks: Map<string, string>
  beforeAll(() => {
    blocks = readBlocks(readFileSync(join(ROOT, 'README.md'), 'utf8'))
  })

  test('their mini-program, run against their server, gets the guarded data', async () => {
    const world = createWorld()
    const wechat = await startWechat(world)
    const [app] = world.apps
    const folder = makeFolder()
    const file = join(folder, 'server.ts')
    // The README shows what an editor accepts; Node runs it as it is.
    writeFileSync(file, blocks.get('server.ts') ?? '')
    const server = await listen(file, folder, {
      WECHAT_APPID: app?.appid ?? '',
      WECHAT_SECRET: app?.secret ?? '',
      WECHAT_API_BASE_URL: wechat.baseUrl,
      SESSION_KEY_KEYS: generateVaultKey(),
    })

    const miniprogram = await buildMiniprogram(join(folder, 'miniprogram'), blocks)
    const device = createDevice({
      link: localLink(world),
      appid: app?.appid ?? '',
      resolve: (url) => new URL(url.pathname + url.search, server),
    })
    const running = await launchApp({ folder: miniprogram, device })
    await running.settled()
    expect(running.text('#products')).toBe('tea')
    expect(running.errors).toEqual([])
    expect(world.ledger.count('jscode2session')).toBe(1)
    await Promise.all([running.close(), wechat.close()])
  })

  test('their curl lines end with the user', async () => {
    const address = await startProcess({ ...(await environment('embedded')), WECHAT_EMULATOR: 'on' }).address
    const script = (blocks.get('curl') ?? '').replaceAll('http://127.0.0.1:3000', address)
    const { path, env } = findProgram(['curl']) ?? unpackProgram(['curl'], 'curl', 'usr/bin')
    const { stdout } = await execFileAsync('bash', ['-euo', 'pipefail', '-c', script], {
      env: { ...env, PATH: `${dirname(path)}:${process.env.PATH}` },
    })
    expect(JSON.parse(stdout)).toMatchObject({ user: { profile: { nickname: '' } } })
  })
})

test('both READMEs show the same code', () => {
  const [english, chinese] = ['README.md', 'README.zh-CN.md'].map((name) => {
    const found = readBlocks(readFileSync(join(ROOT, name), 'utf8'))
    return [...found].filter(([key]) => key !== 'commands')
  })
  expect(chinese).toEqual(english)
})

test.each(['README.md', 'README.zh-CN.md'])('the commands of %s exist', (name) => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const blocks = readBlocks(readFileSync(join(ROOT, name), 'utf8'))
  const commands = [...(blocks.get('commands') ?? '').matchAll(/^npm (?:run )?(\S+)/gm)].map(([, command]) => command)
  expect(commands).toEqual(['start', 'test'])
  for (const command of commands) expect(scripts).toHaveProperty(String(command))
})

test('what both READMEs show compiles', async () => {
  const blocks = readBlocks(readFileSync(join(ROOT, 'README.md'), 'utf8'))
  const folder = makeFolder()
  for (const [file, text] of blocks) {
    mkdirSync(join(folder, file, '..'), { recursive: true })
    if (file.endsWith('.ts')) writeFileSync(join(folder, file), text)
  }
  const compile = (files: readonly string[], options: string) => {
    const args = ['--noEmit', '--strict', '--ignoreConfig', '--target', 'es2022', ...options.split(' '), ...files]
    const { status, stdout } = spawnSync(join(ROOT, 'node_modules', '.bin', 'tsc'), args, {
      cwd: folder,
      encoding: 'utf8',
    })
    return { status, stdout }
  }
  // A compiler that is missing prints nothing either.
  const succeeded = { status: 0, stdout: '' }
  expect(compile(['server.ts'], '--module nodenext --types node --skipLibCheck')).toEqual(succeeded)
  const pages = ['auth.ts', 'app.ts', 'pages/index/index.ts']
  expect(
    compile(pages, '--module esnext --moduleResolution bundler --lib es2022 --types miniprogram-api-typings'),
  ).toEqual(succeeded)
})

/** The fenced blocks: a TypeScript one by the file its first line names, the shell ones by what they begin with. */
function readBlocks(markdown: string): Map<string, string> {
  const blocks = new Map<string, string>()
  for (const [, language, text = ''] of markdown.matchAll(/^```(ts|sh)\n([\s\S]*?)^```$/gm)) {
    const file = /^\/\/ (\S+\.ts)$/m.exec(text)?.[1]
    blocks.set(language === 'ts' ? String(file) : text.startsWith('npm ') ? 'commands' : 'curl', text)
  }
  return blocks
}

/** Inside the package, so that its dependencies are found as they would be beside a reader's own file. */
function makeFolder(): string {
  mkdirSync(join(SERVER, '.cache'), { recursive: true })
  const folder = mkdtempSync(join(SERVER, '.cache', 'readme-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function listen(file: string, cwd: string, env: Record<string, string>): Promise<string> {
  const child = spawn(process.execPath, [file], {
    cwd,
    env: { PATH: process.env.PATH, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return new Promise((resolve, reject) => {
    let printed = ''
    const look = (chunk: Buffer) => {
      printed += chunk.toString()
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(printed)
      if (address) resolve(address[0])
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    child.on('exit', () => reject(new Error(printed)))
  })
}

/** The README's scripts, with the least of the other files a mini-program needs. */
async function buildMiniprogram(folder: string, blocks: Map<string, string>): Promise<string> {
  const files: Record<string, string> = {
    'app.json': JSON.stringify({ pages: ['pages/index/index'] }),
    'pages/index/index.json': '{}',
    'pages/index/index.wxml': '<view id="products" wx:for="{{products}}" wx:key="*this">{{item}}</view>',
  }
  for (const name of ['auth', 'app', 'pages/index/index']) {
    const source = blocks.get(`${name}.ts`) ?? ''
    files[`${name}.js`] = (await transform(source, { loader: 'ts', format: 'cjs', target: 'es2015' })).code
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  const client = join(folder, 'miniprogram_npm', '@weapp-auth', 'client')
  mkdirSync(client, { recursive: true })
  symlinkSync(CLIENT, join(client, 'index.js'))
  return folder
}
