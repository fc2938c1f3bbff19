import type { AuthErrorCode } from './errors.ts'
import { call } from './events.ts'
import type { Callbacks, Task } from './wx.ts'

type Listener = (detail: never) => void
type Method = (listener: Listener) => void

/** What the tasks of requests, uploads and downloads take a listener with, between them. */
const METHODS = [
  'onHeadersReceived',
  'offHeadersReceived',
  'onChunkReceived',
  'offChunkReceived',
  'onProgressUpdate',
  'offProgressUpdate',
]

/**
 * What the caller gets before there is a task of `wx`: `abort`, and all those methods. What is called on it is called on
 * whatever `use` gets, in the same order, so also on the task of a replay.
 */
export function createTask(onStart: (real: unknown) => void, abort: () => void) {
  let real: Record<string, Method | undefined> = {}
  const calls: [method: string, listener: Listener][] = []
  const task = { abort } as Task & Record<string, Method>

  // Which methods a real one has depends on the call and on the base library.
  function pass([method, listener]: (typeof calls)[number]): void {
    if (real[method]) real[method](listener)
  }

  for (const method of METHODS) {
    task[method] = (listener) => {
      calls.push([method, listener])
      pass([method, listener])
    }
  }

  return {
    task,
    use(started: unknown) {
      real = Object(started)
      onStart(started)
      calls.forEach(pass)
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
  callbacks: Callbacks<Result, AuthFailure>,
  outcome: Promise<Result>,
  task: T,
): (Promise<Result> & T) | T {
  if (!callbacks.success && !callbacks.fail && !callbacks.complete) return Object.assign(outcome, task)
  report(name, callbacks, outcome)
  return task
}

/** Calls what `wx` would call, in its order. */
export function report<Result>(
  name: string,
  { success, fail, complete }: Callbacks<Result, AuthFailure>,
  outcome: Promise<Result>,
): void {
  outcome.then(
    (result) => {
      call(success, result)
      call(complete, result)
    },
    (error) => {
      const failure = failureOf(name, error)
      call(fail, failure)
      call(complete, failure)
    },
  )
}

/** A login that failed says so as `login:fail`, where `wx` would name the call that waited for it. */
export function failureOf(name: string, error: unknown): AuthFailure {
  const { errMsg = String(error), errno, code } = Object(error)
  return { errMsg: errMsg.replace(/^\w+(?=:fail)/, name), errno, code }
}
