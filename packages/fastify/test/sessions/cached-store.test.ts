import crypto, { randomUUID } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createSqliteSessionStore } from '../../src/index.ts'
import { cacheSessionStore } from '../../src/sessions/cached-store.ts'
import type { SessionRecord } from '../../src/sessions/session-store.ts'
import { createSessions, type IssuedSession, type Sessions } from '../../src/sessions/sessions.ts'
import type { StoreListener } from '../../src/sessions/store-messages.ts'
import { sessionStoreContract } from './session-store.contract.ts'

/** A store behind a cache, and the same store as another process changes it, with messages the test sends. */
function open() {
  const far = createSqliteSessionStore({ file: ':memory:' })
  onTestFinished(() => far.close())
  let isHeard = true
  let nowMs = 0
  let finds = 0
  let listener: StoreListener | undefined
  const counted = {
    ...far,
    find: (...args: Parameters<typeof far.find>) => {
      finds++
      return far.find(...args)
    },
  }
  const store = cacheSessionStore({
    store: counted,
    maxAgeMs: 2_000,
    now: () => nowMs,
    messages: {
      isHeard: () => isHeard,
      listen: (next) => {
        listener = next
      },
    },
  })
  const sessions = createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: Date.now })
  return {
    store,
    sessions,
    counted,
    elsewhere: createSessions({ store: far, idleSeconds: 60, absoluteSeconds: 600, now: Date.now }),
    userId: randomUUID(),
    finds: () => finds,
    advance: (ms: number) => {
      nowMs += ms
    },
    tell: (id: string) => listener?.onEnded([id]),
    lose: () => {
      isHeard = false
      listener?.onLost?.()
    },
    mend: () => {
      isHeard = true
    },
    breakDown: () => far.close(),
  }
}

