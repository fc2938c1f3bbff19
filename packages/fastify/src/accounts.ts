import type { Actor } from './actor.ts'
import { ApiError } from './api-error.ts'
import type { ConflictStore, Merge, MergeResult } from './conflicts/conflict-store.ts'
import type { RecordEvent } from './events/recorder.ts'
import type { PhoneNumber } from './phone-number.ts'
import { USER_CHANGE_MS } from './sessions/session-store.ts'
import { type IssueAbout, type IssuedSession, type Sessions, UserChangedError } from './sessions/sessions.ts'
import { checkExternalId, isExternalId } from './users/external-id.ts'
import type { RecentUsers } from './users/recent-users.ts'
import { type ExternalIdResult, isDisabled, type User, type UserStore } from './users/users.ts'
import type { WechatIdentity } from './wechat-identity.ts'

/** Who causes a change. */
export interface ChangeOptions {
  /** Stands in the event. Default `host`. */
  by?: Actor
}

/** How a user is disabled. */
export interface DisableOptions extends ChangeOptions {
  /** For operators, never shown to the user: at most 256 characters. */
  reason: string
  /** From when on the user may sign in again. Default: until `enableUser` is called. */
  until?: Date
}

/** What the host's hook `onSignIn` may answer. */
// biome-ignore lint/suspicious/noConfusingVoidType: a hook that returns nothing is the usual one.
export type SignInAnswer = { externalId?: string } | undefined | void

/** What the host's hook `onSignIn` is told beside the user. */
export interface SignInAbout {
  /** The mini-program that the user signs in to. */
  appid: string
  /** The whole number, where the sign-in came with a phone code; it is the user's by now. Null: there was none. */
  phone: PhoneNumber | null
}

/** The option `onSignIn`. */
export type OnSignIn = (
  user: User,
  isNew: boolean,
  data: unknown,
  about: SignInAbout,
) => SignInAnswer | Promise<SignInAnswer>

/** What a sign-in brings for the host's hook. */
export interface SignInExtras {
  /** Free JSON of the phone. */
  data: unknown
  phone: PhoneNumber | null
  /** Runs once the user is there and not disabled, before the hook. */
  beforeHook(user: User): Promise<void>
}

/** A sign-in that succeeded. */
export interface StartedSession {
  user: User
  isNew: boolean
  issued: IssuedSession
}

/** What happens to users and their sessions together. */
export interface Accounts {
  /**
   * Signs in whoever has a WeChat identity. An erasure of that user which was begun is finished first: the user is a new one.
   *
   * @throws ApiError `user_disabled` or `store_unavailable`; and what `beforeHook` and the host's `onSignIn` throw
   */
  signIn(identity: WechatIdentity, about: IssueAbout, extras: SignInExtras): Promise<StartedSession>
  /**
   * Starts a session for a user whom `read` reads.
   *
   * @throws ApiError `user_disabled` or `store_unavailable`; and what `read` throws
   */
  startSession<T extends { user: User }>(
    read: () => Promise<T>,
    about: IssueAbout,
  ): Promise<T & { issued: IssuedSession }>
  /** @throws ApiError `user_disabled` */
  refuseDisabled(user: User): void
  disable(userId: string, options: DisableOptions): Promise<boolean>
  enable(userId: string, by: Actor): Promise<boolean>
  setExternalId(
    userId: string,
    externalId: string | null,
    mayReplace: boolean,
    by: Actor,
  ): Promise<ExternalIdResult | null>
  erase(userId: string, by: Actor): Promise<boolean>
  /**
   * Makes two users one in `conflicts`. The sessions of the user who goes end with the reason `replaced`, so that phones sign in
   * again by themselves, as the user who stays.
   */
  merge(conflicts: ConflictStore, merge: Merge, by: Actor): Promise<MergeResult | null>
  /** Finishes the erasures that a fault has cut off. */
  resumeErasures(): Promise<void>
}

