import type { Profiler } from 'node:inspector'
import { median, rotate } from './statistics.ts'
import type { Target } from './target.ts'

/** A function, as a CPU profile names it. */
export type Frame = Profiler.ProfileNode['callFrame']

/** The parts of which a request consists. */
export interface Split<Part extends string> {
  parts: readonly Part[]
  /**
   * The part that a function belongs to, by itself or by its caller. Null: it is not a part of serving requests.
   *
   * @param caller the part of the function that called it; null where that is none
   */
  findPart(frame: Frame, caller: Part | null): Part | null
}

/** What one request of a target takes of a core. */
export interface RequestProfile<Part extends string> {
  target: string
  cpuMicroseconds: number
  parts: Record<Part, number>
}

/** How targets are profiled. */
export interface ProfileOptions<Part extends string> {
  split: Split<Part>
  rounds: number
  /** Puts load on a target, and answers the CPU time of one request in microseconds. */
  measure(target: Target): Promise<number>
  progress(round: number): void
}

/** Of each target, in turns: how much CPU a request takes, and in a profile of the same load, where. */
export async function profileTargets<Part extends string>(
  targets: readonly Target[],
  { split, rounds, measure, progress }: ProfileOptions<Part>,
): Promise<RequestProfile<Part>[]> {
  const measured = targets.map((target) => ({
    target,
    cpuMicroseconds: [] as number[],
    selfTimes: new Map<Part, number>(),
  }))
  for (let round = 0; round < rounds; round++) {
    for (const { target, cpuMicroseconds, selfTimes } of rotate(measured, round)) {
      cpuMicroseconds.push(await measure(target))
      await target.startProfile()
      await measure(target)
      addSelfTimes(selfTimes, await target.stopProfile(), split)
    }
    progress(round + 1)
  }
  return measured.map(({ target: { name }, cpuMicroseconds, selfTimes }) => {
    // Sampling costs time of its own: the profile gives the shares, the measurement without it the sum.
    const scale = median(cpuMicroseconds) / [...selfTimes.values()].reduce((sum, time) => sum + time, 0)
    const parts = Object.fromEntries(split.parts.map((part) => [part, (selfTimes.get(part) ?? 0) * scale]))
    return { target: name, cpuMicroseconds: median(cpuMicroseconds), parts: parts as Record<Part, number> }
  })
}

/** @param what a column is about: `a request` */
export function toProfileTable<Part extends string>(
  machine: string,
  { parts }: Split<Part>,
  profiles: readonly RequestProfile<Part>[],
  what = 'a request',
): string {
  const row = (name: string, values: readonly number[]) =>
    `| ${name} | ${values.map((value) => value.toFixed(1)).join(' | ')} |`
  const lines = [
    `${machine}; microseconds of CPU ${what}`,
    '',
    `| | ${profiles.map(({ target }) => target).join(' | ')} |`,
    `| --- | ${profiles.map(() => '---:').join(' | ')} |`,
    ...parts.map((part) =>
      row(
        part,
        profiles.map((profile) => profile.parts[part]),
      ),
    ),
    row(
      '**all**',
      profiles.map(({ cpuMicroseconds }) => cpuMicroseconds),
    ),
  ]
  return `${lines.join('\n')}\n`
}

/** What a profile says of the program that was measured, and nothing of the benchmark around it. */
export function isOutside({ functionName, url }: Frame): boolean {
  return functionName === '(idle)' || functionName === '(root)' || /node:inspector|bench\/target\.ts/.test(url)
}

function addSelfTimes<Part extends string>(
  selfTimes: Map<Part, number>,
  { nodes, samples = [], timeDeltas = [] }: Profiler.Profile,
  { findPart }: Split<Part>,
): void {
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
