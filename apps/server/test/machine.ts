/** How often the event loop is looked at. */
const EVERY_MS = 10
/** A timer is late by less than this on a quiet machine too. */
const USUAL_LATENESS_MS = 2

let lateMs = 0
let last = { atMs: performance.now(), workedMs: workedMs() }
setInterval(() => {
  const next = { atMs: performance.now(), workedMs: workedMs() }
  // What this thread itself computes is time that the service took.
  const late = next.atMs - last.atMs - EVERY_MS - (next.workedMs - last.workedMs)
  if (late > USUAL_LATENESS_MS) lateMs += late
  last = next
}, EVERY_MS).unref()

/** Node before 23.9 cannot tell: then the work of this thread counts as lateness of the machine. */
function workedMs(): number {
  const { user = 0, system = 0 } = process.threadCpuUsage?.() ?? {}
  return (user + system) / 1000
}

export interface Stopwatch {
  /** Milliseconds since it was started, without those in which this machine was busy with something else. */
  ms(): number
}

/**
 * Measures how long the service takes, and the machine at the same time: while other programs have the processor, no timer of
 * this process fires. So a deadline can be tested as it is promised, and not as three times that.
 */
export function startStopwatch(): Stopwatch {
  const [startMs, lateBefore] = [performance.now(), lateMs]
  return { ms: () => performance.now() - startMs - (lateMs - lateBefore) }
}

/** Says how busy this machine was, where that matters for the reader of a result. */
export function reportLateness(): void {
  if (lateMs < 1_000) return
  console.warn(
    `this machine was busy with something else for ${Math.round(lateMs)} ms, which deadlines were measured without`,
  )
}
