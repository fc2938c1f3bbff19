import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, vi } from 'vitest'

const MAIN = fileURLToPath(new URL('../bundle/main.js', import.meta.url))

export interface ServiceProcess {
  child: ChildProcess
  /** Everything it has printed, both streams. */
  output(): string
  /** Resolves with the address once it listens. */
  listening: Promise<string>
  /** Resolves with the address once both stores are there. */
  address: Promise<string>
  /** Resolves with the exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals>
}

/**
 * Starts the built service as an operator does, with nothing of this process's environment but PATH. For long tests alone: a
 * start takes a second of a processor, and `startService` does with a tenth of it.
 *
 * @param shell a command for `sh` before it starts, e.g. a limit
 */
export function startProcess(env: Record<string, string>, args: readonly string[] = [], shell = ':'): ServiceProcess {
  if (!expect.getState().testPath?.endsWith('.long.test.ts')) {
    throw new Error('npm test stays short: a test that starts a process of the service belongs in a *.long.test.ts')
  }
  const child = spawn('/bin/sh', ['-c', `${shell}; exec "$@"`, 'sh', process.execPath, MAIN, ...args], {
    env: { PATH: process.env.PATH ?? '', PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals)
  const listening = new Promise<string>((resolve, reject) => {
    const look = (chunk: Buffer) => {
      printed += chunk.toString()
      const found = /^weapp-auth: .* (http:\/\/\S+)$/m.exec(printed)
      if (found?.[1]) resolve(found[1])
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    void ended.then((how) => reject(new Error(`the service ended (${how}) before it served:\n${printed}`)))
  })
  const address = listening.then(async (url) => {
    await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200), 60_000)
    return url
  })
  listening.catch(() => {})
  address.catch(() => {})
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { child, output: () => printed, listening, address, ended }
}

export async function call(url: string, o: { method?: string; body?: unknown; token?: string } = {}) {
  const { body, token, method = body === undefined ? 'GET' : 'POST' } = o
  const response = await fetch(url, {
    method,
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, data: text === '' ? null : JSON.parse(text) }
}

/** What the README's curl lines do: a code for `user`, exchanged for a session. */
export async function signIn(address: string, user: string) {
  const { data: login } = await call(`${address}/emulator/wx-login`, { body: { user } })
  const { data } = await call(`${address}/v1/sessions`, { body: login })
  return { code: login.code as string, token: data.token as string, userId: data.user.id as string }
}
