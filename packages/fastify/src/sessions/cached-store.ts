import type { SessionRecord, SessionStore } from './session-store.ts'
import type { StoreMessages } from './store-messages.ts'
import type { SessionRef } from './token.ts'

/** About 10 MB. Where more sessions are in use, those read longest ago are forgotten. */
const MAX_RECORDS = 20_000

/** Options of {@link cacheSessionStore}. */
export interface CachedSessionStoreOptions {
  store: SessionStore
  /** How long a record is used, in milliseconds since it was asked for. */
  maxAgeMs: number
  messages: Pick<StoreMessages, 'isHeard' | 'listen'>
  /** A clock that never goes back. */
  now?: () => number
}

/**
 * Remembers the live sessions of another store. When any process ends or changes a session, a message tells it; while
 * messages cannot be heard, nothing is remembered. So a session that was ended is let in until the message arrives, and for
 * `maxAgeMs` at most when the message is lost.
 */
export function cacheSessionStore(o: CachedSessionStoreOptions): SessionStore {
  const { store, maxAgeMs, messages, now = () => performance.now() } = o
  const records = new Map<string, { record: SessionRecord; askedAtMs: number }>()
  /**
   * Grows with each deletion. An answer requested before a deletion is not cached, because it may be older than the end of
   * the session.
   */
  let forgotten = 0

  const forget = (ids: Iterable<string>) => {
    forgotten++
    for (const id of ids) records.delete(id)
  }
  const forgetAllOf = (userId: string) =>
    forget([...records.values()].flatMap(({ record }) => (record.userId === userId ? record.id : [])))
  messages.listen({
    onChanged: forget,
    onEnded: forget,
    onLost: () => forget([...records.keys()]),
  })

  /** Returns a function that says, when the answer to a question of now has come, whether it may be remembered. */
  const mayRemember = () => {
    const before = messages.isHeard() ? forgotten : null
    return () => forgotten === before
  }

  const remember = (record: SessionRecord, askedAtMs: number) => {
    records.delete(record.id)
    const oldest = records.size >= MAX_RECORDS ? records.keys().next().value : undefined
    if (oldest !== undefined) records.delete(oldest)
    records.set(record.id, { record, askedAtMs })
  }

  const findRemembered = ({ id }: SessionRef) => {
    const known = records.get(id)
    return known && now() - known.askedAtMs < maxAgeMs ? known.record : null
  }

  return {
    ...store,
    findRemembered,
    async find(ref) {
      const remembered = findRemembered(ref)
      if (remembered) return remembered
      const askedAtMs = now()
      const isCurrent = mayRemember()
      const found = await store.find(ref)
      if (found && 'id' in found && isCurrent()) remember(found, askedAtMs)
      else records.delete(ref.id)
      return found
    },
    async touch(record, lifetime) {
      const askedAtMs = now()
      const isCurrent = mayRemember()
      const touched = await store.touch(record, lifetime)
      if (touched && isCurrent()) remember(touched, askedAtMs)
      else records.delete(record.id)
      return touched
    },
    // These methods forget a session as soon as this process ends or changes it, and do not wait for the message. All but
    // `create` do so also when the call failed: the session may have ended although the answer was lost.
    async create(...args) {
      const ended = await store.create(...args)
      if (ended) forget(ended)
      return ended
    },
    async revoke(userId, sessionId, revocation) {
      try {
        return await store.revoke(userId, sessionId, revocation)
      } finally {
        forget([sessionId])
      }
    },
    async revokeAll(userId, revocation) {
      try {
        return await store.revokeAll(userId, revocation)
      } finally {
        forgetAllOf(userId)
      }
    },
    async setExternalId(userId, ...args) {
      try {
        await store.setExternalId(userId, ...args)
      } finally {
        forgetAllOf(userId)
      }
    },
  }
}
