import type { AuthError, AuthErrorCode } from './errors.ts'
import type { Callbacks, Task } from './wx.ts'

type Listener = (detail: never) => void

/** A task of `wx`, by the names of its methods; which it has depends on the call and on the base library. */
type RealTask = Partial<Task> & { [method: string]: ((listener: Listener) => void) | undefined }

/** What the tasks of requests, uploads and downloads tell, between them, while they are under way. */
const EVENTS = ['HeadersReceived', 'ChunkReceived', 'ProgressUpdate']

/**
 * What the caller gets before there is a task of `wx`: `abort`, and `on…` and `off…` for each event. What is registered
 * on it holds for whatever `use` gets, so also for a replay.
 */
export function createTask(onStart: (real: RealTask) => void, abort: () => void) {
  let real: RealTask = {}
  let listeners: { event: string; listener: Listener }[] = []
  const task = { abort } as Task & { [method: string]: (listener: Listener) => void }

  function pass(method: string, listener: Listener): void {
    if (real[method]) real[method](listener)
  }

  for (const event of EVENTS) {
    task[`on${event}`] = (listener) => {
      listeners.push({ event, listener })
      pass(`on${event}`, listener)
    }
    task[`off${event}`] = (listener) => {
      listeners = listeners.filter((other) => other.event !== event || (listener && other.listener !== listener))
      pass(`off${event}`, listener)
    }
  }

  return {
    task,
    use(started: unknown) {
      real = Object(started) as RealTask
      onStart(real)
      for (const { event, listener } of listeners) pass(`on${event}`, listener)
    },
  }
}

/** What `fail` gets: wx's own shape, and our code for a `switch`. */
export interface AuthFailure {
  errMsg: string
  errno: number | undefined
  code: AuthErrorCode
}

/** Without callbacks the promise, which is also the task; with any of them the task alone, as `wx` has it. */
export function deliver<Result, T>(
  name: string,
  { success, fail, complete }: Callbacks<Result, AuthFailure>,
  outcome: Promise<Result>,
  task: T,
): (Promise<Result> & T) | T {
  if (!success && !fail && !complete) return Object.assign(outcome, task)
  outcome.then(
    (result) => {
      call(success, result)
      call(complete, result)
    },
    (error: AuthError) => {
      const { errMsg = String(error), errno, code } = error
      const failure: AuthFailure = { errMsg: errMsg.replace(/^\w+(?=:fail)/, name), errno, code }
      call(fail, failure)
      call(complete, failure)
    },
  )
  return task
}

/** What a callback throws reaches `App.onError`, and keeps nobody else from being called. */
export function call<T>(callback: ((outcome: T) => void) | undefined, outcome: T): void {
  try {
    if (callback) callback(outcome)
  } catch (error) {
    setTimeout(() => {
      throw error
    }, 0)
  }
}
