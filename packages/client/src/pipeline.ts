import { ignore, start } from './deadline.ts'
import { AuthError, type AuthErrorCode, loggedOut } from './errors.ts'
import { problemOf, type Service } from './service.ts'
import type { SessionKeeper } from './session.ts'
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

/** Sends once: `use` gets the task of `wx`, at once; `token` is what the header carries, if anything. */
export type Send<Result> = (options: CallOptions, use: (task: unknown) => void, token: string | null) => Promise<Result>

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

/** What the tasks of requests, uploads and downloads tell, between them, while they are under way. */
const TASK_METHODS = [
  'onHeadersReceived',
  'offHeadersReceived',
  'onChunkReceived',
  'offChunkReceived',
  'onProgressUpdate',
  'offProgressUpdate',
]

/**
 * Puts the way of every authenticated call around one `wx` call: token on, and after a 401 one login and one replay.
 *
 * The call settles within `loginTimeoutMs` and its own timeout, whatever `wx` does: one deadline, set when it is made.
 */
export function createPipeline({ session, judge, locate, bearer, loginTimeoutMs }: PipelineDeps) {
  /** @param methods what the task takes; a socket's has no deadline: it goes on until somebody ends it */
  return function through<Result>(
    name: string,
    given: CallOptions,
    send: Send<Result>,
    isUnauthorized: (response: Result) => boolean,
    methods = TASK_METHODS,
  ): { outcome: Promise<Result>; task: Task } {
    const { auth, replay, header, timeout = WX_TIMEOUT_MS } = Object(given) as CallOptions
    // A logout since the call began ends it: the replay must not go on as whoever signs in next.
    const since = session.generation()
    const call = start<Result>(methods === TASK_METHODS ? loginTimeoutMs + timeout : 0, () =>
      call.giveUp(fail('timeout', 'timeout')),
    )
    const { task, use } = createTask(methods, call.use, () => {
      if (!call.isOver()) call.giveUp(fail('aborted', 'abort'))
    })

    function fail(code: AuthErrorCode, message: string, statusCode?: number): Promise<never> {
      return Promise.reject(new AuthError(code, `${name}:fail ${message}`, { statusCode }))
    }

    async function attempt(url: string, isAuthorized: boolean, mayReplay: boolean): Promise<Result> {
      let token: string | null = null
      if (isAuthorized) {
        try {
          const active = await session.obtain(since)
          // It may come during any `await`; from here to the call that carries the token there is none.
          if (since !== session.generation()) throw loggedOut()
          token = active.token
        } catch (error) {
          if (auth !== 'optional') throw error
        }
      }
      // Given up while it waited for a login: nothing is sent any more.
      if (call.isOver()) return call.outcome
      const signed = token ? withoutAuthorization(header, bearer(token)) : header
      // Some libraries reject on every status that is not 2xx.
      let hasFailed = false
      const response = await send(Object.assign({}, given, OWN_OPTIONS, { url, header: signed }), use, token).catch(
        (failure) => {
          hasFailed = true
          return failure
        },
      )
      const { statusCode, data } = Object(response)
      if (!isAuthorized || (hasFailed && !statusCode) || !isUnauthorized(response)) {
        // A service in trouble has not looked at the token.
        if (token && statusCode < 500) session.accepted(token)
        if (hasFailed) throw response
        return response
      }
      if (token) {
        // A file, raw bytes and a closed socket do not say why they are refused.
        const said = data && !data.byteLength ? response : await judge(token).catch(ignore)
        if (session.invalidate(token, problemOf(said).reason) && mayReplay) return attempt(url, true, false)
      }
      return fail('unauthorized', 'the service does not accept the session', 401)
    }

    async function run(): Promise<Result> {
      const { url, trusted } = locate(Object(given), name)
      return attempt(url, trusted && auth !== 'none', replay !== false)
    }

    call.follow(run())
    return { outcome: call.outcome, task }
  }
}

/** HTTP takes `authorization` for `Authorization`; `wx` would send both. */
function withoutAuthorization(given: Record<string, string> = {}, own: Record<string, string>): Record<string, string> {
  const header: Record<string, string> = {}
  for (const name of Object.keys(given)) {
    if (!/^authorization$/i.test(name)) header[name] = given[name] as string
  }
  return Object.assign(header, own)
}
