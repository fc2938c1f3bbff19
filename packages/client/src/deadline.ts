/** Settles as `work` does, or after `limitMs` with what `onLate` returns or throws; what `work` does later is ignored. */
export function within<T>(limitMs: number, work: Promise<T>, onLate: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(Promise.resolve().then(onLate)), limitMs)
    const stop = () => clearTimeout(timer)
    work.then(resolve, reject)
    work.then(stop, stop)
  })
}

/** For a promise whose outcome somebody else looks at. */
export function ignore(): void {}