describe('a cached session store', () => {
  sessionStoreContract(async () => {
    const { store, breakDown } = open()
    return { store, breakDown }
  })

  it('the cache remembers the 20 000 sessions that were read last', async () => {
    const { store, counted, advance } = open()
    const record = { userId: 'u', appid: 'wx1', createdAtMs: 0, lastSeenMs: 0 }
    counted.find = async ({ id }) => ({ ...record, id })
    const refOf = (n: number) => ({ id: `${n}`, bucket: '000' })
    for (let n = 0; n < 20_000; n++) await store.find(refOf(n))
    expect(store.findRemembered?.(refOf(0))).not.toBeNull()
    await store.find(refOf(20_000))
    expect([0, 1, 20_000].map((n) => store.findRemembered?.(refOf(n))?.id)).toEqual([undefined, '1', '20000'])
    advance(2_000)
    for (const n of [2, 20_001, 20_002]) await store.find(refOf(n))
    expect(store.findRemembered?.(refOf(2))?.id).toBe('2')
  })

  it('the cache forgets a session when a later answer of the store says that it has ended', async () => {
    const { store, counted } = open()
    const ref = { id: 'a', bucket: '000' }
    const live = { id: 'a', userId: 'u', appid: 'wx1', createdAtMs: 0, lastSeenMs: 0 }
    const answers = [live, { userId: 'u', revoked: 'admin', expiresAtMs: 1 } as const]
    counted.find = async () => answers.shift() ?? null
    expect(await Promise.all([store.find(ref), store.find(ref)])).toMatchObject([live, { revoked: 'admin' }])
    expect(store.findRemembered?.(ref)).toBeNull()
  })

  it('the cache asks the store once for a session that is used repeatedly, until maxAgeMs has passed', async () => {
    const { sessions, userId, finds, advance } = open()
    const { token, session } = await sessions.issue(userId, { appid: 'wx1' })
    for (let i = 0; i < 10; i++) expect(await sessions.get(token)).toEqual(session)
    advance(1_999)
    await sessions.get(token)
    expect(finds()).toBe(1)
    advance(1)
    await sessions.get(token)
    expect(finds()).toBe(2)
  })

  it('the cache refuses a session that another process ended as soon as the message comes, and after maxAgeMs without a message', async () => {
    const { sessions, elsewhere, userId, advance, tell } = open()
    for (const hear of [(id: string) => tell(id), () => advance(2_000)]) {
      const { token, session } = await sessions.issue(userId, { appid: 'wx1' })
      await sessions.get(token)
      await elsewhere.revoke(userId, session.id, 'admin')
      await sessions.get(token)
      hear(session.id)
      await expect(sessions.get(token)).rejects.toMatchObject({ reason: 'admin' })
    }
  })

  it.each<
    [how: string, reason: string, end: (sessions: Sessions, userId: string, made: IssuedSession) => Promise<unknown>]
  >([
    ['revoke', 'admin', (sessions, userId, { session }) => sessions.revoke(userId, session.id, 'admin')],
    ['revokeAll', 'admin', (sessions, userId) => sessions.revokeAll(userId, 'admin')],
    [
      'a sign-in',
      'replaced',
      (sessions, userId, { token }) => sessions.issue(userId, { appid: 'wx1', replaces: token }),
    ],
  ])(
    'the cache refuses at once a session that this process ended by %s, and still remembers that of another user',
    async (_, reason, end) => {
      const { sessions, store, userId } = open()
      const [made, other] = [
        await sessions.issue(userId, { appid: 'wx1' }),
        await sessions.issue('other', { appid: 'wx1' }),
      ]
      for (const { token } of [made, other]) await sessions.get(token)
      await end(sessions, userId, made)
      await expect(sessions.get(made.token)).rejects.toMatchObject({ reason })
      expect(store.findRemembered?.({ id: other.session.id, bucket: '' })).not.toBeNull()
    },
  )

  it('the cache refuses at once a session that was one too many for its user', async () => {
    const { store, userId } = open()
    const sessions = createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: Date.now, limit: 1 })
    const { token } = await sessions.issue(userId, { appid: 'wx1' })
    await sessions.get(token)
    await sessions.issue(userId, { appid: 'wx1' })
    await expect(sessions.get(token)).rejects.toMatchObject({ reason: 'limit' })
  })

  it('the cache has a new externalId at once that this process has written, and the answer of which was lost', async () => {
    const { sessions, counted, userId } = open()
    const { token } = await sessions.issue(userId, { appid: 'wx1' })
    await sessions.get(token)
    await sessions.setExternalId(userId, 'crm-7')
    expect(await sessions.get(token)).toMatchObject({ externalId: 'crm-7' })
    const { setExternalId } = counted
    counted.setExternalId = async (...args) => {
      await setExternalId(...args)
      throw new Error('lost')
    }
    await expect(sessions.setExternalId(userId, 'crm-8')).rejects.toThrow('lost')
    expect(await sessions.get(token)).toMatchObject({ externalId: 'crm-8' })
  })

  it('the cache asks the store again when the answer to ending a session was lost', async () => {
    const { sessions, elsewhere, counted, userId } = open()
    const { token, session } = await sessions.issue(userId, { appid: 'wx1' })
    await sessions.get(token)
    counted.revoke = async () => {
      throw new Error('lost')
    }
    await elsewhere.revoke(userId, session.id, 'admin')
    await expect(sessions.revoke(userId, session.id, 'admin')).rejects.toThrow('lost')
    await expect(sessions.get(token)).rejects.toMatchObject({ reason: 'admin' })
  })

  it('the cache keeps no answer that was under way when a session ended', async () => {
    const { store, sessions, elsewhere, counted, userId, tell } = open()
    const { token, session } = await sessions.issue(userId, { appid: 'wx1' })
    const { find } = counted
    counted.find = async (key) => {
      const found = await find(key)
      await elsewhere.revoke(userId, session.id, 'admin')
      tell(session.id)
      return found
    }
    expect(await store.find({ id: session.id, bucket: '000' })).toMatchObject({ userId })
    await expect(sessions.get(token)).rejects.toMatchObject({ reason: 'admin' })
  })

  it('the cache forgets a session that a touch finds ended, although the message about it was lost', async () => {
    const { store, elsewhere, userId } = open()
    let nowMs = Date.now()
    const sessions = createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: () => nowMs })
    const { token, session } = await sessions.issue(userId, { appid: 'wx1' })
    await sessions.get(token)
    await elsewhere.revoke(userId, session.id, 'admin')
    await sessions.get(token)
    nowMs += 6_000
    await expect(sessions.get(token)).rejects.toMatchObject({ reason: 'admin' })
  })

  it('the cache forgets all sessions when messages cannot arrive, and asks the store each time until they can', async () => {
    const { sessions, elsewhere, userId, finds, lose, mend } = open()
    const { token, session } = await sessions.issue(userId, { appid: 'wx1' })
    await sessions.get(token)
    lose()
    await sessions.get(token)
    await sessions.get(token)
    expect(finds()).toBe(3)
    mend()
    await sessions.get(token)
    await sessions.get(token)
    expect(finds()).toBe(4)
    await elsewhere.revoke(userId, session.id, 'admin')
    lose()
    await expect(sessions.get(token)).rejects.toMatchObject({ reason: 'admin' })
  })

  it('the cache remembers what a touch wrote, so that the next touch comes when it is due', async () => {
    const { store, userId, finds } = open()
    let nowMs = Date.now()
    const sessions = createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: () => nowMs })
    const { token } = await sessions.issue(userId, { appid: 'wx1' })
    await sessions.get(token)
    nowMs += 30_000
    const { touch } = store
    let touches = 0
    store.touch = (...args) => {
      touches++
      return touch(...args)
    }
    for (let i = 0; i < 5; i++) await sessions.get(token)
    expect([touches, finds()]).toEqual([1, 1])
  })

  it('getRecord answers at once, and not as a promise, for as long as the session is remembered', async () => {
    const { sessions, elsewhere, userId, advance, tell, lose } = open()
    for (const hear of [(id: string) => tell(id), () => advance(2_000), () => lose()]) {
      const { token, session } = await sessions.issue(userId, { appid: 'wx1' })
      expect(await remembered(sessions, token)).toBeNull()
      await sessions.get(token)
      expect(await remembered(sessions, token)).toMatchObject({ id: session.id, userId })
      expect(() => sessions.getRecord(token.replace(/.$/, ''))).toThrow(
        expect.objectContaining({ code: 'session_malformed' }),
      )
      await elsewhere.revoke(userId, session.id, 'admin')
      hear(session.id)
      expect(await remembered(sessions, token)).toBeNull()
      await expect(sessions.getRecord(token)).rejects.toMatchObject({ code: 'session_revoked', reason: 'admin' })
    }
  })

  it.each([
    ['use of it has to be written down', { idleSeconds: 60, absoluteSeconds: 600, lasts: 6_000 }],
    ['it has expired', { idleSeconds: 600, absoluteSeconds: 50, lasts: 50_000 }],
  ])('getRecord asks the store again once %s', async (_, { lasts, ...lifetimes }) => {
    const { store, userId } = open()
    let nowMs = Date.now()
    const sessions = createSessions({ store, ...lifetimes, now: () => nowMs })
    const { token } = await sessions.issue(userId, { appid: 'wx1' })
    await sessions.get(token)
    nowMs += lasts - 1
    expect(await remembered(sessions, token)).not.toBeNull()
    nowMs += 1
    expect(await remembered(sessions, token)).toBeNull()
  })

  it('getRecord hashes a token once, whether the session is remembered or not', async () => {
    const { sessions, userId } = open()
    const { token } = await sessions.issue(userId, { appid: 'wx1' })
    const hash = vi.spyOn(crypto, 'hash')
    syncBuiltinESMExports()
    onTestFinished(() => {
      hash.mockRestore()
      syncBuiltinESMExports()
    })
    await sessions.getRecord(token)
    expect(hash).toHaveBeenCalledTimes(1)
    await sessions.getRecord(token)
    expect(hash).toHaveBeenCalledTimes(2)
  })
})

/** What `getRecord` answers at once; null when it has to ask the store. */
async function remembered(sessions: Sessions, token: string): Promise<SessionRecord | null> {
  const found = sessions.getRecord(token)
  if (!(found instanceof Promise)) return found
  await found.catch(() => {})
  return null
}
