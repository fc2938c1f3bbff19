import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** What a target tells once it serves. */
export interface Ready {
  url: string
  /** The credentials of its signed-in users, one header object each. */
  users: Record<string, string>[]
}

export interface Target extends Ready {
  name: string
  /** CPU time its process has taken so far. */
  cpuSeconds(): Promise<number>
  stop(): Promise<void>
}

/** Starts `targets/<file>.ts` in a process of its own. */
export async function startTarget(name: string, file: string, env: Record<string, string>): Promise<Target> {
  const child = fork(join(import.meta.dirname, 'targets', `${file}.ts`), {
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', ...env },
    stdio: ['ignore', 2, 2, 'ipc'],
  })
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${name} ended with exit code ${code}`)))
  ended.catch(() => {})
  const ready = await Promise.race([message<Ready>(child), ended])
  return {
    name,
    ...ready,
    async cpuSeconds() {
      child.send('cpu')
      return Promise.race([message<number>(child), ended])
    },
    async stop() {
      child.kill()
      await ended.catch(() => {})
    },
  }
}

async function message<T>(child: ChildProcess): Promise<T> {
  const [value] = await once(child, 'message')
  return value as T
}

/** In the process of a target: reports, and answers what the benchmark asks. */
export function serve(ready: Ready): void {
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send?.((user + system) / 1e6)
  })
  process.send?.(ready)
}
