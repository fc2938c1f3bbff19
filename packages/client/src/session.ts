import type { AuthEvents, LoginWithRequest, LogoutOptions, LogoutReason, Session } from './contract.ts'
import { createWindow, ignore, type Underway, within } from './deadline.ts'
import { AuthError, loggedOut } from './errors.ts'
import { createLogin, type LoginDeps } from './login.ts'
import type { Issued } from './service.ts'
import type { ActiveSession, SessionState, SessionStorage } from './storage.ts'

/** The one session on this device. */
export interface SessionKeeper<User> {
  /** The usable session, by what is in memory. Null: none. */
  current(): ActiveSession<User> | null
  /** A number that grows with every sign-out: what began before one must not go on after it. */
  generation(): number
  /**
   * The usable session, or that of one login, however many ask.
   *
   * @param since the generation in which the call began; rejects when a sign-out came after it
   */
  obtain(since: number): Promise<ActiveSession<User>>
  /**
   * As `obtain`, but asks WeChat about a stored session first.
   *
   * @param force for the user's own tap: signs in even if there is a session or the user signed out
   */
  ensure(force: boolean): Promise<ActiveSession<User>>
  /** Waits for a session whose session_key WeChat knows, and keeps that key until `releaseSessionKey`. */
  ensureSessionKey(): Promise<void>
  releaseSessionKey(): void
  /** Signs in with the application's own request. */
  loginWith(request: LoginWithRequest): Promise<ActiveSession<User>>
  /** Says that the service accepted `token`: the lifetime of the session starts again. */
  accepted(token: string): void
  /** Says that the service answered 401 to `token`. Returns false when the request must not be sent again. */
  invalidate(token: string, reason?: LogoutReason): boolean
  /** Takes over what the service now says of `user`, if that user is still signed in. */
  update(user: { id: unknown }): void
  logout(options: LogoutOptions): Promise<void>
}

/** What the session needs. */
export interface SessionDeps<User> extends LoginDeps<User> {
  storage: SessionStorage<User>
  /** Whether `ensure` asks WeChat about a stored session, once. */
  checkSession: 'launch' | 'never'
  now: () => number
  /**
   * Tells an event to its handlers.
   *
   * @param why one word or sentence for the log
   */
  tell<Name extends keyof AuthEvents<User>>(name: Name, detail: AuthEvents<User>[Name], why: string): void
}

/** After a `session_revoked` with one of these reasons, only the user's own tap signs in again. */
const FINAL_REASONS: readonly unknown[] = ['signed_out_elsewhere', 'erased', 'admin']

/** After a 401 that ended a session, the next 401 starts no login for this time, unless a request was accepted between. */
const DISTRUST_MS = 10_000

/** How long a caller waits for WeChat's answer about its session_key. */
export const CHECK_TIMEOUT_MS = 2_000

/** How long the time from `ensureSessionKey` to `decrypt` may be: the user reads WeChat's question between. */
const KEY_HOLD_MS = 60_000

/** The expiry is written again when it has moved by this share of the lifetime. */
const WRITE_FRACTION = 1 / 10

