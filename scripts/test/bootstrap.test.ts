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

  test('without a network it says so in one line and fails', async () => {
    const folder = makeRepository()
    const { child, output } = start(folder, [], {
      PATH: process.env.PATH ?? '',
      npm_config_registry: 'http://127.0.0.1:9',
      npm_config_cache: join(folder, 'cache'),
      npm_config_fetch_retries: '0',
    })
    expect(await exitOf(child)).toBe(1)
    expect(output()).toMatch(/^weapp-auth: could not install the dependencies: check that the npm registry can be/m)
    expect(output()).not.toMatch(/^\s+at /m)
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

function start(folder: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = environment(folder)) {
  const child = spawn(process.execPath, [join(folder, 'scripts/bootstrap.mjs'), 'start', ...args], {
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
