// What a process of the service takes before anybody signs in: until it serves, the modules it loads, its memory at rest.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { requirePeer } from './peers.ts'
import { median } from './statistics.ts'

const STARTS = 5
/** When a process has collected what its start left behind. */
const REST_MS = 5_000

export interface Start {
  what: string
  /** From the start of the process to the line that says that it serves. */
  readyMs: number
  /** Files of JavaScript that were loaded, those of Node itself not among them. */
  modules: number
  /** Memory at rest (RSS); null where Linux does not say it. */
  restingMb: number | null
}

interface Program {
  what: string
  file: string
  env: Record<string, string>
  /** What it prints when it serves. */
  ready: RegExp
}

/** Prints how many modules of which packages a program has loaded by the time it stops. */
const COUNT_MODULES = join(import.meta.dirname, 'count-modules.mjs')

/** The built service, and a bare Fastify with the same drivers, each connected. */
export async function measureStarts(env: Record<string, string>): Promise<Start[]> {
  const programs: Program[] = [
    { what: 'weapp-auth', file: '../bundle/main.js', env: { ...env, PORT: '0' }, ready: /\bon http:/ },
    {
      what: 'a bare Fastify with the same drivers',
      file: 'targets/bare.mjs',
      env: { ...env, FASTIFY: requirePeer.resolve('fastify') },
      ready: /\bon http:/,
    },
  ]
  const readyMs = new Map(programs.map((program) => [program, [] as number[]]))
  for (let round = 0; round < STARTS; round++) {
    for (const program of programs) {
      const process = await start(program)
      readyMs.get(program)?.push(process.readyMs)
      await process.stop()
    }
  }
  const measured: Start[] = []
  for (const program of programs) {
    const counted = await start(program, ['--import', COUNT_MODULES])
    const counts: Record<string, number> = JSON.parse(/^modules: (.*)$/m.exec(await counted.stop())?.[1] ?? '{}')
    const modules = Object.values(counts).reduce((sum, count) => sum + count, 0)
    const resting = await start(program)
    await sleep(REST_MS)
    const restingMb = resting.memoryMb()
    await resting.stop()
    measured.push({ what: program.what, readyMs: median(readyMs.get(program) ?? []), modules, restingMb })
  }
  return measured
}

async function start({ what, file, env, ready }: Program, options: readonly string[] = []) {
  const startMs = performance.now()
  const child = spawn(process.execPath, [...options, join(import.meta.dirname, file)], {
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', LOG_LEVEL: 'silent', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let printed = ''
  const ended = once(child, 'close')
  const serving = new Promise<number>((resolve) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      printed += `${line}\n`
      if (ready.test(line)) resolve(performance.now() - startMs)
    })
  })
  const readyMs = await Promise.race([serving, ended.then(() => null)])
  if (readyMs === null) throw new Error(`${what} ended before it served:\n${printed}`)
  return {
    readyMs,
    memoryMb(): number | null {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
        return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
      } catch {
        return null
      }
    },
    async stop(): Promise<string> {
      child.kill('SIGTERM')
      await ended
      return printed
    },
  }
}
