import { createWindow, ignore, within } from './deadline.ts'
import { AuthError, loggedOut } from './errors.ts'
import type { DeviceState } from './state.ts'
import type { ActiveSession } from './storage.ts'

/** WeChat's session_key behind the session: asked about, renewed, and kept while a page needs it. */
export interface SessionKey {
  /** Whether a page needs the key now: then no login may replace it in the background. */
  isHeld(): boolean
  /** Waits for a session whose key WeChat knows, and holds that key until `release`. */
  ensure(): Promise<void>
  release(): void
  /** Says that the service could not use its key, in the session of `token`. */
  markStale(token: string): void
  /**
   * Asks WeChat about the key of the session that was read from the storage, once, and signs in silently when the key is
   * dead. Whatever becomes of that login, the old session stays if it still works. Never rejects.
   */
  checkStored(since: number): Promise<void>
}

/** What of the session it needs. */
export interface SessionKeyDeps<User> {
  /** Whether WeChat still knows the key. */
  isAlive: () => Promise<boolean>
  state: Pick<DeviceState<User>, 'token' | 'storedToken'>
  /** Grows with every sign-out. */
  generation: () => number
  /** Reads the storage, the first time; resolves with whether this call has read it. */
  load: (since: number) => Promise<boolean>
  current: () => ActiveSession<User> | null
  /** Whether the session was made by `loginWith`. */
  isOwn: () => boolean
  /** The login under way. Null: there is none. */
  underway: () => Promise<unknown> | null
  loginSilently: (since: number, hasJustRead: boolean, skipsPause?: boolean) => Promise<unknown>
}

/** How long a caller waits for WeChat's answer about its session_key. */
export const CHECK_TIMEOUT_MS = 2_000

/** How long the time from `ensureSessionKey` to `decrypt` may be: the user reads WeChat's question between. */
const HOLD_MS = 60_000

/** Renews WeChat's session_key when a page needs it, and holds it until the page has used it. */
export function createSessionKey<User>(deps: SessionKeyDeps<User>): SessionKey {
  const { state, generation, current, isOwn, loginSilently } = deps
  /** Open while a page needs the key. */
  const held = createWindow(HOLD_MS)
  /** The token of the session in which the service could not use its key. Null: none. */
  let staleKeyOf: string | null = null
  /** The question to WeChat about the key of the stored session. Null: not asked yet. */
  let checking: Promise<void> | null = null

  /** From now on, for the whole time. */
  function hold(): void {
    held.close()
    held.open()
  }

  async function check(since: number): Promise<void> {
    const alive = deps.isAlive()
    const renewed = alive
      .then<unknown>(
        (isAlive) => isAlive || held.isOpen() || state.token() !== state.storedToken() || loginSilently(since, false),
      )
      .then(ignore, ignore)
    // A silent WeChat is not waited for longer; a login that it has caused is.
    if (!(await within(CHECK_TIMEOUT_MS, alive, () => true))) await renewed
  }

  return {
    isHeld: held.isOpen,
    release: held.close,
    markStale(token) {
      staleKeyOf = token
    },

    async checkStored(since) {
      if (!current() || isOwn() || state.token() !== state.storedToken()) return
      if (!checking) checking = check(since)
      await checking
    },

    async ensure() {
      const since = generation()
      // Before anything is waited for: a login in the background could replace the key.
      hold()
      try {
        const hasJustRead = await deps.load(since)
        await deps.underway()
        if (!current()) await loginSilently(since, hasJustRead)
        if (isOwn()) {
          throw new AuthError('invalid_argument', 'ensureSessionKey:fail the session was not made with wx.login')
        }
        const isAlive = await within(CHECK_TIMEOUT_MS, deps.isAlive(), () => true)
        if (since !== generation()) throw loggedOut()
        // After `session_key_stale` the phone's word does not count: it knows WeChat's key, not the service's.
        if (!isAlive || staleKeyOf === state.token()) await loginSilently(since, false, true)
        hold()
      } catch (error) {
        held.close()
        throw error
      }
    },
  }
}
