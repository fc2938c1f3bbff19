import { ignore, start } from './deadline.ts'
import { AuthError, type AuthErrorCode, loggedOut } from './errors.ts'
import { problemOf, type Service } from './service.ts'
import type { SessionKeeper } from './session.ts'
import { type AuthFailure, createTask, deliver } from './task.ts'
import type { Locate } from './url.ts'
import type { Callbacks, RequestResult } from './wx.ts'

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
type Send<Result> = (options: CallOptions, use: (task: unknown) => void, token: string | null) => Promise<Result>

export interface PipelineDeps {
  session: Pick<SessionKeeper<unknown>, 'generation' | 'obtain' | 'accepted' | 'invalidate'>
  judge: Service<unknown>['judge']
  locate: Locate
  bearer: (token: string) => Record<string, string>
  loginTimeoutMs: number
}

/** WeChat's default for a call without `timeout`, and the longest it grants. */
const WX_TIMEOUT_MS = 60_000

/**
 * Puts the way of every authenticated call around one `wx` call: token on, and after a 401 one login and one replay.
 *
 * The call settles within `loginTimeoutMs` and its own timeout, whatever `wx` does: one deadline, set when it is made.
 */
export function createPipeline({ session, judge, locate, bearer, loginTimeoutMs }: PipelineDeps) {
  /** @param hasDeadline false for what goes on until somebody ends it */
  return function through<Result>(
    name: string,
    given: CallOptions & Callbacks<Result, AuthFailure>,
    send: Send<Result>,
    isUnauthorized: (response: Result) => boolean,
    hasDeadline = true,
  ) {
    const options = Object.assign({}, given)
    const { auth, replay, header, timeout = WX_TIMEOUT_MS } = options
    // A logout since the call began ends it: the replay must not go on as whoever signs in next.
    const since = session.generation()
    const call = start<Result>(hasDeadline ? loginTimeoutMs + timeout : 0, () => giveUp('timeout', 'timeout'))
    const { task, use } = createTask(call.use, () => giveUp('aborted', 'abort'))

    function giveUp(code: AuthErrorCode, message: string): void {
      if (!call.isOver()) call.giveUp(Promise.reject(new AuthError(code, `${name}:fail ${message}`)))
    }

    async function attempt(isAuthorized: boolean, mayReplay: boolean): Promise<Result> {
      let token: string | null = null
      if (isAuthorized) {
        try {
          const { issued } = await session.obtain(since)
          // It may come during any `await`; from here to the call that carries the token there is none.
          if (since !== session.generation()) throw loggedOut()
          token = issued.token
        } catch (error) {
          if (auth !== 'optional') throw error
        }
      }
      // Given up while it waited for a login: nothing is sent any more.
      if (call.isOver()) return call.outcome
      options.header = token ? withoutAuthorization(header, bearer(token)) : header
      const { response, failure } = await settled(send(Object.assign({}, options), use, token))
      if (!isAuthorized || (failure && !Object(failure).statusCode) || !isUnauthorized(response)) {
        // A service in trouble has not looked at the token.
        if (token && Object(response).statusCode < 500) session.accepted(token)
        if (failure) throw failure
        return response
      }
      if (token) {
        const said = isReadable(response) ? response : await judge(token).catch(ignore)
        if (session.invalidate(token, problemOf(said).reason) && mayReplay) return attempt(true, false)
      }
      throw new AuthError('unauthorized', `${name}:fail the service does not accept the session`, { statusCode: 401 })
    }

    async function run(): Promise<Result> {
      const { url, trusted } = locate(options, name)
      options.url = url
      for (const own of OWN_OPTIONS) delete options[own]
      return attempt(trusted && auth !== 'none', replay !== false)
    }

    const running = run()
    const finish = () => call.end(running)
    running.then(finish, finish)
    return deliver(name, Object(given), call.outcome, task)
  }
}

const OWN_OPTIONS = ['auth', 'replay', 'success', 'fail', 'complete'] as const

/** Some libraries reject on every status that is not 2xx. */
function settled<Result>(sending: Promise<Result>): Promise<{ response: Result; failure?: unknown }> {
  return sending.then(
    (response) => ({ response }),
    (failure) => ({ response: failure, failure }),
  )
}

/** A file, raw bytes and a closed socket do not say why they are refused. */
function isReadable(response: unknown): response is RequestResult {
  const { data } = Object(response)
  return data && !data.byteLength
}

/** HTTP takes `authorization` for `Authorization`; `wx` would send both. */
function withoutAuthorization(given: Record<string, string> = {}, own: Record<string, string>): Record<string, string> {
  const header: Record<string, string> = {}
  for (const name of Object.keys(given)) {
    if (!/^authorization$/i.test(name)) header[name] = given[name] as string
  }
  return Object.assign(header, own)
}
