import { ignore, start } from './deadline.ts'
import { createEvents } from './events.ts'
import type { AuthOptions, CallOptions, createPipeline } from './pipeline.ts'
import type { Service } from './service.ts'
import { type AuthFailure, failureOf, report } from './task.ts'
import { type Callbacks, failed, type SocketClose, type SocketTask, type WeChat, type WxSocketOptions } from './wx.ts'

/** The options of `wx.connectSocket`, and what to do about signing in. */
export interface SocketOptions extends WxSocketOptions, AuthOptions, Callbacks<{ errMsg: string }, AuthFailure> {}

/** The service closes with this when the session has ended; 4000 to 4999 are for the application's own reasons. */
const UNAUTHORIZED = 4401
/** What RFC 6455 names a connection that ended without a closing frame. */
const ABNORMAL = 1006

/** What goes on from one socket to the next; of errors and ends there is one for both. */
const SOCKET_METHODS = ['onOpen', 'onMessage']

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
    const { on, emit } = createEvents<{ error: { errMsg: string }; close: SocketClose }>({ error: [], close: [] })
    // As `wx` tells it: whether there is a socket, not whether it is open.
    const started = start<{ errMsg: string }>(0, ignore)
    let real: SocketTask | null = null
    let isOpen = false
    let closed: SocketClose | undefined

    function connect(sent: CallOptions, use: (task: SocketTask) => void): Promise<SocketClose> {
      return new Promise((resolve, fail) => {
        isOpen = false
        closed = undefined
        const url = String(sent.url).replace(/^http/, 'ws')
        real = wechat.connectSocket(Object.assign(sent, { url, success: started.end as () => void, fail }))
        use(real)
        real.onOpen(() => {
          isOpen = true
        })
        real.onError((event) => (isOpen ? emit('error', event) : fail(event)))
        real.onClose((event) => {
          real = null
          if (!isOpen && event.code !== UNAUTHORIZED) return fail({ errMsg: `connectSocket:fail ${event.reason}` })
          closed = event
          resolve(event)
        })
      })
    }

    /** `wx` does not tell with which status an upgrade was refused, nor whether it was: the service is asked. */
    function explain(failure: unknown, token: string | null): Promise<unknown> {
      return (token ? judge(token) : Promise.reject())
        .then((verdict) => (isRefused(verdict) ? verdict : Promise.reject()))
        .catch(() => Promise.reject(failed(failure, 'network')))
    }

    const { outcome, task } = through<unknown>(
      'connectSocket',
      Object.assign({}, options, { url: String(options.url).replace(/^ws/, 'http') }),
      (sent, use, token) => connect(sent, use).catch((failure) => explain(failure, token)),
      isRefused,
      SOCKET_METHODS,
    )
    outcome
      .catch((error) => {
        started.end(outcome as never)
        if (closed) return
        const { errMsg } = failureOf('connectSocket', error)
        emit('error', { errMsg })
        closed = { code: ABNORMAL, reason: errMsg }
      })
      .then(() => emit('close', closed as SocketClose))
    report('connectSocket', options, started.outcome)

    return Object.assign(task as unknown as SocketTask, {
      send(message: Parameters<SocketTask['send']>[0]) {
        if (real) return real.send(message)
        const failure = { errMsg: 'sendSocketMessage:fail the socket is not open' }
        report('sendSocketMessage', message, Promise.reject(failure))
      },
      close(reason: Parameters<SocketTask['close']>[0]) {
        if (!real || !isOpen) task.abort()
        if (real) real.close(reason)
      },
      onError: (listener: Parameters<SocketTask['onError']>[0]) => void on('error', listener),
      onClose: (listener: Parameters<SocketTask['onClose']>[0]) => void on('close', listener),
    })
  }
}

function isRefused(end: unknown): boolean {
  const { code, statusCode } = Object(end)
  return code === UNAUTHORIZED || Number(statusCode) === 401
}
