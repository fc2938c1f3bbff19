// What a server that runs beside the service takes of a core, as Linux counts it.
import { readdirSync, readFileSync } from 'node:fs'

/**
 * CPU time in nanoseconds: of each thread of a server's process and of those it has started, and in one sum of those that have
 * ended.
 */
export type ServerCpu = ReadonlyMap<string, number>

/** Null where Linux does not say it. */
export function readServerCpu(pid: number): ServerCpu | null {
  try {
    const family = readdirSync('/proc').filter((name) => name === String(pid) || parentOf(name) === pid)
    return new Map([...family.flatMap(readThreads), [ENDED, readEnded(pid)]])
  } catch {
    return null
  }
}

/**
 * The CPU time of a server between two readings, in seconds. A connection of PostgreSQL is a process of its own, which may have
 * started or ended between them.
 */
export function cpuSecondsBetween(before: ServerCpu | null, after: ServerCpu | null): number {
  if (!before || !after) return Number.NaN
  let nanoseconds = 0
  for (const [thread, taken] of after) nanoseconds += taken - (before.get(thread) ?? 0)
  // The sum of the ended processes holds all of their time, so what the first reading had of them is taken off.
  for (const [thread, taken] of before) if (isProcess(thread) && !after.has(thread)) nanoseconds -= taken
  return nanoseconds / 1e9
}

const ENDED = 'ended'
const NANOSECONDS_OF_A_TICK = 1e7

function parentOf(pid: string): number | null {
  return /^\d+$/.test(pid) ? Number(readFields(pid)?.[PARENT] ?? Number.NaN) : null
}

/** The time of those processes it has started which have ended, in hundredths of a second. */
function readEnded(pid: number): number {
  const fields = readFields(String(pid))
  return NANOSECONDS_OF_A_TICK * (Number(fields?.[ENDED_USER] ?? 0) + Number(fields?.[ENDED_SYSTEM] ?? 0))
}

/** The places of `ppid`, `cutime` and `cstime` in what {@link readFields} answers. */
const [PARENT, ENDED_USER, ENDED_SYSTEM] = [1, 13, 14]

/** The fields of `stat` from the third on; the second is a name in brackets, which may hold anything. */
function readFields(pid: string): string[] | null {
  const stat = readUnlessGone(`/proc/${pid}/stat`)
  return stat === null ? null : stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** The first field of `schedstat` is the time on a core, exact where `stat` counts in hundredths of a second. */
function readThreads(pid: string): [string, number][] {
  return readdirSync(`/proc/${pid}/task`).flatMap((tid) => {
    const schedstat = readUnlessGone(`/proc/${pid}/task/${tid}/schedstat`)
    return schedstat === null ? [] : [[`${pid}/${tid}`, Number(schedstat.split(' ')[0])] as [string, number]]
  })
}

/** The first thread of a process has its number. */
function isProcess(thread: string): boolean {
  const [pid, tid] = thread.split('/')
  return pid === tid
}

function readUnlessGone(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
