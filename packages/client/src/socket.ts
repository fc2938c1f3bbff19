import type { AuthError } from './errors.ts'
import type { AuthOptions, createPipeline } from './pipeline.ts'
import type { Service } from './service.ts'
import { type AuthFailure, call } from './task.ts'
import {
  type Callbacks,
  failed,
  type SocketClose,
  type SocketTask,
  type Task,
  type WeChat,
  type WxSocketOptions,
} from './wx.ts'

/** The options of `wx.connectSocket`, and what to do about signing in. */
export interface SocketOptions extends WxSocketOptions, AuthOptions, Callbacks<{ errMsg: string }, AuthFailure> {}

/** The service closes with this when the session has ended; 4000 to 4999 are for the application's own reasons. */
const UNAUTHORIZED = 4401
/** What RFC 6455 names a connection that ended without a closing frame. */
const ABNORMAL = 1006

/**
 * `wx.connectSocket` by the way of every call. A socket's whole life is one: it ends when the socket closes.
 *
 * What is returned stands for the socket of the first attempt, and then for that of the one reconnect.
 */
export function createConnectSocket(
  wechat: WeChat,
  judge: Service<unknown>['judge'],
  through: ReturnType<typeof createPipeline>,
): (options: SocketOptions) => SocketTask {
  return (options) => {
    const listeners: Record<string, ((event: never) => void)[]> = { Open: [], Message: [], Error: [], Close: [] }
    let real: SocketTask | null = null
    let closed: SocketClose | undefined
    let start: Callbacks<never, never> | null = options

    function tell(name: string, event: unknown): void {
      for (const listener of listeners[name] as []) call(listener, event)
    }

    /** As `wx` does: whether there is a socket, not whether it is open. */
    function tellStart(name: 'success' | 'fail', outcome: unknown): void {
      if (!start) return
      call(start[name] as never, outcome)
      call(start.complete as never, outcome)
      start = null
    }

    function connect(sent: WxSocketOptions, token: string | null): Promise<SocketClose> {
      return new Promise((resolve, reject) => {
        let isOpen = false
        let hasFallen = false

        // wx does not tell with which status an upgrade was refused, nor whether it was.
        function fall(failure: unknown): void {
          // A socket that never opened may tell of an error and of a close.
          if (hasFallen) return
          hasFallen = true
          const asked = token ? judge(token) : Promise.reject()
          const lost = () => reject(failed(failure, 'network'))
          asked.then((verdict) => (Number(verdict.statusCode) === 401 ? resolve(verdict as never) : lost()), lost)
        }

        closed = undefined
        real = wechat.connectSocket(
          Object.assign(sent, {
            url: sent.url.replace(/^http/, 'ws'),
            success: (started: object) => tellStart('success', started),
            fail: fall,
          }),
        )
        real.onOpen((event) => {
          isOpen = true
          tell('Open', event)
        })
        real.onMessage((event) => tell('Message', event))
        real.onError((event) => (isOpen ? tell('Error', event) : fall(event)))
        real.onClose((event) => {
          real = null
          if (!isOpen && event.code !== UNAUTHORIZED) return fall({ errMsg: `connectSocket:fail ${event.reason}` })
          closed = event
          resolve(event)
        })
      })
    }

    const life = through<unknown>(
      'connectSocket',
      Object.assign({}, options, { url: String(options.url).replace(/^ws/, 'http') }, NO_CALLBACKS),
      (sent, _, token) => connect(sent as WxSocketOptions, token),
      (end) => Object(end).code === UNAUTHORIZED || Number(Object(end).statusCode) === 401,
      false,
    ) as Promise<unknown> & Task
    void life
      .catch((error: AuthError) => {
        const { errno, code } = error
        const errMsg = error.errMsg.replace(/^\w+/, 'connectSocket')
        tellStart('fail', { errMsg, errno, code })
        if (closed) return
        tell('Error', { errMsg })
        closed = { code: ABNORMAL, reason: errMsg }
      })
      .then(() => tell('Close', closed))

    return {
      send(message) {
        if (real) return real.send(message)
        const failure = { errMsg: 'sendSocketMessage:fail the socket is not open' }
        call(message.fail, failure)
        call(message.complete, failure)
      },
      close(reason) {
        if (real) real.close(reason)
        else life.abort()
      },
      onOpen: (listener) => void listeners.Open?.push(listener),
      onMessage: (listener) => void listeners.Message?.push(listener),
      onError: (listener) => void listeners.Error?.push(listener),
      onClose: (listener) => void listeners.Close?.push(listener),
    }
  }
}

const NO_CALLBACKS = { success: undefined, fail: undefined, complete: undefined }
