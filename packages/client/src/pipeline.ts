import type { Answer, AuthErrorCode, CallOptions } from './contract.ts'
import { begin } from './deadline.ts'
import { AuthError, loggedOut } from './errors.ts'
import { problemOf } from './service.ts'
import type { SessionKeeper } from './session.ts'
import { snapshot } from './snapshot.ts'
import type { ActiveSession } from './storage.ts'
import { type AnyTask, createTask } from './task.ts'
import type { Locate } from './url.ts'

/** What a sender may tell while it sends. */
export interface Sending {
  /** Says which task of `wx` sends. */
  setTask(task: unknown): void
  /** Says that a connection was accepted and is now open, for as long as it likes: the call's time limit ends. */
  setOpen(): void
}

/** Sends once. `token` is the token in the header, if any. */
export type Send<Options, Result> = (options: Options, sending: Sending, token: string | null) => Promise<Result>

/** What the pipeline needs. */
export interface PipelineDeps {
  session: Pick<SessionKeeper<unknown>, 'generation' | 'begin' | 'obtain' | 'accepted' | 'refused' | 'sessionKey'>
  locate: Locate
  bearer: (token: string) => Record<string, string>
  loginTimeoutMs: number
}

/** `wx`'s default for a call without `timeout`, and its maximum. */
const WX_TIMEOUT_MS = 60_000

/** Our own options, removed before sending. */
const OWN_OPTIONS = { auth: undefined, replay: undefined, success: undefined, fail: undefined, complete: undefined }

/** What came of sending once. */
interface Attempt<Result> {
  /** What the caller gets, unless the token was refused. */
  outcome: Promise<Result>
  /** What the sender resolved or rejected with: some libraries reject on every status that is not 2xx. */
  response: unknown
  /** The session it went with. Null: it went without one. */
  session: ActiveSession<unknown> | null
  /** Whether the answer says that the token is not valid. */
  isUnauthorized: boolean
  /** Whether this was a connection that the service had accepted before. */
  wasOpen: boolean
}

/**
 * Makes the function that every authenticated call goes through: token on, and after a 401 one login and one replay.
 *
 * The call settles within `loginTimeoutMs` plus its own timeout, whatever `wx` does: one deadline, set when it is made.
 */