/** Keeps the session: in memory, in the storage, and renewed. */
export function createSession<User>(deps: SessionDeps<User>): SessionKeeper<User> {
  const { wechat, service, storage, now } = deps
  const logins = createLogin(deps, commit, fail)
  let state: SessionState<User> = {}
  /** The login under way, and whether the user asked for it. Null: no login is under way. */
  let underway: { login: Underway<ActiveSession<User>>; isTapped: boolean } | null = null
  let generation = 0
  /** Open after a 401 ended a session: a service that refuses what it has just issued would be asked for ever. */
  const distrust = createWindow(DISTRUST_MS)
  /** Open while a page needs the session_key: no login may replace that key. */
  const keyHold = createWindow(KEY_HOLD_MS)
  /** The first read of the storage. Null: nobody has asked for it yet. */
  let loading: Promise<void> | null = null
  /** The question to WeChat about the stored session. Null: not asked yet. */
  let checking: Promise<void> | null = null
  /** The token that was read from the storage. Null: not read yet, or there was none. */
  let storedToken: string | null = null
  /** The token of a sign-out everywhere that the service has not heard of. Null: there is none. */
  let unrevoked: string | null = null
  /** The expiry as it stands in the storage; 0 for none. */
  let savedExpiresAtMs = 0

  /** Changes the state and stores it. */
  function change(next: SessionState<User>): Promise<unknown> {
    state = next
    savedExpiresAtMs = next.active ? next.active.expiresAtMs : 0
    return storage.write(next)
  }

  /** Reads the storage, the first time. Rejects when a sign-out came after `since`. */
  async function load(since: number): Promise<void> {
    if (!loading) loading = storage.read().then(restore)
    await loading
    if (since !== generation) throw loggedOut()
  }

  function restore(stored: SessionState<User>): void {
    storedToken = stored.active ? stored.active.token : null
    // A logout may have run while the storage was read; it wins.
    if (generation) return
    state = stored
    savedExpiresAtMs = stored.active ? stored.active.expiresAtMs : 0
  }

  function token(): string | null {
    return state.active ? state.active.token : null
  }

  function isOwn(): boolean {
    return !!state.active && !!state.active.isOwn
  }

  /**
   * Ignores the expiry of `loginWith` sessions, which cannot be renewed silently, and while the session_key is held,
   * because a login could replace it.
   */
  function current(): ActiveSession<User> | null {
    const { active } = state
    return active && (active.isOwn || keyHold.isOpen() || now() < active.expiresAtMs) ? active : null
  }

  function obtain(since: number): Promise<ActiveSession<User>> {
    return load(since).then(() => current() || login(false))
  }

  async function ensure(force: boolean): Promise<ActiveSession<User>> {
    const since = generation
    await load(since)
    if (force) return login(true)
    if (deps.checkSession === 'launch' && current() && !isOwn() && token() === storedToken) {
      if (!checking) checking = check(wechat.isSessionKeyAlive())
      await checking
    }
    return obtain(since)
  }

  /** A dead session_key costs one login. When that login fails, the old session stays: the service may still accept it. */
  async function check(alive: Promise<boolean>): Promise<void> {
    const renewed = alive
      .then<unknown>((isAlive) => isAlive || keyHold.isOpen() || token() !== storedToken || login(false))
      .then(ignore, (error: AuthError) => {
        if (error.code !== 'login_rejected') return
        if (storedToken) drop(storedToken)
        throw error
      })
    // It may reject after the caller has stopped waiting.
    renewed.catch(ignore)
    if (!(await within(CHECK_TIMEOUT_MS, alive, () => true))) await renewed
  }

  async function ensureSessionKey(): Promise<void> {
    const since = generation
    // Before anything is waited for: a login in the background could replace the key.
    keyHold.open()
    try {
      await load(since)
      if (underway) await underway.login.outcome
      await obtain(since)
      if (isOwn()) {
        throw new AuthError('invalid_argument', 'ensureSessionKey:fail the session was not made with wx.login')
      }
      const isAlive = await within(CHECK_TIMEOUT_MS, wechat.isSessionKeyAlive(), () => true)
      if (since !== generation) throw loggedOut()
      if (!isAlive) await login(true)
      keyHold.open()
    } catch (error) {
      keyHold.close()
      throw error
    }
  }

  function login(isTapped: boolean): Promise<ActiveSession<User>> {
    if (!underway) {
      if (state.signedOut && !isTapped) throw loggedOut()
      underway = { login: logins.withCode(token(), isTapped), isTapped }
    }
    if (isTapped) underway.isTapped = true
    return underway.login.outcome
  }

  async function loginWith(request: LoginWithRequest): Promise<ActiveSession<User>> {
    await load(generation)
    const before = underway
    underway = { login: logins.withRequest(token(), request), isTapped: true }
    const { outcome } = underway.login
    // This login replaces the one before. Who waits for that one gets this session or, if this fails, the one there is.
    if (before) before.login.abandon(outcome.catch((error) => current() || Promise.reject(error)))
    return outcome
  }

  function fail(error: AuthError): void {
    // Before anybody who waits for the login goes on.
    underway = null
    deps.tell('loginFail', error, error.errMsg)
  }

  function commit(issued: Issued<User>, byUser: boolean): ActiveSession<User> {
    underway = null
    unrevoked = null
    const absoluteExpiresAtMs = now() + issued.absoluteExpiresIn * 1000
    const active = Object.assign({}, issued, { isOwn: byUser, expiresAtMs: 0, absoluteExpiresAtMs })
    active.expiresAtMs = expiryOf(active)
    void change({ active })
    deps.tell('login', view(active), active.session.id)
    return active
  }

  function expiryOf({ expiresIn, absoluteExpiresAtMs }: ActiveSession<User>): number {
    return Math.min(now() + expiresIn * 1000, absoluteExpiresAtMs)
  }

  function accepted(by: string): void {
    const { active } = state
    if (!active || by !== active.token) return
    distrust.close()
    active.expiresAtMs = expiryOf(active)
    if (Math.abs(active.expiresAtMs - savedExpiresAtMs) >= active.expiresIn * 1000 * WRITE_FRACTION) void change(state)
  }

  function invalidate(refused: string, reason?: LogoutReason): boolean {
    if (refused !== token()) return true
    if (isOwn() || FINAL_REASONS.indexOf(reason) >= 0) {
      // The user is signing in anew, and that is what counts.
      if (underway?.isTapped) return false
      void signOut(reason || 'expired')
      return true
    }
    if (distrust.isOpen()) return false
    distrust.open()
    drop(refused)
    return true
  }

  /** Forgets the session that holds `refused`; a newer session is left alone. */
  function drop(refused: string): void {
    if (refused === token()) void change({})
  }

  function update(user: { id: unknown }): void {
    const { active } = state
    if (!active || (Object(active.user) as { id?: unknown }).id !== user.id) return
    Object.assign(Object(active.user), user)
    void change(state)
  }

  function signOut(reason: LogoutReason): Promise<unknown> {
    generation++
    if (underway) underway.login.abandon(Promise.reject(loggedOut()))
    underway = null
    if (!state.signedOut) deps.tell('logout', { reason }, reason)
    return change({ signedOut: reason })
  }

  async function logout({ everywhere, remote = true }: LogoutOptions): Promise<void> {
    let ended = token() || unrevoked
    const wasSignedOut = state.signedOut
    // Read before it is overwritten: the stored token must be revoked, too.
    const read = load(generation).catch(ignore)
    const saved = signOut('signed_out')
    await read
    if (!ended && !wasSignedOut) ended = storedToken
    if (!remote) return void (await saved)
    if (everywhere) {
      if (!ended) throw loggedOut()
      unrevoked = ended
      await service.revokeAll(ended)
      unrevoked = null
    } else if (ended) await service.revoke(ended)
    await saved
  }

  return {
    current,
    generation: () => generation,
    obtain,
    ensure,
    ensureSessionKey,
    releaseSessionKey: keyHold.close,
    loginWith,
    accepted,
    invalidate,
    update,
    logout,
  }
}

/** What may be shown of a session: everything but the token. */
export function view<User>({ session, user, expiresAtMs }: ActiveSession<User>): Session<User> {
  return Object.assign({ expiresAtMs, user }, session)
}
