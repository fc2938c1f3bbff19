type Settle<T> = (value?: T | PromiseLike<T>) => void
type Handler = ((value: never) => unknown) | null | undefined

// Read once: a test that replaces the global timers must not stop promises.
const { setTimeout: startTimer } = globalThis
let jobs = 0

/** How many reactions have not run yet. */
export function pendingJobs(): number {
  return jobs
}

/**
 * A Promise as older iOS phones have it in WeChat: its reactions are timers, in order, and it has no `finally`.
 *
 * @see https://promisesaplus.com
 */
export class TimerPromise<T> implements PromiseLike<T> {
  private state: 'pending' | 'fulfilled' | 'rejected' = 'pending'
  private value: unknown
  private reactions: (() => void)[] = []

  static resolve(value?: unknown): TimerPromise<unknown> {
    return value instanceof TimerPromise ? value : new TimerPromise((resolve) => resolve(value))
  }

  static reject(reason?: unknown): TimerPromise<never> {
    return new TimerPromise((_, reject) => reject(reason))
  }

  static race(all: Iterable<unknown>): TimerPromise<unknown> {
    return new TimerPromise((resolve, reject) => {
      for (const one of all) TimerPromise.resolve(one).then(resolve as never, reject as never)
    })
  }

  constructor(executor: (resolve: Settle<T>, reject: (reason?: unknown) => void) => void) {
    this.follow(executor as never)
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a Promise
  then(onFulfilled?: Handler, onRejected?: Handler): TimerPromise<never> {
    return new TimerPromise<never>((resolve, reject) => {
      const react = () => {
        jobs++
        startTimer(() => {
          jobs--
          const handler = this.state === 'fulfilled' ? onFulfilled : onRejected
          try {
            if (typeof handler === 'function') resolve(handler(this.value as never) as never)
            else if (this.state === 'fulfilled') resolve(this.value as never)
            else reject(this.value)
          } catch (error) {
            reject(error)
          }
        }, 0)
      }
      if (this.state === 'pending') this.reactions.push(react)
      else react()
    })
  }

  catch(onRejected: Handler): TimerPromise<never> {
    return this.then(undefined, onRejected)
  }

  /** Runs what may settle this, and lets it do so once. */
  private follow(executor: (resolve: (value: unknown) => void, reject: (reason: unknown) => void) => void): void {
    let isSettled = false
    const once = (settle: (value: unknown) => void) => (value: unknown) => {
      if (isSettled) return
      isSettled = true
      settle(value)
    }
    const reject = once((reason) => this.settle('rejected', reason))
    try {
      executor(
        once((value) => this.resolve(value)),
        reject,
      )
    } catch (error) {
      reject(error)
    }
  }

  private resolve(value: unknown): void {
    try {
      const then = (Object(value) === value && (value as { then?: unknown }).then) || null
      if (typeof then !== 'function') this.settle('fulfilled', value)
      else this.follow((resolve, reject) => (then as (...handlers: unknown[]) => unknown).call(value, resolve, reject))
    } catch (error) {
      this.settle('rejected', error)
    }
  }

  private settle(state: 'fulfilled' | 'rejected', value: unknown): void {
    this.state = state
    this.value = value
    for (const react of this.reactions) react()
    this.reactions = []
  }
}
