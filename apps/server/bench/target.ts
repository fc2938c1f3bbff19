import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Profiler } from 'node:inspector'
import { Session } from 'node:inspector/promises'
import { availableParallelism } from 'node:os'
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
  startProfile(): Promise<void>
  stopProfile(): Promise<Profiler.Profile>
  stop(): Promise<void>
}

type Question = 'cpuSeconds' | 'startProfile' | 'stopProfile'

/** The load and Redis would push a target from core to core: where Linux lets us, targets have the first for themselves. */
const CAN_PIN = process.platform === 'linux' && availableParallelism() > 1

/** Starts `targets/<file>.ts` in a process of its own. */
export async function startTarget(name: string, file: string, env: Record<string, string>): Promise<Target> {
  const child = fork(join(import.meta.dirname, 'targets', `${file}.ts`), {
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', ...env },
    stdio: ['ignore', 2, 2, 'ipc'],
  })
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${name} ended with exit code ${code}`)))
  ended.catch(() => {})
  const ready = await Promise.race([message<Ready>(child), ended])
  if (CAN_PIN) pin(child.pid, '0')
  const ask = <T>(question: Question) => {
    child.send(question)
    return Promise.race([message<T>(child), ended])
  }
  return {
    name,
    ...ready,
    cpuSeconds: () => ask('cpuSeconds'),
    startProfile: () => ask('startProfile'),
    stopProfile: () => ask('stopProfile'),
    async stop() {
      child.kill()
      await ended.catch(() => {})
    },
  }
}

/** Keeps this process, and the servers it starts from now on, away from the core of the targets. */
export function makeRoomForTargets(): void {
  if (CAN_PIN) pin(process.pid, `1-${availableParallelism() - 1}`)
}

/** All threads of a process, those that collect garbage too. */
function pin(pid: number | undefined, cores: string): void {
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', cores, String(pid)], {
    stdio: ['ignore', 'ignore', 2],
  })
}

async function message<T>(child: ChildProcess): Promise<T> {
  const [value] = await once(child, 'message')
  return value as T
}

const PROFILE_INTERVAL_US = 100

/** In the process of a target: reports, and answers what the benchmark asks. */
export function serve(ready: Ready): void {
  const inspector = new Session()
  const answers = {
    async cpuSeconds() {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1e6
    },
    async startProfile() {
      inspector.connect()
      await inspector.post('Profiler.enable')
      await inspector.post('Profiler.setSamplingInterval', { interval: PROFILE_INTERVAL_US })
      await inspector.post('Profiler.start')
      return null
    },
    async stopProfile() {
      const { profile } = await inspector.post('Profiler.stop')
      inspector.disconnect()
      return profile
    },
  } satisfies Record<Question, () => Promise<unknown>>
  process.on('message', async (question: Question) => process.send?.(await answers[question]()))
  process.send?.(ready)
}
