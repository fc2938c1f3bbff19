import { messageOf } from '../message-of.ts'
import { type Callbacks, conclude, failureOf, WxFailure } from './api-call.ts'
import type { DeviceContext } from './context.ts'
import { withFault } from './device-fault.ts'
import { createListeners } from './listeners.ts'
import { cronetFailure, NETWORK_ERRNO } from './network.ts'
import type { Connection, SocketTransport } from './web-socket.ts'

/** Options of `wx.connectSocket`. */
export interface SocketOptions extends Callbacks {
  url: string
  header?: Record<string, unknown>
  protocols?: string[]
}

/** There are no `off…` functions: WeChat has none for sockets. */
export interface SocketTask {
  send(options: Callbacks & { data: string | ArrayBuffer }): void
  /** Default code 1000. */
  close(options?: Callbacks & { code?: number; reason?: string }): void
  onOpen(listener: (event: { header: Record<string, string> }) => void): void
  onMessage(listener: (event: { data: string | ArrayBuffer }) => void): void
  onError(listener: (event: { errMsg: string }) => void): void
  onClose(listener: (event: { code: number; reason: string }) => void): void
}

export interface SocketDeps {
  context: DeviceContext
  connect: SocketTransport
  resolve: (url: URL) => URL
}

/** @see https://developers.weixin.qq.com/miniprogram/dev/framework/ability/network.html */
const CONCURRENT_SOCKETS = 5
const ABNORMAL = 1006

/**
 * `wx.connectSocket`. `success` only says that there is a socket; whether it opens is told by `onOpen`, or by `onError`
 * and `onClose`, which do not tell the status an upgrade was refused with.
 */
