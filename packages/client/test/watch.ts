import { pendingJobs } from './old-engine/timer-promise.ts'

/** Lets everything run that needs no time to pass. */
export async function flush(): Promise<void> {
  for (let quiet = 0; quiet < 12; quiet++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (pendingJobs() > 0) quiet = 0
  }
}

/** What became of a promise, without waiting for it. */
export interface Watched<T> {
  state: 'pending' | 'resolved' | 'rejected'
  value?: T
  error?: unknown
}

export function watch<T>(promise: Promise<T>): Watched<T> {
  const watched: Watched<T> = { state: 'pending' }
  promise.then(
    (value) => Object.assign(watched, { state: 'resolved', value }),
    (error: unknown) => Object.assign(watched, { state: 'rejected', error }),
  )
  return watched
}
