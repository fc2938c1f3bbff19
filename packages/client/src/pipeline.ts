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
    const deadlineMs = now() + loginTimeoutMs + timeoutMs
    let task: RequestTask | null = null
    let ended = false
    let end: (error: AuthError) => void = ignore

    async function run(): Promise<Result> {
      const { url, trusted } = resolve(options, target)
      const auth = trusted ? options.auth || 'required' : 'none'
      const since = session.generation()

      const token = await tokenFor(auth, since)
      const first = await sendWith(url, token)
      if (auth === 'none' || !isUnauthorized(first)) return settle(first, token)

      if (!token || !refused(first, token) || options.replay === false) throw unauthorized()
      // A logout since the call began ends it here: it must not go on as whoever signs in next.
      const next = await tokenFor(auth, since)
      const second = await sendWith(url, next)
      if (!isUnauthorized(second)) return settle(second, next)

      if (next) refused(second, next)
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
      const leftMs = deadlineMs - now()
      // A caller that gave no timeout leaves it to app.json, as long as the deadline allows.
      const timeout = options.timeout || leftMs < WX_TIMEOUT_MS ? Math.max(1, Math.min(timeoutMs, leftMs)) : undefined
      const sent = Object.assign({}, options, { url })
      if (token) sent.header = mergeHeader(options.header, bearer(token))
      if (timeout) sent.timeout = timeout
      delete sent.auth
      delete sent.replay
      // Ended while it waited for a login: nothing is sent any more.
      if (ended) return new Promise(ignore)
      return send(sent, (started) => {
        task = started
      })
    }

    function settle(response: Result, token: string | null): Result {
      // A service in trouble has not looked at the token.
      if (token && !(Number(response.statusCode) >= 500)) session.accepted(token)
      return response
    }

    function refused(response: Result, token: string): boolean {
      return session.invalidate(token, problemOf(response).reason)
    }

    const promise = new Promise<Result>((resolve, reject) => {
      const timer = setTimeout(() => end(new AuthError('timeout', 'request:fail timeout')), loginTimeoutMs + timeoutMs)
      end = (error) => {
        if (ended) return
        ended = true
        clearTimeout(timer)
        reject(error)
        if (task) task.abort()
      }
      run().then((response) => {
        if (ended) return
        ended = true
        clearTimeout(timer)
        resolve(response)
      }, end)
    })
    return Object.assign(promise, { abort: () => end(new AuthError('aborted', 'request:fail abort')) })
  }
}

function resolve({ url, auth = 'required' }: CallOptions, target: PipelineDeps['target']): Target {
  const found = typeof url === 'string' ? target(url) : null
  if (!found) throw invalid('url must begin with one / or be an absolute URL')
  if (!found.trusted && auth === 'required') {
    throw invalid('that origin is not in allowOrigins; without the token: auth: "none"')
  }
  return found
}

/** `own` wins over the same names in any case: HTTP takes `authorization` for `Authorization`, `wx` would send both. */
function mergeHeader(given: Record<string, string> | undefined, own: Record<string, string>): Record<string, string> {
  const merged = Object.assign({}, given)
  for (const name of Object.keys(merged)) {
    if (Object.keys(own).some((ownName) => ownName.toLowerCase() === name.toLowerCase())) delete merged[name]
  }
  return Object.assign(merged, own)
}

function invalid(what: string): AuthError {
  return new AuthError('invalid_argument', `request:fail ${what}`)
}

function unauthorized(): AuthError {
  return new AuthError('unauthorized', 'request:fail the service does not accept the session', { statusCode: 401 })
}