export function createSocketApi({ context, connect, resolve }: SocketDeps) {
  const { ledger, network, record, thread } = context
  const living = new Set<(code: number, reason: string) => void>()

  function connectSocket(options: SocketOptions): SocketTask {
    const opened = createListeners<{ header: Record<string, string> }>(thread)
    const received = createListeners<{ data: string | ArrayBuffer }>(thread)
    const failed = createListeners<{ errMsg: string }>(thread)
    const closed = createListeners<{ code: number; reason: string }>(thread)
    let connection: Connection | null = null
    let isOpen = false
    let hasEnded = false

    function end(code: number, reason: string): void {
      if (hasEnded) return
      hasEnded = true
      living.delete(end)
      record('wx.connectSocket', { ...address(options), closed: code })
      thread.post(() => {
        if (!isOpen) failed.emit({ errMsg: `connectSocket:fail ${reason}` })
        closed.emit({ code, reason })
      })
    }

    /** Only from a task on the thread may a call of the app's come back. */
    function answer(callbacks: Callbacks, api: string, run: () => void): void {
      const comeBack = thread.open()
      try {
        run()
        comeBack(() => conclude(thread, callbacks, { result: { errMsg: `${api}:ok` } }))
      } catch (error) {
        comeBack(() => conclude(thread, callbacks, { failure: failureOf(api, error) }))
      }
    }

    async function open(): Promise<void> {
      await withFault(context, 'wx.connectSocket', () => network.assertOnline())
      if (hasEnded) return
      connection = connect(
        // The app's own address may have been resolved to one of the service's.
        {
          url: resolve(new URL(options.url)).href.replace(/^http/, 'ws'),
          header: headerOf(options),
          protocols: options.protocols ?? [],
        },
        {
          opened() {
            if (hasEnded) return
            isOpen = true
            record('wx.connectSocket', { ...address(options), open: true })
            thread.post(() => opened.emit({ header: {} }))
          },
          message(data) {
            record('wx.onSocketMessage', { url: address(options).url })
            thread.post(() => received.emit({ data }))
          },
          closed: end,
          failed: () => end(ABNORMAL, 'the connection failed'),
        },
      )
    }

    answer(options, 'connectSocket', () => {
      if (!/^wss?:\/\//i.test(String(options.url)) || !URL.canParse(options.url)) {
        throw new WxFailure(`invalid url "${String(options.url)}"`, NETWORK_ERRNO.invalidUrl)
      }
      if (living.size >= CONCURRENT_SOCKETS) throw new WxFailure('max number of connections reached')
      living.add(end)
      open().catch((error: unknown) => end(ABNORMAL, messageOf(error)))
    })

    return {
      send: (message) =>
        answer(message, 'sendSocketMessage', () => {
          if (!connection || !isOpen || hasEnded) throw new WxFailure('WebSocket is not connected')
          connection.send(message.data)
        }),
      close: ({ code = 1000, reason = '', ...callbacks } = {}) =>
        answer(callbacks, 'closeSocket', () => {
          connection?.close(code, reason)
          end(code, reason)
        }),
      onOpen: opened.on,
      onMessage: received.on,
      onError: failed.on,
      onClose: closed.on,
    }
  }

  function address({ url, header }: SocketOptions) {
    const bearer = Object.entries(header ?? {}).find(([name]) => name.toLowerCase() === 'authorization')?.[1]
    const token = /^Bearer (.+)$/i.exec(String(bearer))?.[1]
    return {
      url: String(url).replace(/[?#].*$/s, ''),
      bearer: token === undefined ? false : ledger.alias('token', token),
    }
  }

  const global = createGlobalSocket(thread, connectSocket)

  network.onLost(() => {
    for (const end of [...living]) end(ABNORMAL, cronetFailure(-21, 'ERR_NETWORK_CHANGED').message)
  })

  return {
    api: global.api,
    /** The app's process is new. */
    clear: global.clear,
    /** The app is suspended or gone: its sockets are closed. */
    interrupt(): void {
      for (const end of [...living]) end(ABNORMAL, 'interrupted')
    },
  }
}

function headerOf({ header = {} }: SocketOptions): Record<string, string> {
  return Object.fromEntries(Object.entries(header).map(([name, value]) => [name.toLowerCase(), String(value)]))
}

/**
 * The older form: listeners of `wx` itself, and calls that mean the socket that was opened last.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/api/network/websocket/wx.sendSocketMessage.html
 */
function createGlobalSocket(thread: DeviceContext['thread'], connectSocket: (options: SocketOptions) => SocketTask) {
  const opened = createListeners<{ header: Record<string, string> }>(thread)
  const received = createListeners<{ data: string | ArrayBuffer }>(thread)
  const failed = createListeners<{ errMsg: string }>(thread)
  const closed = createListeners<{ code: number; reason: string }>(thread)
  let latest: SocketTask | null = null

  function withLatest(api: string, options: Callbacks, call: (task: SocketTask) => void): void {
    if (latest) {
      call(latest)
      return
    }
    const comeBack = thread.open()
    const failure = failureOf(api, new WxFailure('WebSocket is not connected'))
    comeBack(() => conclude(thread, options, { failure }))
  }

  const api = {
    connectSocket(options: SocketOptions): SocketTask {
      const task = connectSocket(options)
      latest = task
      task.onOpen(opened.emit)
      task.onMessage(received.emit)
      task.onError(failed.emit)
      task.onClose(closed.emit)
      return task
    },
    sendSocketMessage: (options: Callbacks & { data: string | ArrayBuffer }) =>
      withLatest('sendSocketMessage', options, (task) => task.send(options)),
    closeSocket: (options: Callbacks & { code?: number; reason?: string } = {}) =>
      withLatest('closeSocket', options, (task) => task.close(options)),
    onSocketOpen: opened.on,
    onSocketMessage: received.on,
    onSocketError: failed.on,
    onSocketClose: closed.on,
  }
  return {
    api,
    clear() {
      latest = null
      for (const listeners of [opened, received, failed, closed]) listeners.clear()
    },
  }
}
