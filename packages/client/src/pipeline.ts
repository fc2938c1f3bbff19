import { AuthError, loggedOut } from './errors.ts'
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
    // A logout since the call began ends it: the replay must not go on as whoever signs in next.
    const since = session.generation()
    return attempt(options.replay !== false)

    async function attempt(mayReplay: boolean): Promise<Result> {
      let token: string | null = null
      if (auth !== 'none') {
        try {
          const { issued } = await session.obtain(since)
          // It may come during any `await`; from here to the call that carries the token there is none.
          if (since !== session.generation()) throw loggedOut()
          token = issued.token
        } catch (error) {
          if (auth !== 'optional') throw error
        }
      }
      const response = await sendWith(token)
      if (auth === 'none' || Number(response.statusCode) !== 401) {
        // A service in trouble has not looked at the token.
        if (token && response.statusCode < 500) session.accepted(token)
        return response
      }
      if (token && session.invalidate(token, problemOf(response).reason) && mayReplay) return attempt(false)
      throw new AuthError('unauthorized', 'request:fail the service does not accept the session', { statusCode: 401 })
    }

    function sendWith(token: string | null): Promise<Result> {
      const sent = Object.assign({}, options, { url })
      delete sent.auth
      delete sent.replay
      if (token) sent.header = withoutAuthorization(options.header, bearer(token))
      return send(sent)
    }
  }
}

function locate({ url, auth = 'required' }: CallOptions, target: PipelineDeps['target']): Target {
  const found = target(String(url))
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
