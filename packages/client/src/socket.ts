import type { AuthOptions, SocketOptions } from './contract.ts'
import { begin, ignore } from './deadline.ts'
import { toAuthError } from './errors.ts'
import { createEvents } from './events.ts'
import type { createPipeline, Sending } from './pipeline.ts'
import type { SessionKeeper } from './session.ts'
import { failureOf, report } from './task.ts'
import type { WeChat } from './wx.ts'
import type { SocketClose, SocketTask, WxSocketOptions } from './wx-api.ts'

/** The service closes with this code when the session has ended. 4000 to 4999 are for applications. */
const UNAUTHORIZED = 4401
/** The code of a connection that ended without a closing frame (RFC 6455). */
const ABNORMAL = 1006

/** What the listeners of a socket get. */
interface SocketEvents {
  open: { header?: Record<string, string> }
  message: { data: string | ArrayBuffer }
  error: { errMsg: string }
  close: SocketClose
}

/**
 * Makes `connectSocket`. To the pipeline a socket is one call, which ends when the socket closes.
 *
 * The returned task stands for the socket of the first attempt, then for that of the one reconnect.
 */
export function createConnectSocket(
  wechat: WeChat,
  ask: SessionKeeper<unknown>['ask'],
  sendAuthenticated: ReturnType<typeof createPipeline>,
): (options: SocketOptions) => SocketTask {
  return (given) => {
    // A plain JavaScript caller may have passed nothing.
    const options = Object(given) as SocketOptions
    const { on, emit } = createEvents<SocketEvents>({ open: [], message: [], error: [], close: [] })
    // What `success` and `fail` tell: whether there is a socket, not whether it is open.
    const started = begin<{ errMsg: string }>(0, ignore)
    /** The socket of `wx`. Null: there is none yet, or it has closed. */
    let real: SocketTask | null = null
    let isOpen = false
    /** Whether the app has closed it: then no close leads to a login. */
    let isClosing = false
    /** How the socket was closed. Null: it was not. */
    let closed: SocketClose | null = null

    function connect(sent: WxSocketOptions, { setOpen }: Sending): Promise<SocketClose> {
      return new Promise((resolve, fail) => {
        isOpen = false
        closed = null
        const url = String(sent.url).replace(/^http/, 'ws')
        const mine = wechat.connectSocket(Object.assign(sent, { url, success: started.settle, fail }))
        real = mine
        // Nothing is told of a socket that was given up or replaced.
        mine.onOpen((event) => {
          if (real !== mine) return
          isOpen = true
          setOpen()
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

    /** `wx` does not tell with which status an upgrade was refused, nor whether it was, so the service is asked. */
    async function explain(failure: unknown, token: string | null, sent: object): Promise<SocketClose> {
      if (token && (await ask(token)).says === 'ended') return { code: UNAUTHORIZED, reason: '' }
      throw toAuthError(failure, 'network', sent)
    }

    const url = String(options.url).replace(/^ws/, 'http')
    const { outcome, task } = sendAuthenticated<WxSocketOptions & AuthOptions, unknown>(
      'connectSocket',
      Object.assign({}, options, { url }),
      (sent, sending, token) => connect(sent, sending).catch((failure) => explain(failure, token, sent)),
      (end) => !isClosing && isUnauthorized(end),
    )
    outcome
      .catch((error: unknown) => {
        // It has rejected, so it has no result of any type.
        started.settle(outcome as Promise<never>)
        if (closed) return
        const { errMsg } = failureOf('connectSocket', error)
        emit('error', { errMsg })
        closed = { code: ABNORMAL, reason: errMsg }
      })
      .then(() => {
        if (closed) emit('close', closed)
      })
    report('connectSocket', options, started.outcome)

    return {
      send(message) {
        if (real) return real.send(message)
        const failure = { errMsg: 'sendSocketMessage:fail the socket is not open' }
        report('sendSocketMessage', message, Promise.reject(failure))
      },
      close(reason = {}) {
        isClosing = true
        if (real) real.close(reason)
        else report('closeSocket', reason, Promise.resolve({ errMsg: 'closeSocket:ok' }))
        if (real && isOpen) return
        real = null
        task.abort()
      },
      onOpen: (listener) => void on('open', listener),
      onMessage: (listener) => void on('message', listener),
      onError: (listener) => void on('error', listener),
      onClose: (listener) => void on('close', listener),
    }
  }
}

/** Whether the close of a socket says that the token is not valid. */
function isUnauthorized(end: unknown): boolean {
  return (Object(end) as { code?: unknown }).code === UNAUTHORIZED
}
