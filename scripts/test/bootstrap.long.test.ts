import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ROOT } from '../root.ts'

/** A task that says when it runs, takes a moment to stop, and ends with a code of its own. */
const TASK = `
process.on('SIGTERM', () => setTimeout(() => { console.log('stopped'); process.exit(3) }, 50))
process.on('SIGINT', () => setTimeout(() => { console.log('interrupted'); process.exit(4) }, 50))
setInterval(() => {}, 1000)
console.log('running', process.pid, process.env.NODE_IS_FETCHED ?? '', process.argv.slice(2).join(' '))
`

/** A task that does not stop, and has a child of its own that does not either. */
const STUBBORN_TASK = `
import { spawn } from 'node:child_process'
process.on('SIGTERM', () => {})
const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)'])
child.stdout.once('data', () => console.log('running', process.pid, child.pid))
`

/** Lets the bootstrap believe that it runs on another version of Node than the tests do. */
const pretendNode = (version: string) =>
  `data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"${version}"}})`

/** Installs nothing; where it is asked for Node, it leaves one that tells its task so. */
const NPM = `#!/bin/sh
for last; do :; done
[ "$1" = install ] || exit 0
binary="$3/node_modules/\${last%@*}/bin"
mkdir -p "$binary"
printf '#!/bin/sh\\nNODE_IS_FETCHED=fetched exec "%s" "$@"\\n' '${process.execPath}' > "$binary/node"
chmod +x "$binary/node"
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
    expect(await installsOf(folder)).toBe(1)
    expect(await installsOf(folder)).toBe(0)
  })

  test.each([
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    'package.json',
    'packages/x/package.json',
    'apps/y/package.json',
  ])('a changed %s installs again', async (file) => {
    const folder = makeRepository()
    expect(await installsOf(folder)).toBe(1)
    appendFileSync(join(folder, file), '\n')
    expect(await installsOf(folder)).toBe(1)
    expect(await installsOf(folder)).toBe(0)
  })

  test('an install that failed is tried again', async () => {
    const folder = makeRepository()
    writeFileSync(join(folder, 'bin/npm'), '#!/bin/sh\necho ERR_PNPM_OUTDATED_LOCKFILE\nexit 1\n')
    const { child, output } = start(folder)
    expect(await exitOf(child)).toBe(1)
    expect(output()).toContain('could not install the dependencies (ERR_PNPM_OUTDATED_LOCKFILE)')
    expect(output()).not.toContain('running')
    writeFileSync(join(folder, 'bin/npm'), NPM)
    expect(await installsOf(folder)).toBe(1)
  })

  test.each([
    ['20.20.2', 'another one, fetched once'],
    ['22.21.1', 'another one, fetched once'],
    ['22.22.0', 'the same'],
    ['23.11.1', 'another one, fetched once'],
    ['24.14.9', 'another one, fetched once'],
    ['24.15.0', 'the same'],
    ['25.2.0', 'another one, fetched once'],
    ['26.0.0', 'the same'],
  ])('started by Node %s, the task runs on %s', async (version, which) => {
    const folder = makeRepository()
    const mark = which === 'the same' ? '' : 'fetched'
    for (const fetches of mark ? [1, 0] : [0, 0]) {
      const { child, output, running } = start(folder, [], environment(folder), ['--import', pretendNode(version)])
      expect(await running).toMatch(new RegExp(`^running \\d+ ${mark} *$`, 'm'))
      expect(output().match(/fetching Node/g) ?? []).toHaveLength(fetches)
      child.kill('SIGTERM')
      await exitOf(child)
    }
  })

  test('a task that does not stop is killed, with whatever it started', async () => {
    const folder = makeRepository()
    writeFileSync(join(folder, 'scripts/tasks/start.ts'), STUBBORN_TASK)
    const bootstrap = join(folder, 'scripts/bootstrap.mjs')
    const source = readFileSync(bootstrap, 'utf8')
    expect(source).toContain('STOP_TIMEOUT_MS = 15_000')
    writeFileSync(bootstrap, source.replace('STOP_TIMEOUT_MS = 15_000', 'STOP_TIMEOUT_MS = 300'))
    const { child, running } = start(folder)
    const pids =
      /running (\d+) (\d+)/
        .exec(await running)
        ?.slice(1)
        .map(Number) ?? []
    child.kill('SIGTERM')
    expect(await exitOf(child)).toBe(137)
    await expect.poll(() => pids.map(isAlive)).toEqual([false, false])
  })

  test.each([
    ['install the dependencies', []],
    ['fetch Node 24.21.0', ['--import', pretendNode('20.20.2')]],
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
  for (const name of ['scripts/tasks', 'packages/x', 'apps/y', 'bin'])
    mkdirSync(join(folder, name), { recursive: true })
  for (const name of ['packages/x/package.json', 'apps/y/package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml']) {
    writeFileSync(join(folder, name), '{}')
  }
  copyFileSync(join(ROOT, 'scripts/bootstrap.mjs'), join(folder, 'scripts/bootstrap.mjs'))
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  writeFileSync(join(folder, 'scripts/tasks/start.ts'), TASK)
  writeFileSync(join(folder, 'bin/npm'), NPM)
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
  // Not SIGKILL, which it could not pass on: the task would be left behind.
  onTestFinished(() => void child.kill('SIGTERM'))
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

/** Starts the task, stops it, and says how often something was installed. */
async function installsOf(folder: string): Promise<number> {
  const { child, output, running } = start(folder)
  await running
  child.kill('SIGTERM')
  await exitOf(child)
  return output().match(/installing dependencies/g)?.length ?? 0
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
