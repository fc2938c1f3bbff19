/** Deadlines that share one timer, because a timer for each call costs more than it is worth: hardly any is ever reached. */
export interface Deadlines {
  /**
   * Calls `expire` at `atMs` or soon after. Returns what takes the deadline back.
   *
   * @param atMs on the clock of `performance.now()`
   */
  set(atMs: number, expire: () => void): () => void
}

interface Deadline {
  atMs: number
  expire: () => void
}

/** Deadlines for calls of one kind, which take about the same time. */
export function createDeadlines(): Deadlines {
  const open = new Set<Deadline>()
  let timer: NodeJS.Timeout | undefined
  /** Infinity: the timer is not set. */
  let timerAtMs = Number.POSITIVE_INFINITY

  /**
   * The timer stays when its deadline is taken back: under load that is nearly always so, and it wakes up once, to be set
   * for the earliest deadline that is open by then.
   */
  function wakeAt(atMs: number): void {
    if (atMs >= timerAtMs) return
    clearTimeout(timer)
    timerAtMs = atMs
    timer = setTimeout(wake, Math.max(0, Math.ceil(atMs - performance.now())))
    // A call that is under way keeps the process alive by its connection.
    timer.unref()
  }

  function wake(): void {
    timerAtMs = Number.POSITIVE_INFINITY
    const nowMs = performance.now()
    const over = [...open].filter(({ atMs }) => atMs <= nowMs)
    for (const deadline of over) {
      // One that was taken back by the ones before it does not expire.
      if (open.delete(deadline)) deadline.expire()
    }
    for (const { atMs } of open) wakeAt(atMs)
  }

  return {
    set(atMs, expire) {
      const deadline = { atMs, expire }
      open.add(deadline)
      wakeAt(atMs)
      return () => open.delete(deadline)
    },
  }
}
