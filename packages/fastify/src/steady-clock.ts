const DAY_MS = 86_400_000

/**
 * A clock by which old things are deleted. It does not follow `now` when that jumps ahead, until `now` has been ahead for a day:
 * otherwise a clock that is wrong for a moment would delete everything.
 *
 * @param now milliseconds since 1970
 */
export function createSteadyClock(now: () => number): () => number {
  let mark = { atMs: performance.now(), nowMs: now() }
  return () => {
    const nowMs = now()
    const passedMs = performance.now() - mark.atMs
    const steadyMs = Math.floor(Math.min(nowMs, mark.nowMs + passedMs))
    if (passedMs >= DAY_MS) mark = { atMs: performance.now(), nowMs }
    return steadyMs
  }
}
