import type { Profiler } from 'node:inspector'
import { measureGuard, warmUp } from './guards.ts'
import { median, rotate } from './statistics.ts'
import type { Target } from './target.ts'

const PARTS = [
  'writing the answer to the socket',
  'Node: HTTP, sockets, streams',
  'native code around it: polling, reading, parsing',
  'Fastify and the handler',
  'promises and ticks',
  'timers',
  'garbage collection',
  'ioredis',
  'sockets, streams and timers of ioredis',
  'SHA-256 of the token',
  'our guard, cache and store',
] as const

type Part = (typeof PARTS)[number]
type Frame = Profiler.ProfileNode['callFrame']

/** What one request of a target takes of a core. */
export interface RequestProfile {
  target: string
  cpuMicroseconds: number
  parts: Record<Part, number>
}

/** Of each target, in turns: how much CPU a request takes, and in a profile of the same load, where. */
export async function profileGuards(
  targets: readonly Target[],
  { rounds, seconds, progress }: { rounds: number; seconds: number; progress: (round: number) => void },
): Promise<RequestProfile[]> {
  const measured = targets.map((target) => ({
    target,
    cpuMicroseconds: [] as number[],
    selfTimes: new Map<Part, number>(),
  }))
  await warmUp(targets)
  for (let round = 0; round < rounds; round++) {
    for (const { target, cpuMicroseconds, selfTimes } of rotate(measured, round)) {
      cpuMicroseconds.push(1e6 / (await measureGuard(target, seconds)).requestsPerCpuSecond)
      await target.startProfile()
      await measureGuard(target, seconds)
      addSelfTimes(selfTimes, await target.stopProfile())
    }
    progress(round + 1)
  }
  return measured.map(({ target: { name }, cpuMicroseconds, selfTimes }) => {
    // Sampling costs time of its own: the profile gives the shares, the measurement without it the sum.
    const scale = median(cpuMicroseconds) / [...selfTimes.values()].reduce((sum, time) => sum + time, 0)
    const parts = PARTS.map((part) => [part, (selfTimes.get(part) ?? 0) * scale])
    return { target: name, cpuMicroseconds: median(cpuMicroseconds), parts: Object.fromEntries(parts) }
  })
}

export function toProfileTable(machine: string, profiles: readonly RequestProfile[]): string {
  const row = (name: string, values: readonly number[]) =>
    `| ${name} | ${values.map((value) => value.toFixed(1)).join(' | ')} |`
  const lines = [
    `${machine}; microseconds of CPU a request`,
    '',
    `| | ${profiles.map(({ target }) => target).join(' | ')} |`,
    `| --- | ${profiles.map(() => '---:').join(' | ')} |`,
    ...PARTS.map((part) =>
      row(
        part,
        profiles.map(({ parts }) => parts[part]),
      ),
    ),
    row(
      '**all**',
      profiles.map(({ cpuMicroseconds }) => cpuMicroseconds),
    ),
  ]
  return `${lines.join('\n')}\n`
}

function addSelfTimes(selfTimes: Map<Part, number>, { nodes, samples = [], timeDeltas = [] }: Profiler.Profile): void {
  const partOf = new Map<number, Part | null>()
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])))
  const find = (id: number): Part | null => {
    const known = partOf.get(id)
    if (known !== undefined) return known
    const parent = parents.get(id)
    const frame = frames.get(id)
    const part = frame ? findPart(frame, parent === undefined ? null : find(parent)) : null
    partOf.set(id, part)
    return part
  }
  samples.forEach((id, index) => {
    const part = find(id)
    if (part) selfTimes.set(part, (selfTimes.get(part) ?? 0) + (timeDeltas[index] ?? 0))
  })
}

/** Null: not a part of serving requests. What Node does itself it does for the caller. */
function findPart({ functionName, url }: Frame, caller: Part | null): Part | null {
  if (functionName === '(idle)' || functionName === '(root)' || /node:inspector|bench\/target\.ts/.test(url))
    return null
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (functionName === 'oneShotDigest' || url.startsWith('node:internal/crypto')) return 'SHA-256 of the token'
  if (/node_modules\/(ioredis|@ioredis|redis-parser|standard-as-callback|denque|cluster-key-slot)\//.test(url))
    return 'ioredis'
  if (/packages\/fastify\/dist\//.test(url)) return 'our guard, cache and store'
  if (/node_modules|bench\/targets/.test(url)) return 'Fastify and the handler'
  if (caller === 'ioredis' || caller === 'sockets, streams and timers of ioredis')
    return 'sockets, streams and timers of ioredis'
  if (/^write(Utf8|Latin1)String$|^writev$/.test(functionName)) return 'writing the answer to the socket'
  if (functionName === 'runMicrotasks' || /^node:internal\/process/.test(url)) return 'promises and ticks'
  if (/^node:(internal\/)?timers/.test(url)) return 'timers'
  if (url.startsWith('node:')) return 'Node: HTTP, sockets, streams'
  return 'native code around it: polling, reading, parsing'
}
