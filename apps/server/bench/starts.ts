// What a process of the service takes before anybody signs in: until it serves, the modules it loads, its memory at rest.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { requirePeer } from './peers.ts'
import { cpuSecondsBetween, readServerCpu } from './server-cpu.ts'
import { median, rotate } from './statistics.ts'

/** When a process has collected what its start left behind. */
const REST_MS = 5_000

export interface Start {
  what: string
  /** From the start of the process to the line that says that it serves. */
  readyMs: number
  /** CPU time until then, which says more than the time where others use the machine; null where Linux does not say it. */
  cpuMs: number | null
  /** Files of JavaScript that were loaded, those of Node itself not among them. */
  modules: number
  /** Memory at rest (RSS); null where Linux does not say it. */
  restingMb: number | null
}

/** A program that is started, again and again. */
export interface Program {
  what: string
  /** Relative to this file. */
  file: string
  env: Record<string, string>
  /** What it prints when it serves. */
  ready: RegExp
}

/** Prints how many modules of which packages a program has loaded by the time it stops. */
const COUNT_MODULES = join(import.meta.dirname, 'count-modules.mjs')

const READY = /\bon http:/

/** The built service. */
export function service(what: string, env: Record<string, string>, file = '../bundle/main.js'): Program {
  return { what, file, env: { ...env, PORT: '0' }, ready: READY }
}

/** What nobody who builds on Fastify with these servers can do without: each driver is there and connected. */
export function bareFastify(env: Record<string, string>): Program {
  const what = env.REDIS_URL ? 'a bare Fastify with the same drivers' : 'a bare Fastify'
  return { what, file: 'targets/bare.mjs', env: { ...env, FASTIFY: requirePeer.resolve('fastify') }, ready: READY }
}

/** Starts the programs in turns, so many times each. */
export async function measureStarts(programs: readonly Program[], rounds = 5): Promise<Start[]> {
  const seen = new Map(programs.map((program) => [program, { readyMs: [] as number[], cpuMs: [] as number[] }]))
  for (let round = 0; round < rounds; round++) {
    for (const program of rotate(programs, round)) {
      const process = await start(program)
      seen.get(program)?.readyMs.push(process.readyMs)
      if (process.cpuMs !== null) seen.get(program)?.cpuMs.push(process.cpuMs)
      await process.stop()
    }
  }
  const measured: Start[] = []
  for (const [program, { readyMs, cpuMs }] of seen) {
    const counted = await start(program, ['--import', COUNT_MODULES])
    const counts: Record<string, number> = JSON.parse(/^modules: (.*)$/m.exec(await counted.stop())?.[1] ?? '{}')
    const modules = Object.values(counts).reduce((sum, count) => sum + count, 0)
    const resting = await start(program)
    await sleep(REST_MS)
    const restingMb = resting.memoryMb()
    await resting.stop()
    const took = { readyMs: median(readyMs), cpuMs: cpuMs.length > 0 ? median(cpuMs) : null }
    measured.push({ what: program.what, ...took, modules, restingMb })
  }
  return measured
}

/** A table of starts, in Markdown. */
export function toStartsTable(title: string, starts: readonly Start[]): string[] {
  const inMs = (value: number | null | undefined) => (value == null ? 'unknown' : `${whole(value)} ms`)
  return [
    `| ${title} | serves after | CPU time until then | modules | memory at rest |`,
    '| --- | ---: | ---: | ---: | ---: |',
    ...starts.map(
      ({ what, readyMs, cpuMs, modules, restingMb }) =>
        `| ${what} | ${inMs(readyMs)} | ${inMs(cpuMs)} | ${whole(modules)} | ${restingMb === null ? 'unknown' : `${whole(restingMb)} MB`} |`,
    ),
  ]
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
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
  const cpu = child.pid === undefined ? null : readServerCpu(child.pid)
  return {
    readyMs,
    cpuMs: cpu && cpuSecondsBetween(new Map(), cpu) * 1_000,
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
