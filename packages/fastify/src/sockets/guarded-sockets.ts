import { ApiError } from '../api-error.ts'
import type { Session, Sessions } from '../sessions/sessions.ts'
import type { StoreMessages } from '../sessions/store-messages.ts'
import { bucketOf, type SessionRef } from '../sessions/token.ts'
import { createGroups } from './groups.ts'

/** The session has ended. The client signs in and connects again, or stays out, as it does after a 401. */
const SESSION_ENDED = 4401
/** "Service Restart" in IANA's registry of close codes. */
export const RESTARTING = 1012
/** As `WebSocket.OPEN`. */
const OPEN = 1
/** A socket that has answered none of so many pings is dead. */
const MISSED_PINGS = 2
/** How long the other side may take to answer a close. Meanwhile it can still send. */
const CLOSE_TIMEOUT_MS = 1_000
/** How many sessions are asked for at a time when all of them have to be. */
const CHECKS_AT_ONCE = 500

/** What is needed of a WebSocket of `ws`, as a handler of `@fastify/websocket` gets it. */
export interface ServerSocket {
  readonly readyState: number
  readonly bufferedAmount: number
  send(text: string): void
  ping(): void
  close(code: number, reason: string): void
  terminate(): void
  on(event: 'pong' | 'close', listener: () => void): unknown
  removeAllListeners(event: 'message'): unknown
}

/** The user and the session that a socket belongs to. */
export interface SocketOwner {
  userId: string
  sessionId: string
}

/** The open sockets of this process. Each is closed when its session ends. */
export interface GuardedSockets {
  /** Closes `socket` when the session ends, or when nobody is at its other end. */
  guard(socket: ServerSocket, owner: SocketOwner): void
  /**
   * Sends `text` to the user's sockets in every process, once or not at all.
   *
   * @throws RangeError for a text that is too long
   * @throws ApiError `store_unavailable` when it may have reached the sockets of this process only
   */
  push(userId: string, text: string): Promise<void>
  /** Tells all sockets that this process stops. */
  stop(): void
}

/** What `createGuardedSockets` is made from. */
export interface GuardedSocketsDeps {
  sessions: Sessions
  /** Null: the store has none, and serves one process. */
  messages: StoreMessages | null
  pingIntervalMs: number
  maxBufferedBytes: number
  maxMessageBytes: number
  /** Milliseconds since 1970. */
  now: () => number
  /** Is told of an error that should not happen. */
  logError: (error: unknown) => void
}

/** A socket that is watched. */
interface Guarded {
  socket: ServerSocket
  userId: string
  ref: SessionRef
  /** When the session ends unless it is used, by what was read last. */
  expiresAtMs: number
  /** Pings that were sent since the last answer. */
  unanswered: number
  heartbeat: NodeJS.Timeout
  /** Runs when the session expires before the next ping. */
  expiry: NodeJS.Timeout | undefined
}

