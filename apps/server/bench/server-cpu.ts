// What a server that runs beside the service takes of a core, as Linux counts it.
import { readdirSync, readFileSync } from 'node:fs'

/** CPU time by thread, in nanoseconds: of a server's process and of those it has started. */
export type ServerCpu = ReadonlyMap<string, number>

/** Null where Linux does not say it. */
export function readServerCpu(pid: number): ServerCpu | null {
  try {
    const family = readdirSync('/proc').filter((name) => name === String(pid) || parentOf(name) === pid)
    return new Map(family.flatMap(readThreads))
  } catch {
    return null
  }
}

/** What the server has taken between the two; a connection of PostgreSQL is a process that may have come meanwhile. */
export function cpuSecondsBetween(before: ServerCpu | null, after: ServerCpu | null): number {
  if (!before || !after) return Number.NaN
  let nanoseconds = 0
  for (const [thread, taken] of after) nanoseconds += taken - (before.get(thread) ?? 0)
  return nanoseconds / 1e9
}

/** The fourth field of `stat`; the second is a name in brackets, which may hold anything. */
function parentOf(pid: string): number | null {
  if (!/^\d+$/.test(pid)) return null
  const stat = readUnlessGone(`/proc/${pid}/stat`)
  return stat === null ? null : Number(stat.slice(stat.lastIndexOf(')')).split(' ')[2])
}

/** The first field of `schedstat` is the time on a core, exact where `stat` counts in hundredths of a second. */
function readThreads(pid: string): [string, number][] {
  return readdirSync(`/proc/${pid}/task`).flatMap((tid) => {
    const schedstat = readUnlessGone(`/proc/${pid}/task/${tid}/schedstat`)
    return schedstat === null ? [] : [[tid, Number(schedstat.split(' ')[0])] as [string, number]]
  })
}

function readUnlessGone(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
