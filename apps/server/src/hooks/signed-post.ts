import { createHmac } from 'node:crypto'
import { reasonOf } from '@weapp-auth/fastify'
import { Agent, request } from 'undici'

const MAX_ANSWER_BYTES = 16 * 1024

/** Options of {@link createSignedPost}. */
export interface SignedPostOptions {
  /** See `isHookAddress`. */
  url: string
  secret: string
  /** For the connection, the request and the whole answer together. */
  timeoutMs: number
  /** Calls that are under way at the same time; others wait for them within their own `timeoutMs`. Default 64. */
  connections?: number
  /** Milliseconds since 1970. Default `Date.now`. */
  now?: () => number
}

/** Any answer of the other side. A redirect is not followed, so it is an answer too. */
export interface HookAnswer {
  status: number
  /** At most 16 kB. */
  text: string
}

/** Sends signed calls to one address. */
export interface SignedPost {
  /**
   * Sends `body` as JSON, once.
   *
   * @throws Error in one line without the address, where no whole answer of at most 16 kB came in time
   */
  send(body: unknown): Promise<HookAnswer>
  /** Closes the connections that are kept. */
  close(): Promise<void>
}

/** Says who sent a call, and when. */
const SIGNATURE_HEADER = 'x-weapp-auth-signature'

/**
 * A signature as `t=<seconds since 1970>,v1=<hex>`, where `v1` is the HMAC-SHA-256 of `<t>.<body>`. The time is signed too, so that
 * a call which somebody recorded can be refused later.
 */
export function signBody(secret: string, seconds: number, body: string): string {
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`
}

/** Signed calls to a program of the team. Connections are kept between calls. */
export function createSignedPost(options: SignedPostOptions): SignedPost {
  const { url, secret, timeoutMs, connections = 64, now = Date.now } = options
  const dispatcher = new Agent({ connections, pipelining: 1, maxResponseSize: MAX_ANSWER_BYTES })

  return {
    async send(value) {
      const body = JSON.stringify(value)
      const headers = {
        'content-type': 'application/json',
        [SIGNATURE_HEADER]: signBody(secret, Math.floor(now() / 1000), body),
      }
      const signal = AbortSignal.timeout(timeoutMs)
      try {
        const answer = await request(url, { method: 'POST', headers, body, signal, dispatcher })
        return { status: answer.statusCode, text: await answer.body.text() }
      } catch (error) {
        throw new Error(signal.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(error))
      }
    },

    close: () => dispatcher.destroy(),
  }
}