/**
 * Removes what is kept of a user outside the tables of users, e.g. a picture. It runs when the sessions have ended and the user
 * is still in the store, and may run again after a fault.
 */
export type ErasureStep = (userId: string) => Promise<void>

/** What {@link createAccounts} joins. */
export interface AccountsDeps {
  sessions: Sessions
  users: UserStore
  recentUsers: RecentUsers
  /** The host's hook, before there is a session. */
  onSignIn: OnSignIn
  /** Told of what changes nobody. */
  record: RecordEvent
  /** In this order. */
  erasureSteps: readonly ErasureStep[]
  /** Told what the operator should know, with the user whom it is about. */
  warn: (fields: { userId: string }, message: string) => void
  /** Milliseconds since 1970. */
  now: () => number
}

const MAX_REASON_LENGTH = 256
/** The user may be changed once while a sign-in is under way, and once more. */
const READS = 3
const RESUMED_AT_ONCE = 100

/**
 * A change of a user is written in this order: the user's row; a mark beside the sessions, which refuses those that are about to
 * be made by somebody who has read the row before; the sessions that are there. So a change that a fault has cut off is
 * completed by asking again, and no sign-in slips through between the steps.
 */
export function createAccounts(deps: AccountsDeps): Accounts {
  const { sessions, users, recentUsers, onSignIn, record, erasureSteps, warn, now } = deps

  return {
    signIn(identity, about, { data, phone, beforeHook }) {
      /** What the host says of a user. It is asked once, also where the user has to be read again. */
      const said = new Map<string, { isNew: boolean; externalId: string | null }>()
      const askHook = async (user: User, isNew: boolean) => {
        const answer = await onSignIn(user, isNew, data, { appid: about.appid, phone })
        return answer?.externalId ?? null
      }
      const read = async () => {
        const { user, isNew } = await findUserBehind(about.appid, identity)
        refuseDisabled(user)
        const known = said.get(user.id)
        if (!known) await beforeHook(user)
        const host = known ?? { isNew, externalId: await askHook(user, isNew) }
        said.set(user.id, host)
        return { user: await takeExternalId(user, host.externalId), isNew: host.isNew }
      }
      return startSession(read, about)
    },

    startSession,

    refuseDisabled,

    async disable(userId, { reason, until, by = 'host' }) {
      if (reason.length > MAX_REASON_LENGTH)
        throw new RangeError(`reason must not have more than ${MAX_REASON_LENGTH} characters`)
      const disabled = { atMs: now(), untilMs: until ? until.getTime() : null, reason }
      if (Number.isNaN(disabled.untilMs)) throw new RangeError('until must be a valid date')
      if (!(await users.disableUser(userId, disabled, by))) return false
      await sessions.block(userId, String(disabled.atMs), disabled.untilMs)
      await sessions.revokeAll(userId, 'admin', { by })
      return true
    },

    async enable(userId, by) {
      const lifted = await users.enableUser(userId, by)
      if (!lifted) return false
      // Only the mark of the disabling that was taken back: another one may have come meanwhile.
      await sessions.unblock(userId, String(lifted.atMs))
      return true
    },

    setExternalId,

    async erase(userId, by) {
      if (!(await users.beginErasure(userId, now(), by))) return false
      await finishErasure(userId, by)
      return true
    },

    async merge(conflicts, merge, by) {
      const { keep, drop } = merge
      const result = await conflicts.mergeUsers(merge, now(), by)
      if (!result?.merged) return result
      // What follows goes on by itself after a fault, as any erasure does.
      await sessions.block(drop, 'erased', null)
      await sessions.revokeAll(drop, 'replaced', { by })
      // This user is not noted as erased: a backup from before the merge has this user's data only here, and a restore must keep them.
      await removeUser(drop, by)
      recentUsers.forget(keep)
      const externalId = (await users.findUser(keep))?.externalId ?? null
      if (externalId !== null) await setExternalId(keep, externalId, true, by)
      return result
    },

    async resumeErasures() {
      for (const userId of await users.findErasing(RESUMED_AT_ONCE)) await finishErasure(userId, 'host')
    },
  }

  /**
   * A user who is disabled, erased, or given another externalId while the session is made is read again, so that no session is
   * left which the change has not seen.
   */
  async function startSession<T extends { user: User }>(read: () => Promise<T>, about: IssueAbout) {
    for (let i = 0; i < READS; i++) {
      const readAtMs = performance.now()
      const found = await read()
      refuseDisabled(found.user)
      // Marks are kept for a minute. Whoever was held up for longer must not rely on them.
      if (performance.now() - readAtMs > USER_CHANGE_MS / 2) continue
      const { id, externalId } = found.user
      try {
        return { ...found, issued: await sessions.issue(id, { ...about, externalId }) }
      } catch (error) {
        if (!(error instanceof UserChangedError)) throw error
      }
    }
    throw beingChanged()
  }

  async function findUserBehind(appid: string, identity: WechatIdentity): Promise<{ user: User; isNew: boolean }> {
    for (let i = 0; i < READS; i++) {
      const signedIn = await users.signIn(appid, identity, now())
      if (!('erasing' in signedIn)) return signedIn
      await finishErasure(signedIn.erasing, 'user')
    }
    throw beingChanged()
  }

  /** Takes the id that the host gave at a sign-in. One that cannot be taken does not stop the sign-in. */
  async function takeExternalId(user: User, externalId: string | null): Promise<User> {
    if (externalId === null || externalId === user.externalId) return user
    if (!isExternalId(externalId)) {
      warn(
        { userId: user.id },
        'onSignIn gave an externalId that is not 1 to 128 visible ASCII characters: it was not taken',
      )
      return user
    }
    const result = await setExternalId(user.id, externalId, false, 'host')
    if (result?.set) return { ...user, externalId }
    if (result) {
      const why = result.reason === 'taken' ? 'another user has it' : 'the user has a different one'
      warn({ userId: user.id }, `onSignIn gave an externalId that was not taken: ${why}`)
      const otherUserId = result.reason === 'taken' ? result.userId : null
      record({
        type: 'external_id_conflict',
        by: 'host',
        userId: user.id,
        otherUserId,
        data: { reason: result.reason },
      })
    }
    return user
  }

  async function setExternalId(userId: string, externalId: string | null, mayReplace: boolean, by: Actor) {
    if (externalId !== null) checkExternalId(externalId)
    const result = await users.setExternalId(userId, externalId, mayReplace, by)
    if (!result?.set) return result
    // Of two who set it at the same time, the one whose sessions were written last looks whether that is what the store has.
    for (let written = externalId, isStored = false; !isStored; ) {
      await sessions.setExternalId(userId, written)
      const user = await users.findUser(userId)
      isStored = user === null || user.externalId === written
      written = user?.externalId ?? null
    }
    recentUsers.forget(userId)
    return result
  }

  function refuseDisabled(user: User): void {
    if (!isDisabled(user, now())) return
    throw new ApiError('user_disabled', 'the user is disabled', { logFields: { userId: user.id } })
  }

  /**
   * Completes the erasure of a user who is marked in the store. The user is noted as erased before anybody is told of it, so that no
   * backup brings the user back.
   */
  async function finishErasure(userId: string, by: Actor): Promise<void> {
    await sessions.noteErased(userId)
    await removeUser(userId, by)
  }

  /** Two may do this at the same time. */
  async function removeUser(userId: string, by: Actor): Promise<void> {
    recentUsers.forget(userId)
    await sessions.block(userId, 'erased', null)
    await sessions.revokeAll(userId, 'erased', { by })
    for (const step of erasureSteps) await step(userId)
    await users.eraseUser(userId)
  }
}

function beingChanged(): ApiError {
  return new ApiError('store_unavailable', 'the user is being changed at this moment', { retryAfterSeconds: 5 })
}
