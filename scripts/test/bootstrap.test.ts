import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ROOT } from '../root.ts'

/** A task that says when it runs, takes a moment to stop, and ends with a code of its own. */
const TASK = `
process.on('SIGTERM', () => setTimeout(() => { console.log('stopped'); process.exit(3) }, 50))
process.on('SIGINT', () => setTimeout(() => { console.log('interrupted'); process.exit(4) }, 50))
setInterval(() => {}, 1000)
console.log('running', process.pid, process.argv.slice(2).join(' '))
`

/** The machine this is for has Node 20; the tests run on a newer one. */
const PRETEND_NODE_20 =
  'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.20.2"}})'

describe('the bootstrap', () => {
  test.each([
    ['SIGTERM', 'stopped', 3],
    ['SIGINT', 'interrupted', 4],
  ] as const)('%s reaches the task once, and its exit code comes back', async (signal, said, code) => {
    const { child, output, running } = start(makeRepository(), ['--walkthrough'])
    expect(await running).toContain('--walkthrough')
    child.kill(signal)
    expect(await exitOf(child)).toBe(code)
    expect(output().match(new RegExp(said, 'g'))).toHaveLength(1)
  })

  test('a parent that is killed without passing the signal on takes the task with it', async () => {
    const folder = makeRepository()
    const bootstrap = join(folder, 'scripts/bootstrap.mjs')
    // The shell stands for npm: it does not pass signals on, and must not become the process itself.
    const parent = spawn('sh', ['-c', `"${process.execPath}" "${bootstrap}" start; exit $?`], {
      env: environment(folder),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [chunk] = await once(parent.stdout, 'data')
    const pid = Number(/running (\d+)/.exec(String(chunk))?.[1])
    expect(isAlive(pid)).toBe(true)
    parent.kill('SIGKILL')
    await expect.poll(() => isAlive(pid), { timeout: 5_000 }).toBe(false)
  })

  test('a second start installs nothing', async () => {
    const folder = makeRepository()
    for (const installs of [1, 0]) {
      const { child, output, running } = start(folder)
      await running
      expect(output().match(/installing dependencies/g) ?? []).toHaveLength(installs)
      child.kill('SIGTERM')
      await exitOf(child)
    }
  })

  test.each([
    ['install the dependencies', []],
    ['fetch Node 24.21.0', ['--import', PRETEND_NODE_20]],
  ])('without a network it says in one line that it could not %s', async (purpose, options) => {
    const folder = makeRepository()
    const offline = {
      PATH: process.env.PATH ?? '',
      npm_config_registry: 'http://127.0.0.1:9',
      npm_config_cache: join(folder, 'cache'),
      npm_config_fetch_retries: '0',
    }
    const { child, output } = start(folder, [], offline, options)
    expect(await exitOf(child)).toBe(1)
    const lines = output().trim().split('\n')
    expect(lines.at(-1)).toMatch(new RegExp(`^weapp-auth: could not ${purpose} \\(ECONNREFUSED\\): check that the npm`))
    expect(lines.every((line) => line.startsWith('weapp-auth: '))).toBe(true)
  })

  test.each([
    ['LANG', { LANG: 'zh_CN.UTF-8' }, []],
    ['--lang', { LANG: 'en_US.UTF-8' }, ['--lang', 'zh']],
    ['--lang=', { LANG: 'en_US.UTF-8' }, ['--lang=zh']],
  ])('speaks Chinese when %s asks for it', async (_, env, args) => {
    const folder = makeRepository()
    const { running } = start(folder, args, { ...environment(folder), ...env })
    expect(await running).toContain('weapp-auth: 正在安装依赖 ...')
  })
})

/** A repository with nothing but the bootstrap and one task, and an npm that has nothing to do. */
function makeRepository(): string {
  const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-bootstrap-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['scripts/tasks', 'packages', 'apps', 'bin']) mkdirSync(join(folder, name), { recursive: true })
  copyFileSync(join(ROOT, 'scripts/bootstrap.mjs'), join(folder, 'scripts/bootstrap.mjs'))
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  writeFileSync(join(folder, 'scripts/tasks/start.ts'), TASK)
  writeFileSync(join(folder, 'bin/npm'), '#!/bin/sh\nexit 0\n')
  chmodSync(join(folder, 'bin/npm'), 0o755)
  return folder
}

function environment(folder: string): NodeJS.ProcessEnv {
  return { PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}` }
}

function start(
  folder: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = environment(folder),
  options: readonly string[] = [],
) {
  const child = spawn(process.execPath, [...options, join(folder, 'scripts/bootstrap.mjs'), 'start', ...args], {
    env: { HOME: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let printed = ''
  const running = new Promise<string>((resolve) => {
    const look = (chunk: Buffer) => {
      printed += chunk.toString()
      if (/^running /m.test(printed)) resolve(printed)
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
  })
  return { child, output: () => printed, running }
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
