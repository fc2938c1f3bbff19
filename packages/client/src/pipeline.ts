import { AuthError } from './errors.ts'
import { bearer, problemOf } from './service.ts'
import type { SessionKeeper } from './session.ts'
import type { Target } from './url.ts'
import type { RequestResult, WxRequestOptions } from './wx.ts'

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
type Send<Options, Result> = (options: Options) => Promise<Result>

export interface PipelineDeps {
  session: Pick<SessionKeeper<unknown>, 'generation' | 'obtain' | 'accepted' | 'invalidate'>
  target: (url: string) => Target | null
}

/** Puts the way of every authenticated call around one `wx` call: token on, and after a 401 one login and one replay. */
export function createPipeline({ session, target }: PipelineDeps) {
  return async function through<Options extends CallOptions, Result extends RequestResult>(
    options: Options,
    send: Send<Options, Result>,
  ): Promise<Result> {
    const { url, trusted } = locate(options, target)
    const auth = trusted ? options.auth : 'none'
    const since = session.generation()

    const token = await tokenFor(auth, since)
    const first = await sendWith(token)
    if (auth === 'none' || !isUnauthorized(first)) return accept(first, token)

    if (!token || !invalidate(first, token) || options.replay === false) throw unauthorized()
    // A logout since the call began ends it here: it must not go on as whoever signs in next.
    const next = await tokenFor(auth, since)
    const second = await sendWith(next)
    if (!isUnauthorized(second)) return accept(second, next)

    if (next) invalidate(second, next)
    throw unauthorized()

    function sendWith(token: string | null): Promise<Result> {
      const sent = Object.assign({}, options, { url })
      delete sent.auth
      delete sent.replay
      if (token) sent.header = withoutAuthorization(options.header, bearer(token))
      return send(sent)
    }
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

  function accept<Result extends RequestResult>(response: Result, token: string | null): Result {
    // A service in trouble has not looked at the token.
    if (token && response.statusCode < 500) session.accepted(token)
    return response
  }

  function invalidate(response: RequestResult, token: string): boolean {
    return session.invalidate(token, problemOf(response).reason)
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

function isUnauthorized({ statusCode }: RequestResult): boolean {
  return Number(statusCode) === 401
}

function unauthorized(): AuthError {
  return new AuthError('unauthorized', 'request:fail the service does not accept the session', { statusCode: 401 })
}
