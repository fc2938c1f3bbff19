import { createHash, randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ApiError, type Session } from '../../src/index.ts'
import { createSessions, type IssuedSession, type SessionEnd } from '../../src/sessions/sessions.ts'
import { messagesContract } from './messages.contract.ts'
import { neighbourOf, type OpenedSessionStore } from './opened-session-store.ts'
import { restoreSupportContract } from './restore-support.contract.ts'
import { userChangesContract } from './user-changes.contract.ts'

const IDLE_SECONDS = 1_000
const ABSOLUTE_SECONDS = 3_000
const APPID = 'wx1'

/** Text that one of two parsers, a query or a cut in the wrong place might not survive. */
const HOSTILE = {
  'half an emoji': '\ud83d',
  'the other half, and a quote': '"\udc4d',
  'NUL and other controls': 'a\0b\u0001\n\u2028',
  'four bytes a character': '\u{1f44d}'.repeat(40),
  'an emoji at the limit': `x${'\u{1f44d}'.repeat(70)}`,
  'brackets of Lua and JSON': ']] -- }{ \\ \' " [[ %s %d',
  'a number': '1e999',
  'an old number': '007',
  'a very long one': 'x'.repeat(10_000),
  nothing: '',
}

/** What every SessionStore does, told through the one caller it has. `open` makes an empty store per test. */
export function sessionStoreContract(open: () => Promise<OpenedSessionStore>): void {
  async function setUp({ limit = 0 } = {}) {
    const { store, breakDown } = await open()
    let nowMs = Date.now()
    const apps = new Set([APPID])
    /** Every end of a session that `onEnd` was told of. */
    const ends: SessionEnd[] = []
    const sessions = createSessions({
      store,
      onEnd: (end) => ends.push(end),
      hasApp: (appid) => apps.has(appid),
      idleSeconds: IDLE_SECONDS,
      absoluteSeconds: ABSOLUTE_SECONDS,
      limit,
      now: () => nowMs,
    })
    return {
      store,
      sessions,
      ends,
      breakDown,
      apps,
      userId: randomUUID(),
      nowMs: () => nowMs,
      moment: () => ({ nowMs, idleMs: IDLE_SECONDS * 1000 }),
      advance: (seconds: number) => {
        nowMs += seconds * 1000
      },
      issue: (userId: string) => sessions.issue(userId, { appid: APPID }),
    }
  }

  userChangesContract(open)
  messagesContract(open)
  restoreSupportContract(open)

  describe('a session', () => {
    it('a session is found by its token, with its device', async () => {
      const { sessions, userId, nowMs } = await setUp()
      const { token, session } = await sessions.issue(userId, {
        appid: APPID,
        device: { platform: 'ios', sdkVersion: '3.5.2' },
      })
      expect(await sessions.get(token)).toStrictEqual({
        id: createHash('sha256').update(token).digest('base64url'),
        userId,
        appid: APPID,
        createdAtMs: nowMs(),
        lastSeenMs: nowMs(),
        expiresAtMs: nowMs() + IDLE_SECONDS * 1000,
        device: { platform: 'ios', sdkVersion: '3.5.2' },
      } satisfies Session)
      expect(session.id).not.toContain(token.split('.')[2])
    })

    it.each(Object.entries(HOSTILE))(
      'a session whose device calls itself %s is found, listed and ended as any other',
      async (_, text) => {
        const { sessions, userId, advance } = await setUp({ limit: 2 })
        const device = { platform: text, model: text, system: text, wechatVersion: text, sdkVersion: text }
        const issue = (replaces?: string) => {
          advance(1)
          return sessions.issue(userId, { appid: APPID, device, ...(replaces && { replaces }) })
        }
        const [first, second, third] = [await issue(), await issue(), await issue()]
        await expect(sessions.get(first.token)).rejects.toMatchObject({ reason: 'limit' })
        const found = await sessions.get(third.token)
        expect(found).toEqual(third.session)
        for (const kept of Object.values(found.device ?? {})) {
          expect([...kept].length).toBeLessThanOrEqual(64)
          expect(kept).toBe(kept.toWellFormed())
          expect(text.toWellFormed().startsWith(kept)).toBe(true)
        }
        const fourth = await issue(third.token)
        await expect(sessions.get(third.token)).rejects.toMatchObject({ reason: 'replaced' })
        expect(await sessions.list(userId)).toEqual([second.session, fourth.session])
        expect(await sessions.revoke(userId, second.session.id, 'signed_out_elsewhere')).toBe(true)
        expect(await sessions.revokeAll(userId, 'admin')).toBe(1)
        for (const { token } of [second, fourth]) {
          await expect(sessions.get(token)).rejects.toMatchObject({ code: 'session_revoked' })
        }
      },
    )

    it.each(Object.entries(HOSTILE))(
      'a session of a user whose id is %s is found, listed and ended as any other',
      async (_, text) => {
        const { sessions } = await setUp()
        const userId = `${randomUUID()}${text.toWellFormed()}`
        const [first, second] = [
          await sessions.issue(userId, { appid: APPID }),
          await sessions.issue(userId, { appid: APPID }),
        ]
        expect(await sessions.get(first.token)).toEqual(first.session)
        expect(await sessions.revoke(userId, text, 'admin')).toBe(false)
        expect(await sessions.revoke(`${userId}x`, first.session.id, 'admin')).toBe(false)
        expect(await sessions.revoke(userId, first.session.id, 'admin')).toBe(true)
        expect(await sessions.list(userId)).toEqual([second.session])
        expect(await sessions.revokeAll(userId, 'admin')).toBe(1)
      },
    )

    it('a session of a mini-program that is no longer configured is not valid, and none is issued', async () => {
      const { sessions, userId, apps, issue } = await setUp()
      const { token } = await issue(userId)
      await sessions.get(token)
      apps.delete(APPID)
      await expect(sessions.get(token)).rejects.toMatchObject({ code: 'session_invalid' })
      await expect((async () => sessions.getRecord(token))()).rejects.toMatchObject({ code: 'session_invalid' })
      await expect(issue(userId)).rejects.toThrow(new RangeError(`the mini-program ${APPID} is not configured`))
    })

    it('a session is not found by another token', async () => {
      const { sessions, userId, issue } = await setUp()
      const { token } = await issue(userId)
      const other = `${token.slice(0, -1)}${token.endsWith('A') ? 'E' : 'A'}`
      await expect(sessions.get(other)).rejects.toMatchObject({ code: 'session_invalid' })
    })

    it('a session ends when it was not used for the idle lifetime', async () => {
      const { sessions, userId, issue, advance } = await setUp()
      const { token, session } = await issue(userId)
      advance(IDLE_SECONDS - 1)
      await sessions.get(token)
      advance(IDLE_SECONDS)
      const logFields = { userId, sessionId: session.id }
      await expect(sessions.get(token)).rejects.toMatchObject({ code: 'session_invalid', logFields })
    })

    it('a session lives on while it is used, until the absolute lifetime is over', async () => {
      const { sessions, userId, issue, advance } = await setUp()
      const { token } = await issue(userId)
      for (let used = 0; used + 500 < ABSOLUTE_SECONDS; used += 500) {
        advance(500)
        await sessions.get(token)
      }
      advance(499)
      await sessions.get(token)
      advance(1)
      await expect(sessions.get(token)).rejects.toMatchObject({ code: 'session_invalid' })
    })

    it('the use of a session is written at most every tenth of the idle lifetime', async () => {
      const { store, sessions, userId, issue, advance } = await setUp()
      const { token } = await issue(userId)
      let writes = 0
      const { touch } = store
      store.touch = (...args) => {
        writes++
        return touch(...args)
      }
      advance(IDLE_SECONDS / 10 - 1)
      await sessions.get(token)
      expect(writes).toBe(0)
      advance(1)
      await sessions.get(token)
      await sessions.get(token)
      expect(writes).toBe(1)
    })
  })

  describe('a clock that was ahead', () => {
    const YEAR = 365 * 86_400

    it('a session that was made while the clock was ahead does not outlive others after the clock is right again', async () => {
      const { sessions, userId, issue, advance, nowMs } = await setUp()
      advance(YEAR)
      const { token } = await issue(userId)
      advance(-YEAR)
      const used = await sessions.get(token)
      expect(used).toMatchObject({ createdAtMs: nowMs(), lastSeenMs: nowMs() })
      expect(used.expiresAtMs).toBe(nowMs() + IDLE_SECONDS * 1000)
      advance(IDLE_SECONDS)
      await expect(sessions.get(token)).rejects.toMatchObject({ code: 'session_invalid' })
    })

    it('a clock that was ahead ends no session that is not used meanwhile', async () => {
      const { sessions, userId, issue, advance } = await setUp()
      const [{ token }, neighbour] = [await issue(userId), await issue(neighbourOf(userId))]
      advance(YEAR)
      for (let i = 0; i < 30; i++) await issue(userId)
      advance(-YEAR)
      await sessions.get(token)
      await sessions.get(neighbour.token)
      expect(await sessions.revokeAll(userId, 'admin')).toBe(31)
      await expect(sessions.get(token)).rejects.toMatchObject({ reason: 'admin' })
    })

    it('a clock that was ahead leaves no login code in progress for years', async () => {
      const { store, nowMs } = await setUp()
      expect(await store.claimCode('digest', nowMs() + YEAR * 1000)).toBe('claimed')
      expect(await store.claimCode('digest', nowMs())).toBe('used')
    })
  })

  describe('revocation', () => {
    it('a revoked session says why it ended, until it would have expired', async () => {
      const { sessions, userId, issue, advance } = await setUp()
      const { token, session } = await issue(userId)
      expect(await sessions.revoke(userId, session.id, 'admin')).toBe(true)
      const logFields = { userId, sessionId: session.id }
      await expect(sessions.get(token)).rejects.toMatchObject({ code: 'session_revoked', reason: 'admin', logFields })
      advance(IDLE_SECONDS)
      await expect(sessions.get(token)).rejects.toMatchObject({ code: 'session_invalid', logFields })
    })

    it('revoking an ended, expired or unknown session does nothing', async () => {
      const { sessions, userId, issue, advance } = await setUp()
      const { token, session } = await issue(userId)
      await sessions.revoke(userId, session.id, 'signed_out')
      expect(await sessions.revoke(userId, session.id, 'admin')).toBe(false)
      await expect(sessions.get(token)).rejects.toMatchObject({ reason: 'signed_out' })
      expect(await sessions.revoke(userId, 'unknown', 'admin')).toBe(false)
      const late = await issue(userId)
      advance(IDLE_SECONDS)
      expect(await sessions.revoke(userId, late.session.id, 'admin')).toBe(false)
      expect(await sessions.revokeAll(userId, 'admin')).toBe(0)
    })

    it('revoking reaches the sessions of that user only', async () => {
      const { sessions, userId, issue } = await setUp()
      const mine = await issue(userId)
      const theirs = await issue(neighbourOf(userId))
      expect(await sessions.revoke(userId, theirs.session.id, 'admin')).toBe(false)
      expect(await sessions.revokeAll(userId, 'admin')).toBe(1)
      await expect(sessions.get(mine.token)).rejects.toMatchObject({ code: 'session_revoked' })
      await sessions.get(theirs.token)
    })

    it('revoking all other sessions keeps the session of the caller', async () => {
      const { sessions, userId, issue } = await setUp()
      const [kept, other] = [await issue(userId), await issue(userId)]
      expect(await sessions.revokeAll(userId, 'signed_out_elsewhere', { except: kept.session.id })).toBe(1)
      await sessions.get(kept.token)
      await expect(sessions.get(other.token)).rejects.toMatchObject({ reason: 'signed_out_elsewhere' })
      expect((await sessions.list(userId)).map(({ id }) => id)).toEqual([kept.session.id])
    })

    it('revoking all sessions after 50 logins at the same time leaves none alive', async () => {
      const { sessions, userId, issue } = await setUp()
      const issued = await Promise.all(Array.from({ length: 50 }, () => issue(userId)))
      expect(await sessions.revokeAll(userId, 'admin')).toBe(50)
      expect(await sessions.list(userId)).toEqual([])
      const states = await Promise.all(issued.map(({ token }) => sessions.get(token).catch(({ code }) => code)))
      expect(new Set(states)).toEqual(new Set(['session_revoked']))
    })

    it('revoking all sessions during 50 logins at the same time leaves only listed ones alive', async () => {
      const { sessions, userId, issue } = await setUp()
      const logins = Array.from({ length: 50 }, () => issue(userId))
      const revoked = sessions.revokeAll(userId, 'admin')
      const issued = await Promise.all(logins)
      const count = await revoked
      const listed = (await sessions.list(userId)).map(({ id }) => id)
      const states = await Promise.all(
        issued.map(({ token }) =>
          sessions.get(token).then(
            () => 'alive',
            (error) => error.code,
          ),
        ),
      )
      const alive = issued.filter((_, i) => states[i] === 'alive').map(({ session }) => session.id)
      expect(alive.sort()).toEqual(listed.sort())
      expect(states.filter((state) => state === 'session_revoked')).toHaveLength(count)
      expect(await sessions.revokeAll(userId, 'admin')).toBe(listed.length)
      expect(await sessions.list(userId)).toEqual([])
    })

    it('a revocation is not undone by a touch that was under way', async () => {
      const { store, sessions, userId, issue, advance, nowMs, moment } = await setUp()
      const { token, session } = await issue(userId)
      advance(IDLE_SECONDS / 2)
      const { expiresAtMs, ...record } = session
      await sessions.revoke(userId, session.id, 'signed_out')
      expect(await store.touch({ ...record, lastSeenMs: nowMs() }, { ...moment(), expiresAtMs })).toBeNull()
      await expect(sessions.get(token)).rejects.toMatchObject({ code: 'session_revoked' })
      expect(await sessions.list(userId)).toEqual([])
    })

    it('a request whose session is revoked between its read and its touch is told the reason', async () => {
      const { store, sessions, userId, issue, advance } = await setUp()
      const { token, session } = await issue(userId)
      advance(IDLE_SECONDS / 2)
      const { find } = store
      store.find = async (key) => {
        const found = await find(key)
        store.find = find
        await sessions.revoke(userId, session.id, 'admin')
        return found
      }
      await expect(sessions.get(token)).rejects.toMatchObject({ code: 'session_revoked', reason: 'admin' })
    })

    it('a touch makes no session that never was', async () => {
      const { store, userId, nowMs, moment } = await setUp()
      const record = { id: 'x', userId, appid: APPID, createdAtMs: nowMs(), lastSeenMs: nowMs() }
      expect(await store.touch(record, { ...moment(), expiresAtMs: nowMs() + 1000 })).toBeNull()
      expect(await store.list(userId, moment())).toEqual([])
    })
  })

  describe('a new session', () => {
    it('a new session ends the oldest when the user has too many, and no more than it must', async () => {
      const { sessions, userId, issue, advance } = await setUp({ limit: 3 })
      const stranger = await issue(neighbourOf(userId))
      const issued = []
      for (let i = 0; i < 5; i++) {
        advance(IDLE_SECONDS / 10)
        issued.push(await issue(userId))
        // Use makes no session younger.
        if (issued[0] && i < 3) await sessions.get(issued[0].token)
      }
      expect((await sessions.list(userId)).map(({ id }) => id)).toEqual(
        issued.slice(2).map(({ session }) => session.id),
      )
      for (const { token } of issued.slice(0, 2)) {
        await expect(sessions.get(token)).rejects.toMatchObject({ code: 'session_revoked', reason: 'limit' })
      }
      await sessions.get(stranger.token)
    })

    it('an ended session does not count at the limit', async () => {
      const { sessions, userId, issue, advance } = await setUp({ limit: 3 })
      const expired = await issue(userId)
      advance(IDLE_SECONDS - 10)
      const [oldest, revoked] = [await issue(userId), await issue(userId)]
      await sessions.revoke(userId, revoked.session.id, 'admin')
      advance(10)
      await issue(userId)
      await issue(userId)
      await sessions.get(oldest.token)
      expect(await sessions.list(userId)).toHaveLength(3)
      await expect(sessions.get(expired.token)).rejects.toMatchObject({ code: 'session_invalid' })
    })

    it('an expired session does not count at the limit, so that no older one that is still used has to end', async () => {
      const { sessions, userId, issue, advance } = await setUp({ limit: 2 })
      const used = await issue(userId)
      advance(1)
      await issue(userId)
      advance(IDLE_SECONDS / 2)
      await sessions.get(used.token)
      advance(IDLE_SECONDS / 2)
      const { session } = await issue(userId)
      expect((await sessions.list(userId)).map(({ id }) => id)).toEqual([used.session.id, session.id])
    })

    it('50 sign-ins at the same time leave as many sessions as the limit allows', async () => {
      const { sessions, ends, userId, issue } = await setUp({ limit: 20 })
      const issued = await Promise.all(Array.from({ length: 50 }, () => issue(userId)))
      const found = await Promise.allSettled(issued.map(({ token }) => sessions.get(token)))
      const alive = found.flatMap((result) => (result.status === 'fulfilled' ? [result.value.id] : []))
      expect(alive).toHaveLength(20)
      expect((await sessions.list(userId)).map(({ id }) => id).sort()).toEqual(alive.sort())
      const gone = issued.flatMap(({ session: { id } }) => (alive.includes(id) ? [] : id))
      expect(ends.map(({ sessionId }) => sessionId).sort()).toEqual(gone.sort())
    })

    it('a new session ends the one whose token came with the sign-in, and no other', async () => {
      const { sessions, userId, issue } = await setUp({ limit: 2 })
      const [other, old] = [await issue(userId), await issue(userId)]
      const { token } = await sessions.issue(userId, { appid: APPID, replaces: old.token })
      await expect(sessions.get(old.token)).rejects.toMatchObject({ code: 'session_revoked', reason: 'replaced' })
      await Promise.all([sessions.get(token), sessions.get(other.token)])
    })

    it("a new session replaces another user's session on the same device", async () => {
      const { sessions, userId, issue } = await setUp()
      for (const before of [randomUUID(), neighbourOf(userId)]) {
        const old = await issue(before)
        await sessions.issue(userId, { appid: APPID, replaces: old.token })
        await expect(sessions.get(old.token)).rejects.toMatchObject({ reason: 'replaced' })
        expect(await sessions.list(before)).toEqual([])
      }
    })

    it('a sign-in ignores an old token that is malformed, unknown, expired or of an ended session', async () => {
      const { sessions, userId, issue, advance } = await setUp()
      const expired = await issue(userId)
      advance(IDLE_SECONDS)
      const ended = await issue(userId)
      await sessions.revoke(userId, ended.session.id, 'admin')
      const unknown = `${ended.token.slice(0, 9)}${'a'.repeat(43)}`
      for (const replaces of ['', 'Bearer', expired.token, ended.token, unknown]) {
        const { token } = await sessions.issue(userId, { appid: APPID, replaces })
        await sessions.get(token)
      }
      await expect(sessions.get(ended.token)).rejects.toMatchObject({ reason: 'admin' })
      await expect(sessions.get(expired.token)).rejects.toMatchObject({ code: 'session_invalid' })
    })
  })

  it('the live sessions of a user are listed, oldest first', async () => {
    const { sessions, userId, issue, advance } = await setUp()
    const expired = await issue(userId)
    advance(IDLE_SECONDS / 2)
    const first = await issue(userId)
    advance(1)
    const second = await issue(userId)
    advance(IDLE_SECONDS / 2 - 1)
    await issue(randomUUID())
    expect(await sessions.list(userId)).toEqual([first.session, second.session])
    await expect(sessions.get(expired.token)).rejects.toMatchObject({ code: 'session_invalid' })
  })

  describe('a login code', () => {
    it('a login code is exchanged by one of 50 callers, and refused to the others', async () => {
      const { sessions } = await setUp()
      let exchanges = 0
      const refused: string[] = []
      // The exchange goes on until all others were refused.
      let finish = () => {}
      const done = new Promise<void>((resolve) => {
        finish = resolve
      })
      const spend = () =>
        sessions.spendCode(APPID, 'c', async () => {
          exchanges++
          await done
        })
      await Promise.all(
        Array.from({ length: 50 }, () =>
          spend().catch(({ code }) => {
            if (refused.push(code) === 49) finish()
          }),
        ),
      )
      expect(exchanges).toBe(1)
      expect(refused).toHaveLength(49)
      expect(new Set(refused)).toEqual(new Set(['login_in_progress']))
      await expect(sessions.spendCode(APPID, 'c', async () => 1)).rejects.toMatchObject({ code: 'code_used' })
    })

    it('a failed exchange spends the login code too', async () => {
      const { sessions } = await setUp()
      const fail = () => Promise.reject(new ApiError('wechat_timeout', 'late'))
      await expect(sessions.spendCode(APPID, 'c', fail)).rejects.toMatchObject({ code: 'wechat_timeout' })
      await expect(sessions.spendCode(APPID, 'c', async () => 1)).rejects.toMatchObject({ code: 'code_used' })
    })

    it('a login code is settled together with the session that it led to, and by no call of its own', async () => {
      const { store, sessions, userId, nowMs } = await setUp()
      let digest = ''
      let settled = 0
      const { settleCode } = store
      store.settleCode = (code) => {
        settled++
        return settleCode(code)
      }
      const { token } = await sessions.spendCode(APPID, 'c', (code) => {
        digest = code.digest
        return sessions.issue(userId, { appid: APPID, code })
      })
      expect(await store.claimCode(digest, nowMs())).toBe('used')
      expect(settled).toBe(0)
      expect(await sessions.get(token)).toMatchObject({ userId })
    })

    it('a login code counts as used although the session that it should have led to could not be made', async () => {
      const { store, sessions, userId } = await setUp()
      store.create = () => Promise.reject(new ApiError('store_unavailable', 'down'))
      const signIn = () => sessions.spendCode(APPID, 'c', (code) => sessions.issue(userId, { appid: APPID, code }))
      await expect(signIn()).rejects.toMatchObject({ code: 'store_unavailable' })
      await expect(signIn()).rejects.toMatchObject({ code: 'code_used' })
    })

    it('a login code whose exchange was never finished counts as used once the exchange cannot be running any more', async () => {
      const { store, nowMs } = await setUp()
      expect(await store.claimCode('digest', nowMs())).toBe('claimed')
      expect(await store.claimCode('digest', nowMs() + 4_999)).toBe('in_progress')
      expect(await store.claimCode('digest', nowMs() + 5_000)).toBe('used')
    })

    it('a login code that is settled leaves the others in progress', async () => {
      const { store, nowMs } = await setUp()
      for (const digest of ['a', 'b', 'c']) await store.claimCode(digest, nowMs())
      await store.settleCode('b')
      const claims = []
      for (const digest of ['a', 'b', 'c']) claims.push(await store.claimCode(digest, nowMs()))
      expect(claims).toEqual(['in_progress', 'used', 'in_progress'])
    })

    it('a login code whose claim is gone is not kept as used by settling it', async () => {
      const { store, nowMs } = await setUp()
      await store.settleCode('gone')
      expect(await store.claimCode('gone', nowMs())).toBe('claimed')
    })

    it('the same login code of another mini-program is another code', async () => {
      const { sessions } = await setUp()
      await sessions.spendCode('wx1', 'c', async () => 1)
      expect(await sessions.spendCode('wx2', 'c', async () => 2)).toBe(2)
    })
  })

  it('listeners are told of each session that ends, whichever way, before the call that ends it is over', async () => {
    const { store, sessions, userId, advance } = await setUp({ limit: 2 })
    const told = new Set<string>()
    store.messages?.listen({
      onEnded: (ids) => {
        for (const id of ids) told.add(id)
      },
    })
    const issue = (replaces?: string) => {
      advance(1)
      return sessions.issue(userId, { appid: APPID, ...(replaces && { replaces }) })
    }
    const [first, second] = [await issue(), await issue()]
    // Nobody ends the session of another user, and nobody is told so.
    expect(await sessions.revoke(neighbourOf(userId), first.session.id, 'signed_out')).toBe(false)
    expect([...told]).toEqual([])
    const third = await issue(first.token)
    expect([...told]).toEqual([first.session.id])
    const fourth = await issue()
    expect([...told]).toEqual([first.session.id, second.session.id])
    await sessions.revoke(userId, third.session.id, 'signed_out')
    expect([...told].at(-1)).toBe(third.session.id)
    const fifth = await issue()
    await sessions.revokeAll(userId, 'signed_out_elsewhere', { except: fifth.session.id })
    expect([...told].slice(3)).toEqual([fourth.session.id])
    await sessions.revokeAll(userId, 'admin')
    expect([...told].slice(4)).toEqual([fifth.session.id])
  })

  it('each session that ends is told once, with the reason and by whom', async () => {
    const { sessions, ends, userId, advance } = await setUp({ limit: 2 })
    const issue = (replaces?: string, user: string = userId) => {
      advance(1)
      return sessions.issue(user, { appid: APPID, ...(replaces && { replaces }) })
    }
    const told = (reason: SessionEnd['reason'], { session }: IssuedSession, by = 'user') => {
      return { userId: session.userId, sessionId: session.id, reason, by, count: 1 }
    }
    const over = await issue()
    advance(IDLE_SECONDS)
    const ofAnother = await issue(over.token, neighbourOf(userId))
    const first = await issue(over.token)
    expect(ends).toEqual([])
    const second = await issue(ofAnother.token)
    expect(ends.splice(0)).toEqual([told('replaced', ofAnother)])
    const third = await issue(second.token)
    expect(ends.splice(0)).toEqual([told('replaced', second)])
    const fourth = await issue(second.token)
    expect(ends.splice(0)).toEqual([told('limit', first)])
    for (let i = 0; i < 2; i++) await sessions.revoke(userId, third.session.id, 'admin', 'operator:root')
    expect(ends.splice(0)).toEqual([told('admin', third, 'operator:root')])
    await issue()
    for (let i = 0; i < 2; i++) await sessions.revokeAll(userId, 'erased', { by: 'wechat' })
    expect(ends).toEqual([{ userId, reason: 'erased', by: 'wechat', count: 2 }])
    await expect(sessions.get(fourth.token)).rejects.toMatchObject({ reason: 'erased' })
  })

  it('a store that fails is store_unavailable, and never answers that there is no session', async () => {
    const { store, sessions, userId, issue, breakDown, nowMs, moment } = await setUp()
    const { token, session } = await issue(userId)
    await store.ping()
    await breakDown()
    const calls = [
      () => sessions.get(token),
      () => issue(userId),
      () => sessions.revoke(userId, session.id, 'admin'),
      () => sessions.revokeAll(userId, 'admin'),
      () => sessions.list(userId),
      () => store.touch(session, { ...moment(), expiresAtMs: nowMs() + 1000 }),
      () => store.block(userId, 'b1', { nowMs: nowMs(), expiresAtMs: nowMs() + 1000 }),
      () => store.unblock(userId, 'b1'),
      () => store.setExternalId(userId, 'e1', { nowMs: nowMs(), expiresAtMs: nowMs() + 1000 }),
      () => sessions.spendCode(APPID, 'c', async () => 1),
      () => store.settleCode('digest'),
      () => store.ping(),
    ]
    for (const call of calls) {
      const message = expect.stringMatching(/^the session store \(\w+\) failed: ./)
      await expect(call()).rejects.toMatchObject({ code: 'store_unavailable', retryAfterSeconds: 1, message })
    }
  })
}
