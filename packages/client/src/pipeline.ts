import { ignore } from './deadline.ts'
import { AuthError } from './errors.ts'
import { problemOf } from './service.ts'
import type { SessionKeeper } from './session.ts'
import type { Target } from './url.ts'
import type { RequestResult, RequestTask, WxRequestOptions } from './wx.ts'

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

/** What every `wx` call of the pipeline has in common. */
type CallOptions = Pick<WxRequestOptions, 'url' | 'header' | 'timeout'> & AuthOptions

/** Calls `wx` once. */
type Send<Options, Result> = (options: Options, onTask: (task: RequestTask) => void) => Promise<Result>

export interface PipelineDeps {
  session: Pick<SessionKeeper<unknown>, 'generation' | 'obtain' | 'accepted' | 'invalidate'>
  target: (url: string) => Target | null
  bearer: (token: string) => Record<string, string>
  isUnauthorized: (response: RequestResult) => boolean
  loginTimeoutMs: number
  now: () => number
}

/** WeChat's default for a call without `timeout`, and the longest it grants. */
const WX_TIMEOUT_MS = 60_000

/**
 * Puts the way of every authenticated call around one `wx` call: token on, and after a 401 one login and one replay.
 *
 * The call settles within `loginTimeoutMs` and its own timeout, whatever `wx` does: one deadline, set when it is made.
 */
export function createPipeline({ session, target, bearer, isUnauthorized, loginTimeoutMs, now }: PipelineDeps) {
  return function through<Options extends CallOptions, Result extends RequestResult>(
    options: Options,
    send: Send<Options, Result>,
  ): Promise<Result> & RequestTask {
    const timeoutMs = options.timeout || WX_TIMEOUT_MS
    const limitMs = loginTimeoutMs + timeoutMs
    const deadlineMs = now() + limitMs
    let task: RequestTask | null = null
    let ended = false
    let end: (error: AuthError) => void

    async function run(): Promise<Result> {
      const { url, trusted } = locate(options, target)
      const auth = trusted ? options.auth : 'none'
      const since = session.generation()

      const token = await tokenFor(auth, since)
      const first = await sendWith(url, token)
      if (auth === 'none' || !isUnauthorized(first)) return accept(first, token)

      if (!token || !invalidate(first, token) || options.replay === false) throw unauthorized()
      // A logout since the call began ends it here: it must not go on as whoever signs in next.
      const next = await tokenFor(auth, since)
      const second = await sendWith(url, next)
      if (!isUnauthorized(second)) return accept(second, next)

      if (next) invalidate(second, next)
      throw unauthorized()
    }

    async function tokenFor(auth: AuthOptions['auth'], since: number): Promise<string | null> {
      if (auth === 'none') return null
      try {
        return (await session.obtain(since)).issued.token
      } catch (error) {
        if (auth === 'optional') return null
        throw error
      }
    }

    function sendWith(url: string, token: string | null): Promise<Result> {
      // Ended while it waited for a login: nothing is sent any more.
      if (ended) return new Promise(ignore)
      const sent = Object.assign({}, options, { url })
      delete sent.auth
      delete sent.replay
      if (token) sent.header = withoutAuthorization(options.header, bearer(token))
      const leftMs = deadlineMs - now()
      // A caller that gave no timeout leaves it to app.json, as long as the deadline allows.
      if (options.timeout || leftMs < WX_TIMEOUT_MS) sent.timeout = Math.max(1, Math.min(timeoutMs, leftMs))
      return send(sent, (started) => {
        task = started
      })
    }

    function accept(response: Result, token: string | null): Result {
      // A service in trouble has not looked at the token.
      if (token && response.statusCode < 500) session.accepted(token)
      return response
    }

    function invalidate(response: Result, token: string): boolean {
      return session.invalidate(token, problemOf(response).reason)
    }

    const promise = new Promise<Result>((resolve, reject) => {
      end = (error) => {
        ended = true
        reject(error)
        if (task) task.abort()
      }
      const timer = setTimeout(() => end(new AuthError('timeout', 'request:fail timeout')), limitMs)
      const stop = () => clearTimeout(timer)
      const running = run()
      running.then(resolve, reject)
      running.then(stop, stop)
    })
    return Object.assign(promise, { abort: () => end(new AuthError('aborted', 'request:fail abort')) })
  }
}

function locate({ url, auth = 'required' }: CallOptions, target: PipelineDeps['target']): Target {
  const found = target(url)
  if (!found) throw new AuthError('invalid_argument', 'request:fail url must begin with one / or be an absolute URL')
  if (!found.trusted && auth === 'required') {
    throw new AuthError('invalid_argument', 'request:fail the token may not go to that origin, see allowOrigins')
  }
  return found
}

/** HTTP takes `authorization` for `Authorization`; `wx` would send both. */
function withoutAuthorization(given: Record<string, string> = {}, own: Record<string, string>): Record<string, string> {
  const header: Record<string, string> = {}
  for (const name of Object.keys(given)) {
    if (!/^authorization$/i.test(name)) header[name] = given[name] as string
  }
  return Object.assign(header, own)
}

function unauthorized(): AuthError {
  return new AuthError('unauthorized', 'request:fail the service does not accept the session', { statusCode: 401 })
}
