import { ignore, start } from './deadline.ts'
import { AuthError, type AuthErrorCode, loggedOut } from './errors.ts'
import { problemOf, type Service } from './service.ts'
import type { SessionKeeper } from './session.ts'
import type { ActiveSession } from './storage.ts'
import { createTask } from './task.ts'
import type { Locate } from './url.ts'
import type { Task } from './wx.ts'

/** What a call may say about signing in, besides the options of `wx`. */
export interface AuthOptions {
  /**
   * `'required'` (default) sends the token and waits for a login when there is none; `'optional'` goes without one when
   * there is none to be had; `'none'` never sends one.
   */
  auth?: 'required' | 'optional' | 'none'
  /** Whether a 401 leads to one login and the same request once more. Default true. */
  replay?: boolean
}

/** What every call of the pipeline has in common. */
export interface CallOptions extends AuthOptions {
  url?: string
  header?: Record<string, string>
  timeout?: number
}

/** What one who sends tells: `use` the task of `wx`, at once, and `keep` that it may go on for as long as it likes. */
export interface Sending {
  use(task: unknown): void
  keep(): void
}

/** Sends once; `token` is what the header carries, if anything. */
export type Send<Result> = (options: CallOptions, sending: Sending, token: string | null) => Promise<Result>

export interface PipelineDeps {
  session: Pick<SessionKeeper<unknown>, 'generation' | 'obtain' | 'accepted' | 'invalidate'>
  judge: Service<unknown>['judge']
  locate: Locate
  bearer: (token: string) => Record<string, string>
  loginTimeoutMs: number
}

/** WeChat's default for a call without `timeout`, and the longest it grants. */
const WX_TIMEOUT_MS = 60_000

/** What of a call is not for whoever sends it. */
const OWN_OPTIONS = { auth: undefined, replay: undefined, success: undefined, fail: undefined, complete: undefined }

/**
 * Puts the way of every authenticated call around one `wx` call: token on, and after a 401 one login and one replay.
 *
 * The call settles within `loginTimeoutMs` and its own timeout, whatever `wx` does: one deadline, set when it is made.
 */
export function createPipeline({ session, judge, locate, bearer, loginTimeoutMs }: PipelineDeps) {
  return function through<Result>(
    name: string,
    given: CallOptions,
    send: Send<Result>,
    isUnauthorized: (response: Result) => boolean,
  ): { outcome: Promise<Result>; task: Task } {
    const { auth, replay, header, timeout = WX_TIMEOUT_MS } = Object(given) as CallOptions
    // A logout since the call began ends it: the replay must not go on as whoever signs in next.
    const since = session.generation()
    const call = start<Result>(loginTimeoutMs + timeout, () => call.giveUp(fail('timeout', 'timeout')))
    const { task, use } = createTask(call.use, () => {
      if (!call.isOver()) call.giveUp(fail('aborted', 'abort'))
    })

    function fail(code: AuthErrorCode, message: string, statusCode?: number): Promise<never> {
      return Promise.reject(new AuthError(code, `${name}:fail ${message}`, { statusCode }))
    }

    function unauthorized(): Promise<never> {
      return fail('unauthorized', 'the service does not accept the session', 401)
    }

    /** @param refused the session of the first attempt */
    async function attempt(url: string, isAuthorized: boolean, refused?: ActiveSession<unknown>): Promise<Result> {
      let active: ActiveSession<unknown> | undefined
      if (isAuthorized) {
        try {
          active = await session.obtain(since)
          // It may come during any `await`; from here to the call that carries the token there is none.
          if (since !== session.generation()) throw loggedOut()
        } catch (error) {
          active = undefined
          if (auth !== 'optional') throw error
        }
        // What began as one user must not go on as another, whom only that user can have signed in.
        if (refused && active && (refused.isOwn || active.isOwn)) return unauthorized()
      }
      // Given up while it waited for a login: nothing is sent any more.
      if (call.isOver()) return call.outcome
      const token = active ? active.token : null
      const signed = token ? replaceHeader(header, bearer(token)) : header
      // Some libraries reject on every status that is not 2xx.
      let hasFailed = false
      const sent = Object.assign({}, given, OWN_OPTIONS, { url, header: signed })
      const response = await send(sent, { use, keep: call.keep }, token).catch((failure) => {
        hasFailed = true
        return failure
      })
      const { statusCode, data } = Object(response)
      const isAnswer = !hasFailed || statusCode
      if (!isAuthorized || !isAnswer || !isUnauthorized(response)) {
        // A service in trouble has not looked at the token. What hands out bodies alone has seen to the status itself.
        if (token && isAnswer && !(statusCode >= 500)) session.accepted(token)
        if (hasFailed) throw response
        return response
      }
      if (active && token) {
        // A file, raw bytes and a closed socket do not say why they are refused.
        const said = data && !data.byteLength ? response : await judge(token).catch(ignore)
        const mayReplay = session.invalidate(token, problemOf(said).reason) && replay !== false && !refused
        if (mayReplay) return attempt(url, true, active)
      }
      return unauthorized()
    }

    async function run(): Promise<Result> {
      const { url, trusted } = locate(Object(given), name)
      return attempt(url, trusted && auth !== 'none')
    }

    call.follow(run())
    return { outcome: call.outcome, task }
  }
}

/** HTTP takes `authorization` for `Authorization`; `wx` would send both. */
function replaceHeader(given: unknown, own: Record<string, string>): Record<string, string> {
  const sent: Record<string, string> = Object(given)
  const names = Object.keys(own).map((name) => name.toLowerCase())
  const header: Record<string, string> = {}
  for (const name of Object.keys(sent)) {
    if (names.indexOf(name.toLowerCase()) < 0) header[name] = sent[name] as string
  }
  return Object.assign(header, own)
}
