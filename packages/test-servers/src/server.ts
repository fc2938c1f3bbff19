// A server process that a test run owns: its own port, its own temp folder, stopped by its own pid.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Program } from './program.ts'

/** Where {@link findFreePort} looks. */
const FIRST_PORT = 20_000
const END_PORT = 32_000

/** How long a server may take to say that it is ready. */
const START_TIMEOUT_MS = 30_000

export interface Server {
  url: string
  stop(): Promise<void>
}

/** A server that a test may break. */
export interface OwnServer extends Server {
  /** Of its process at the moment; another one after `start`. */
  readonly pid: number
  /** SIGSTOP freezes it, SIGCONT lets it go on. */
  signal(signal: NodeJS.Signals): void
  /** Ends the process and leaves what it wrote. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Resolves when it is ready again, at the same address. */
  start(): Promise<void>
}

export interface UnprivilegedUser {
  uid: number
  gid: number
}

export interface OwnServerOptions {
  url: string
  program: Program
  args: readonly string[]
  readyText: string
  stopSignal: NodeJS.Signals
  /** Who the process runs as; undefined: whoever runs the tests. */
  user: UnprivilegedUser | undefined
  folder: { path: string; remove(): void }
}

/** `nobody`, where the tests run as root: PostgreSQL and MariaDB refuse to. Undefined: whoever runs the tests. */
export function unprivilegedUser(): UnprivilegedUser | undefined {
  return process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined
}

/** Starts a server and keeps the means to break and mend it. */
export async function ownServer(o: OwnServerOptions): Promise<OwnServer> {
  const start = () => startProcess(o.program, o.args, { readyText: o.readyText, cwd: o.folder.path, user: o.user })
  let child = await start().catch((error) => {
    o.folder.remove()
    throw error
  })
  return {
    url: o.url,
    get pid() {
      return child.pid as number
    },
    signal: (signal) => void child.kill(signal),
    kill: (signal = 'SIGKILL') => stopProcess(child, signal),
    start: async () => {
      child = await start()
    },
    stop: async () => {
      // A frozen process does not see that it is to stop.
      child.kill('SIGCONT')
      await stopProcess(child, o.stopSignal)
      o.folder.remove()
    },
  }
}

/** Starts `program` and resolves once it has printed `readyText`. */
async function startProcess(
  program: Program,
  args: readonly string[],
  o: { readyText: string; cwd: string; user: UnprivilegedUser | undefined },
): Promise<ChildProcess> {
  const child = spawn(program.path, args, {
    cwd: o.cwd,
    env: program.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...o.user,
  })
  let printed = ''
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(timer)
      reject(new Error(`${program.path} ${why}\n${printed}`))
    }
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail('did not get ready')
    }, START_TIMEOUT_MS)
    const look = (chunk: Buffer) => {
      if (printed.includes(o.readyText)) return
      printed += chunk.toString()
      if (!printed.includes(o.readyText)) return
      clearTimeout(timer)
      resolve()
    }
    child.stdout?.on('data', look)
    child.stderr?.on('data', look)
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code) => fail(`ended with exit code ${code}`))
  })
  return child
}

async function stopProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

export function makeTempFolder(name: string): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `weapp-auth-${name}-`))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/**
 * A port for a server that cannot find one itself. Not one of those that the system gives to outgoing connections and to
 * `listen(0)` (32 768 and above in Linux): in the time until the server listens, another test may get it.
 */
export async function findFreePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = randomInt(FIRST_PORT, END_PORT)
    if (await isFree(port)) return port
  }
  throw new Error(`no free port between ${FIRST_PORT} and ${END_PORT}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