/** Makes {@link GuardedSockets}. Nothing is listened to and no timer runs until there is a socket. */
export function createGuardedSockets(deps: GuardedSocketsDeps): GuardedSockets {
  const { sessions, messages, pingIntervalMs, maxBufferedBytes, maxMessageBytes, now, logError } = deps
  const ofSession = createGroups<Guarded>()
  const ofUser = createGroups<Guarded>()
  let isListening = false
  /** Counts the rounds of {@link checkAll}: a new round stops the one before. */
  let rounds = 0

  return {
    guard(socket, { userId, sessionId }) {
      // The socket has closed meanwhile, for example because this process stops.
      if (socket.readyState !== OPEN) return
      const guarded: Guarded = {
        socket,
        userId,
        ref: { id: sessionId, bucket: bucketOf(userId) },
        expiresAtMs: Number.POSITIVE_INFINITY,
        unanswered: 0,
        heartbeat: setTimeout(() => beat(guarded), pingIntervalMs).unref(),
        expiry: undefined,
      }
      ofSession.add(sessionId, guarded)
      ofUser.add(userId, guarded)
      socket.on('close', () => forget(guarded))
      socket.on('pong', () => answered(guarded))
      listen()
      // The session may have ended since the guard let the upgrade in. From here on its end is heard.
      void check(guarded, sessions.peek)
    },

    async push(userId, text) {
      if (typeof text !== 'string') throw new TypeError('a push is a text, for example JSON')
      if (Buffer.byteLength(text) > maxMessageBytes) {
        throw new RangeError(`a push has at most ${maxMessageBytes} bytes (maxMessageBytes)`)
      }
      deliver(userId, text)
      await messages?.send(JSON.stringify([userId, text]))
    },

    stop() {
      for (const { socket } of ofSession.all()) closeInTime(socket, RESTARTING, 'the service is restarting')
    },
  }

  function listen(): void {
    if (isListening) return
    isListening = true
    messages?.listen({
      onEnded: (ids) => {
        for (const id of ids) for (const guarded of ofSession.get(id)) end(guarded)
      },
      onHeard: () => void checkAll(),
      onText: (text) => {
        const push = parsePush(text)
        if (push) deliver(push.userId, push.text)
      },
    })
  }

  function deliver(userId: string, text: string): void {
    for (const guarded of ofUser.get(userId)) {
      if (isTooSlow(guarded)) drop(guarded)
      else guarded.socket.send(text)
    }
  }

  /** Whether too much waits in our memory, because the phone does not read it. */
  function isTooSlow({ socket }: Guarded): boolean {
    return socket.bufferedAmount > maxBufferedBytes
  }

  function beat(guarded: Guarded): void {
    if (guarded.unanswered >= MISSED_PINGS || isTooSlow(guarded)) {
      drop(guarded)
      return
    }
    guarded.unanswered++
    guarded.socket.ping()
    guarded.heartbeat.refresh()
    watchExpiry(guarded)
  }

  /** An answer without a ping is ignored, because each answer asks the store. */
  function answered(guarded: Guarded): void {
    if (guarded.unanswered === 0 || !isWatched(guarded)) return
    guarded.unanswered = 0
    void check(guarded, sessions.use)
  }

  function watchExpiry(guarded: Guarded): void {
    clearTimeout(guarded.expiry)
    const leftMs = guarded.expiresAtMs - now()
    if (leftMs > pingIntervalMs) return
    // Requests may have used the session meanwhile, so the store is asked.
    guarded.expiry = setTimeout(() => void check(guarded, sessions.peek), Math.max(0, leftMs)).unref()
  }

  /** Asks for the session, and closes the socket when it has ended. */
  async function check(guarded: Guarded, ask: (ref: SessionRef) => Promise<Session>): Promise<void> {
    try {
      const { expiresAtMs } = await ask(guarded.ref)
      if (!isWatched(guarded)) return
      guarded.expiresAtMs = expiresAtMs
      watchExpiry(guarded)
    } catch (error) {
      const status = error instanceof ApiError ? error.statusCode : 500
      if (status === 401) end(guarded)
      // A store that is away has not said that the session ended: the next ping asks again.
      else if (status !== 503) logError(error)
    }
  }

  /** Checks all sockets, after a time in which messages may have been lost. */
  async function checkAll(): Promise<void> {
    const round = ++rounds
    const all = [...ofSession.all()]
    for (let i = 0; i < all.length && round === rounds; i += CHECKS_AT_ONCE) {
      await Promise.all(all.slice(i, i + CHECKS_AT_ONCE).map((guarded) => check(guarded, sessions.peek)))
    }
  }

  function end(guarded: Guarded): void {
    // The phone can send until it answers the close. Nothing of that reaches the application.
    guarded.socket.removeAllListeners('message')
    closeInTime(guarded.socket, SESSION_ENDED, 'the session has ended')
  }

  /** Disconnects at once. A closing frame would wait behind the data that the phone does not read. */
  function drop({ socket }: Guarded): void {
    socket.terminate()
  }

  function isWatched(guarded: Guarded): boolean {
    return ofSession.get(guarded.ref.id).has(guarded)
  }

  /** Stops watching a socket. */
  function forget(guarded: Guarded): void {
    clearTimeout(guarded.heartbeat)
    clearTimeout(guarded.expiry)
    ofUser.remove(guarded.userId, guarded)
    ofSession.remove(guarded.ref.id, guarded)
  }
}

/** Closes a socket, also when the other side does not answer. */
export function closeInTime(socket: ServerSocket, code: number, reason: string): void {
  socket.close(code, reason)
  setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref()
}

function parsePush(json: string): { userId: string; text: string } | null {
  try {
    const [userId, text] = JSON.parse(json) as unknown[]
    return typeof userId === 'string' && typeof text === 'string' ? { userId, text } : null
  } catch {
    return null
  }
}