export function createPipeline({ session, locate, bearer, loginTimeoutMs }: PipelineDeps) {
  return function sendAuthenticated<Options extends CallOptions, Result>(
    name: string,
    given: Options,
    send: Send<Options, Result>,
    isUnauthorized: (answer: Answer) => boolean,
    // A logout since the call began ends it: the replay must not go on as the next user.
    beginning = session.begin(),
  ): { outcome: Promise<Result>; task: AnyTask } {
    // A plain JavaScript caller may have passed nothing.
    let options = Object(given) as Options
    const { auth, replay, timeout = WX_TIMEOUT_MS } = options
    const limitMs = isTimeout(timeout) ? loginTimeoutMs + timeout : 0
    const call = begin<Result>(limitMs, () => call.abandon(fail('timeout', 'timeout')))
    const { task, setTask, endAttempt } = createTask(call.setTask, () => {
      if (!call.isOver()) call.abandon(fail('aborted', 'abort'))
    })

    function fail(code: AuthErrorCode, message: string, statusCode?: number): Promise<never> {
      return Promise.reject(new AuthError(code, `${name}:fail ${message}`, { statusCode }))
    }

    async function run(): Promise<Result> {
      options = snapshot(name, options)
      if (!limitMs) return fail('invalid_argument', 'timeout must be a positive number')
      const { url, trusted } = locate(options, name)
      const isAuthorized = trusted && auth !== 'none'

      const first = await attempt(url, isAuthorized, null)
      return first.isUnauthorized ? sendAgain(url, first) : first.outcome
    }

    /** Sends the request once more when the session of the attempt that was refused has ended. */
    async function sendAgain(url: string, refused: Attempt<Result>): Promise<Result> {
      // Its time limit ended when it was opened, and the next one must be opened in time, too.
      if (refused.wasOpen) call.restartLimit()
      if ((await mayReplay(url, refused)) && replay !== false) {
        const second = await attempt(url, true, refused.session)
        if (!second.isUnauthorized) return second.outcome
        // The reconnected socket was accepted. If the service closes it later with 4401, that counts as a new 401.
        if (second.wasOpen) return sendAgain(url, second)
        await mayReplay(url, second)
      }
      return fail('unauthorized', 'the service does not accept the session', 401)
    }

    /** @param refused the session of the first attempt; null in the first attempt */
    async function attempt(
      url: string,
      isAuthorized: boolean,
      refused: ActiveSession<unknown> | null,
    ): Promise<Attempt<Result>> {
      let found: ActiveSession<unknown> | null = null
      if (isAuthorized) {
        try {
          found = await session.obtain(beginning)
          // Checked here because a logout may come during any `await`; from here to the sending there is none.
          if (beginning.generation !== session.generation()) throw loggedOut()
        } catch (error) {
          found = null
          // `unauthorized`: the user has changed, and the request must not go out at all. `obtain` rejects with AuthErrors only.
          if (auth !== 'optional' || (error as AuthError).code === 'unauthorized') throw error
        }
        // Users may come without an id, so that nobody can tell whether a `loginWith` session is the same user's.
        if (refused && found && (refused.isOwn || found.isOwn)) return fail('unauthorized', 'the user has changed', 401)
      }
      // Given up while it waited for a login: nothing is sent any more, and nobody hears of this error.
      if (call.isOver()) throw loggedOut()
      return sendOnce(url, isAuthorized, found)
    }

    async function sendOnce(
      url: string,
      isAuthorized: boolean,
      active: ActiveSession<unknown> | null,
    ): Promise<Attempt<Result>> {
      const token = active ? active.token : null
      const signed = token ? replaceHeader(options.header, bearer(token)) : options.header
      const sent = Object.assign({}, options, OWN_OPTIONS, { url, header: signed })
      let hasFailed = false
      let wasOpen = false
      function setOpen(): void {
        wasOpen = true
        call.liftLimit()
        if (token) session.accepted(token)
      }
      const outcome = send(sent, { setTask, setOpen }, token)
      const response: unknown = await outcome.catch((failure: unknown) => {
        hasFailed = true
        return failure
      })
      const answer = Object(response) as Answer
      const isAnswer = !hasFailed || !!answer.statusCode
      const isRefused = isAuthorized && isAnswer && isUnauthorized(answer)
      // A 5xx says nothing about the token. A library that hands out bodies alone has checked the status itself.
      if (token && isAnswer && !isRefused && !(answer.statusCode >= 500)) {
        session.accepted(token)
        if (problemOf(answer).code === 'session_key_stale') session.sessionKey.markStale(token)
      }
      endAttempt(isRefused)
      return { outcome, response, session: active, isUnauthorized: isRefused, wasOpen }
    }

    /** Finds out what the 401 means. The session has ended when it says so. */
    async function mayReplay(url: string, { response, session: refused }: Attempt<Result>): Promise<boolean> {
      return !!refused && session.refused(refused.token, response, url.replace(/[?#].*/, ''))
    }

    call.follow(run())
    return { outcome: call.outcome, task }
  }
}

/** Whether a number of milliseconds can be waited for. */
export function isTimeout(ms: unknown): boolean {
  return typeof ms === 'number' && ms > 0 && Number.isFinite(ms)
}

/** Header names are compared without case: `wx` would send both `authorization` and `Authorization`. */
function replaceHeader(given: unknown, own: Record<string, string>): Record<string, string> {
  const sent = Object(given) as Record<string, string>
  const names = Object.keys(own).map((name) => name.toLowerCase())
  const header: Record<string, string> = {}
  for (const name of Object.keys(sent)) {
    if (names.indexOf(name.toLowerCase()) < 0) header[name] = sent[name] as string
  }
  return Object.assign(header, own)
}
