import type { AuthFailure, WithCallbacks, WithoutCallbacks } from './contract.ts'
import { call } from './events.ts'
import type { Callbacks, DownloadTask, RequestTask, Task, UploadTask } from './wx-api.ts'

/** What a task of `wx` tells while the call is under way. */
const EVENTS = ['HeadersReceived', 'ChunkReceived', 'ProgressUpdate'] as const

type TaskEvent = (typeof EVENTS)[number]
type Listener = (detail: never) => void
type ListenerMethods = { [Method in `${'on' | 'off'}${TaskEvent}`]: (listener?: Listener) => void }

/** What this file reads of a detail. */
interface Detail {
  /** Of the headers. Not there in uploads, downloads and WeChat's developer tools. */
  statusCode?: unknown
  /** Percent. */
  progress?: number
}

/** The task of any call: it has the methods of all three kinds. */
export type AnyTask = RequestTask & UploadTask & DownloadTask

/** The task that a caller gets, and what the pipeline tells it. */
export interface CallerTask {
  task: AnyTask
  /** Says which task of `wx` sends now. */
  setTask(real: unknown): void
  /** Says that this attempt is over, before the caller hears of it. What a refused one sent is not shown to listeners. */
  endAttempt(isRefused: boolean): void
}

/**
 * Makes the task that a caller gets before there is one of `wx`. Its listeners stay when the request is sent again.
 *
 * An attempt may be refused and its answer is then not the caller's. So its headers are held back while they may be those of
 * a 401, and the last step of its progress until the answer is known. Chunks are shown as they come unless the headers
 * said 401: a page may show a text while it is being written.
 */
export function createTask(onStart: (real: unknown) => void, abort: () => void): CallerTask {
  const listeners: Record<TaskEvent, Listener[]> = { HeadersReceived: [], ChunkReceived: [], ProgressUpdate: [] }
  let real: Partial<ListenerMethods> = {}
  /** The events of the real task that we listen to. */
  let heard: TaskEvent[] = []
  let held: [event: TaskEvent, detail: Detail][] = []
  let isSuspect = false
  /** The progress that listeners have seen: a second attempt shows only what is beyond it. */
  let shownProgress = -1

  function show(event: TaskEvent, detail: Detail): void {
    if (event === 'ProgressUpdate') {
      const progress = Number(detail.progress)
      if (progress <= shownProgress) return
      if (progress > shownProgress) shownProgress = progress
    }
    // Listeners are kept by event, so that each gets the details of its own event.
    for (const listener of listeners[event]) call(listener, detail as never)
  }

  function showHeld(): void {
    const shown = held
    held = []
    for (const [event, detail] of shown) show(event, detail)
  }

  function receive(event: TaskEvent, detail: Detail): void {
    held.push([event, detail])
    const { statusCode, progress } = Object(detail) as Detail
    if (event === 'HeadersReceived') isSuspect = Number(statusCode) === 401
    const isTelling =
      event === 'ProgressUpdate' ? !(Number(progress) >= 100) : event === 'ChunkReceived' || statusCode !== undefined
    if (isTelling && !isSuspect) showHeld()
  }

  /** Listens to the real task, as far as it has such an event and somebody wants it. */
  function listen(event: TaskEvent): void {
    const mine = real
    const on = mine[`on${event}`]
    if (!on || heard.indexOf(event) >= 0) return
    heard.push(event)
    on.call(mine, (detail: Detail) => {
      // The task of an earlier attempt has nothing to say any more.
      if (mine === real) receive(event, detail)
    })
  }

  /** The headers tell whether chunks are those of a refused attempt. */
  function listenWithHeaders(event: TaskEvent): void {
    if (event === 'ChunkReceived') listen('HeadersReceived')
    listen(event)
  }

  const methods: Partial<ListenerMethods> = {}
  for (const event of EVENTS) {
    methods[`on${event}`] = (listener) => {
      if (!listener) return
      listeners[event].push(listener)
      listenWithHeaders(event)
    }
    methods[`off${event}`] = (listener) => {
      listeners[event] = listener ? listeners[event].filter((other) => other !== listener) : []
    }
  }

  return {
    // The loop has filled in every method.
    task: Object.assign({ abort }, methods as ListenerMethods),
    setTask(started) {
      real = Object(started) as Partial<ListenerMethods>
      heard = []
      onStart(started)
      for (const event of EVENTS) if (listeners[event].length) listenWithHeaders(event)
    },
    endAttempt(isRefused) {
      if (isRefused) held = []
      isSuspect = false
      // From now on the task of this attempt is not listened to.
      real = {}
      showHeld()
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
