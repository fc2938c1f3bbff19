import type { AuthFailure, WithCallbacks, WithoutCallbacks } from './contract.ts'
import { call } from './events.ts'
import type { Callbacks, DownloadTask, RequestTask, Task, UploadTask } from './wx-api.ts'

/** The methods that the tasks of requests, uploads and downloads take a listener with. */
const METHODS = [
  'onHeadersReceived',
  'offHeadersReceived',
  'onChunkReceived',
  'offChunkReceived',
  'onProgressUpdate',
  'offProgressUpdate',
] as const

type Listener = (detail: never) => void
type ListenerMethods = { [Method in (typeof METHODS)[number]]: (listener?: Listener) => void }

/** The task of any call: it has the methods of all three kinds. */
export type AnyTask = RequestTask & UploadTask & DownloadTask

/**
 * Makes the task that a caller gets before there is one of `wx`. It remembers the listeners and passes them on to each
 * real task that `setTask` is called with, so also to that of the replay.
 */
export function createTask(
  onStart: (real: unknown) => void,
  abort: () => void,
): { task: AnyTask; setTask(real: unknown): void } {
  let real: Partial<ListenerMethods> = {}
  const calls: [method: keyof ListenerMethods, listener?: Listener][] = []
  const methods: Partial<ListenerMethods> = {}

  /** Which methods a real task has depends on the call and on the base library. */
  function pass([method, listener]: (typeof calls)[number]): void {
    const listen = real[method]
    if (listen) listen.call(real, listener)
  }

  for (const method of METHODS) {
    methods[method] = (listener) => {
      calls.push([method, listener])
      pass([method, listener])
    }
  }

  return {
    // The loop has filled in every method.
    task: Object.assign({ abort }, methods as ListenerMethods),
    setTask(started) {
      real = Object(started) as Partial<ListenerMethods>
      onStart(started)
      calls.forEach(pass)
    },
  }
}

/** A call in both styles of `wx`: with callbacks it returns the task, without any a promise that is also the task. */
export interface BothStyles<Options, Result, T> {
  (options: Options & WithCallbacks<Result>): T
  (options: Options & WithoutCallbacks): Promise<Result> & T
}

/** Gives `start` both styles of `wx`. */
export function inBothStyles<Options, Result, T extends Task>(
  name: string,
  start: (options: Options) => { outcome: Promise<Result>; task: T },
): BothStyles<Options, Result, T> {
  function run(options: Options & WithCallbacks<Result>): T
  function run(options: Options & WithoutCallbacks): Promise<Result> & T
  function run(options: Options & Callbacks<Result, AuthFailure>): T | (Promise<Result> & T) {
    const { outcome, task } = start(options)
    if (!hasCallbacks(options)) return Object.assign(outcome, task)
    report(name, options, outcome)
    return task
  }
  return run
}

/** Whether `given` has a callback. A plain JavaScript caller may have passed nothing. */
export function hasCallbacks(given: unknown): boolean {
  const { success, fail, complete } = Object(given) as Callbacks<unknown>
  return !!(success || fail || complete)
}

/** Calls the callbacks, in the order of `wx`. */
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
    (error: unknown) => {
      const failure = failureOf(name, error)
      call(fail, failure)
      call(complete, failure)
    },
  )
}

/** What `fail` gets. A failed login says `login:fail`; `wx` would name the call that waited for it, and so do we. */
export function failureOf(name: string, error: unknown): AuthFailure {
  const { errMsg = String(error), errno, code } = Object(error) as AuthFailure
  return { errMsg: errMsg.replace(/^\w+(?=:fail)/, name), errno, code }
}
