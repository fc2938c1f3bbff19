type Listener = (reason: unknown, promise: Promise<unknown>) => void

interface Watch {
  isOurs: (promise: Promise<unknown>) => boolean
  report: Listener
}

const watches = new Set<Watch>()
let displaced: Listener[] = []

/**
 * Reports promises of a mini-program that nobody handled, as `App.onUnhandledRejection` does.
 *
 * Node tells of them process-wide. While an app runs its own go to it alone; every other one goes where it went before,
 * a test runner's listener or Node's default, which ends the process. Returns what ends the watch.
 */
export function watchRejections(isOurs: Watch['isOurs'], report: Listener): () => void {
  const watch = { isOurs, report }
  if (watches.size === 0) {
    displaced = process.listeners('unhandledRejection') as Listener[]
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', dispatch)
  }
  watches.add(watch)
  return () => {
    if (!watches.delete(watch) || watches.size > 0) return
    process.off('unhandledRejection', dispatch)
    for (const listener of displaced) process.on('unhandledRejection', listener)
  }
}

function dispatch(reason: unknown, promise: Promise<unknown>): void {
  const owner = [...watches].find(({ isOurs }) => isOurs(promise))
  if (owner) owner.report(reason, promise)
  else if (displaced.length === 0) throw reason
  else for (const listener of displaced) listener(reason, promise)
}
