import { ignore, start } from './deadline.ts'
import { createEvents } from './events.ts'
import type { AuthOptions, CallOptions, createPipeline, Sending } from './pipeline.ts'
import type { Service } from './service.ts'
import { type AuthFailure, failureOf, report } from './task.ts'
import { type Callbacks, failed, type SocketClose, type SocketTask, type WeChat, type WxSocketOptions } from './wx.ts'

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
    const { on, emit } = createEvents<{ open: object; message: object; error: object; close: SocketClose | undefined }>(
      {
        open: [],
        message: [],
        error: [],
        close: [],
      },
    )
    // As `wx` tells it: whether there is a socket, not whether it is open.
    const started = start<{ errMsg: string }>(0, ignore)
    let real: SocketTask | null = null
    let isOpen = false
    let closed: SocketClose | undefined

    function connect(sent: CallOptions, { keep }: Sending): Promise<SocketClose> {
      return new Promise((resolve, fail) => {
        isOpen = false
        closed = undefined
        const url = String(sent.url).replace(/^http/, 'ws')
        const mine = wechat.connectSocket(Object.assign(sent, { url, success: started.end as () => void, fail }))
        real = mine
        // Of a socket that was given up, or that another has taken the place of, nothing is heard any more.
        mine.onOpen((event) => {
          if (real !== mine) return
          isOpen = true
          keep()
          emit('open', event)
        })
        mine.onMessage((event) => {
          if (real === mine) emit('message', event)
        })
        mine.onError((event) => (isOpen ? emit('error', event) : fail(event)))
        mine.onClose((event) => {
          if (real !== mine) return
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
      (sent, sending, token) => connect(sent, sending).catch((failure) => explain(failure, token)),
      isRefused,
    )
    outcome
      .catch((error) => {
        started.end(outcome as never)
        if (closed) return
        const { errMsg } = failureOf('connectSocket', error)
        emit('error', { errMsg })
        closed = { code: ABNORMAL, reason: errMsg }
      })
      .then(() => emit('close', closed))
    report('connectSocket', options, started.outcome)

    return {
      send(message) {
        if (real) return real.send(message)
        const failure = { errMsg: 'sendSocketMessage:fail the socket is not open' }
        report('sendSocketMessage', message, Promise.reject(failure))
      },
      close(reason = {}) {
        if (real) real.close(reason)
        else report('closeSocket', reason, Promise.resolve({ errMsg: 'closeSocket:ok' }))
        if (real && isOpen) return
        real = null
        task.abort()
      },
      onOpen: (listener) => void on('open', listener as never),
      onMessage: (listener) => void on('message', listener as never),
      onError: (listener) => void on('error', listener as never),
      onClose: (listener) => void on('close', listener as never),
    }
  }
}

function isRefused(end: unknown): boolean {
  const { code, statusCode } = Object(end)
  return code === UNAUTHORIZED || Number(statusCode) === 401
}
