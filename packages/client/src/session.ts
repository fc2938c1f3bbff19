import type { AuthEvents, LoginWithRequest, LogoutOptions, LogoutReason, Session } from './contract.ts'
import { createWindow, ignore, type Underway, within } from './deadline.ts'
import { AuthError, loggedOut } from './errors.ts'
import { createLogin, type LoginDeps } from './login.ts'
import type { Issued } from './service.ts'
import { createSessionCheck, type Verdict } from './session-check.ts'
import { type ActiveSession, idOf, type SessionState, type SessionStorage } from './storage.ts'

/** The one session on this device. */
export interface SessionKeeper<User> {
  /** The usable session, by what is in memory. Null: none. */
  current(): ActiveSession<User> | null
  /** A number that grows with every sign-out: what began before one must not go on after it. */
  generation(): number
  /** Notes what a call must know of the moment it began. */
  begin(): Beginning
  /**
   * The usable session, or that of one login, however many ask. Rejects when somebody signed out since the call began, or
   * when another user signed in.
   */
  obtain(call: Beginning): Promise<ActiveSession<User>>
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
  /**
   * Says that a request with `token` was answered 401, finds out why, and ends the session if it has ended.
   *
   * @param address origin and path of the request
   * @returns whether the request may be sent once more
   */
  refused(token: string, response: unknown, address: string): Promise<boolean>
  /** What the service says about the session of `token`. */
  ask(token: string): Promise<Verdict>
  /** Says that the service could not use its session_key, in the session of `token`. */
  keyIsStale(token: string): void
  /** Takes over what the service now says of `user`, if that user is still signed in. */
  update(user: { id: unknown }): void
  logout(options: LogoutOptions): Promise<void>
}

/** What a call knows of the moment it began. */
export interface Beginning {
  /** The generation then. */
  generation: number
  /** The user it began under, or whose token it was sent with. Null: nobody yet. */
  user: unknown
}

/** What the session needs. */
export interface SessionDeps<User> extends LoginDeps<User> {
  storage: SessionStorage<User>
  /** Whether the first sign-in on this phone may happen without the user's tap. */
  autoLogin: boolean
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
const FINAL_REASONS: readonly unknown[] = ['signed_out_elsewhere', 'limit', 'erased', 'admin']

/** After a 401 ended a session, the next end starts no login for this time, unless a request was accepted between. */
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
  const check = createSessionCheck(service.askSession)
  let state: SessionState<User> = {}
  /** The ids of all states that this copy of the package has had or read. */
  const known: Record<string, true> = { '': true }
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
  /** The look into the storage before a silent login. Null: nobody is looking. */
  let looking: Promise<void> | null = null
  /** The token of the session in which the service could not use its session_key. Null: none. */
  let staleKeyOf: string | null = null
  /** The token that was read from the storage. Null: not read yet, or there was none. */
  let storedToken: string | null = null
  /** The token of a sign-out everywhere that the service has not heard of. Null: there is none. */
  let unrevoked: string | null = null
  /** The expiry as it stands in the storage; 0 for none. */
  let savedExpiresAtMs = 0

  /** Changes the state and stores it. */
  function change(next: SessionState<User>): Promise<unknown> {
    adopt(next)
    return storage.write(next)
  }

  /** Reads the storage, the first time. Rejects when a sign-out came after `since`. */
  async function load(since: number): Promise<void> {
    if (!loading) loading = storage.read().then(restore)
    await loading
    if (since !== generation) throw loggedOut()
  }

  function restore(stored: SessionState<User>): void {
    // A logout may have run while the storage was read; it wins.
    if (!generation) adopt(stored)
    // What was read before a logout must not come back, even if the logout could not be stored.
    known[idOf(stored)] = true
    if (stored.active) storedToken = stored.active.token
  }

  /**
   * Changes the state to what stands in the storage (`restore`, `takeOver`), or to what a login under way will store in its
   * place (`end`). Everything else goes through `change`.
   */
  function adopt(stored: SessionState<User>): void {
    state = stored
    known[idOf(stored)] = true
    savedExpiresAtMs = stored.active ? stored.active.expiresAtMs : 0
  }

  function token(): string | null {
    return state.active ? state.active.token : null
  }

  /** Who is signed in, also when the session is not usable any more. Null: nobody. */
  function user(): User | null {
    return state.active ? state.active.user : null
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

  async function obtain(call: Beginning): Promise<ActiveSession<User>> {
    // Whoever reads the storage for the first time has just seen what stands there.
    const hasJustRead = !loading
    await load(call.generation)
    const before = call.user || user()
    const active = current() || (await loginSilently(call.generation, hasJustRead))
    // What began as one user must not go on as another.
    if (before && userIdOf(before) !== userIdOf(active.user)) {
      throw new AuthError('unauthorized', 'request:fail the user has changed', { statusCode: 401 })
    }
    call.user = active.user
    return active
  }

  async function ensure(force: boolean): Promise<ActiveSession<User>> {
    const since = generation
    const hasJustRead = !loading
    await load(since)
    if (force) return login(true)
    if (deps.checkSession === 'launch' && current() && !isOwn() && token() === storedToken) {
      if (!checking) checking = renewKey(since, wechat.isSessionKeyAlive())
      await checking
    }
    if (since !== generation) throw loggedOut()
    return current() || loginSilently(since, hasJustRead)
  }

  /** A dead session_key costs one login. Whatever becomes of that login, the old session stays if it still works. */
  async function renewKey(since: number, alive: Promise<boolean>): Promise<void> {
    const renewed = alive
      .then<unknown>((isAlive) => isAlive || keyHold.isOpen() || token() !== storedToken || loginSilently(since, false))
      .then(ignore, ignore)
    if (!(await within(CHECK_TIMEOUT_MS, alive, () => true))) await renewed
  }

  /**
   * Signs in without the user's tap, unless another copy of this package on the same storage has signed in or out.
   *
   * @param hasJustRead whether the storage need not be read again
   * @param skipsPause whether the login ignores the pause after a failed one
   */
  async function loginSilently(since: number, hasJustRead: boolean, skipsPause = false): Promise<ActiveSession<User>> {
    const before = token()
    if (!underway && !hasJustRead) await look()
    if (since !== generation) throw loggedOut()
    return (before !== token() && current()) || login(skipsPause)
  }

  /** Reads the storage again, because another copy of this package may have written to it. */
  function look(): Promise<void> {
    if (!looking) looking = storage.read().then(takeOver(state))
    return looking
  }

  /** @param before the state when the storage was asked: whatever has changed it since is newer than the storage */
  function takeOver(before: SessionState<User>) {
    return (news: SessionState<User>): void => {
      looking = null
      if (known[idOf(news)] || state !== before || underway) return
      if (news.active) deps.tell('login', view(news.active), news.active.session.id)
      if (news.signedOut) leave(news.signedOut)
      adopt(news)
    }
  }

  async function ensureSessionKey(): Promise<void> {
    const since = generation
    const hasJustRead = !loading
    // Before anything is waited for: a login in the background could replace the key.
    holdKey()
    try {
      await load(since)
      if (underway) await underway.login.outcome
      if (!current()) await loginSilently(since, hasJustRead)
      if (isOwn()) {
        throw new AuthError('invalid_argument', 'ensureSessionKey:fail the session was not made with wx.login')
      }
      const isAlive = await within(CHECK_TIMEOUT_MS, wechat.isSessionKeyAlive(), () => true)
      if (since !== generation) throw loggedOut()
      // After `session_key_stale` the phone's word does not count: it knows WeChat's key, not the service's.
      if (!isAlive || staleKeyOf === token()) await loginSilently(since, false, true)
      holdKey()
    } catch (error) {
      keyHold.close()
      throw error
    }
  }

  function holdKey(): void {
    keyHold.close()
    keyHold.open()
  }

  function login(isTapped: boolean): Promise<ActiveSession<User>> {
    if (!underway) {
      if (!isTapped && !mayLoginSilently()) throw loggedOut()
      underway = { login: logins.withCode(token(), isTapped), isTapped }
    }
    if (isTapped) underway.isTapped = true
    return underway.login.outcome
  }

  /** Not after a sign-out; and with `autoLogin: false` only for a user who was signed in on this phone before. */
  function mayLoginSilently(): boolean {
    return !state.signedOut && (deps.autoLogin || !!state.active || !!state.isRenewable)
  }

  async function loginWith(request: LoginWithRequest): Promise<ActiveSession<User>> {
    await load(generation)
    const before = underway
    underway = { login: logins.withRequest(token(), request), isTapped: true }
    const { outcome } = underway.login
    // Callers that wait for the replaced login get the new session. If the new login fails, they keep the current session.
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
    if (Math.abs(active.expiresAtMs - savedExpiresAtMs) >= active.expiresIn * 1000 * WRITE_FRACTION) save(active)
  }

  /** Stores the session again, unless another copy of this package has signed in or out. */
  function save(active: ActiveSession<User>): void {
    savedExpiresAtMs = active.expiresAtMs
    void look().then(() => active.token === token() && change(state))
  }

  async function refused(by: string, response: unknown, address: string): Promise<boolean> {
    // Another request has been here before: the token is an old one.
    if (by !== token()) return true
    const verdict = check.read(response) || (await check.ask(by))
    if (verdict.says === 'lives') accepted(by)
    const hasEnded = verdict.says === 'ended' || (verdict.says === 'no route' && check.mayGuess(address))
    // Before anything is written to the storage: another copy of this package may have signed in or out.
    if (hasEnded) await look()
    return by !== token() || (hasEnded && end(verdict.reason))
  }

  /** Ends the current session. Returns whether a request may be sent again. */
  function end(reason?: LogoutReason): boolean {
    if (isOwn() || FINAL_REASONS.indexOf(reason) >= 0) {
      // The user is signing in anew, and that is what counts.
      if (underway?.isTapped) return false
      void logoutBecause(reason || 'expired')
      return true
    }
    if (!distrust.open()) return false
    // Another session may be made silently, also after a restart. A login under way stores its own end.
    const next = { isRenewable: true }
    if (underway) adopt(next)
    else void change(next)
    return true
  }

  function update(user: { id: unknown }): void {
    const { active } = state
    if (!active || userIdOf(active.user) !== user.id) return
    Object.assign(active.user as object, user)
    save(active)
  }

  function logoutBecause(reason: LogoutReason): Promise<unknown> {
    leave(reason)
    return change({ signedOut: reason, id: String(Math.random()) })
  }

  /** Ends what is under way for the user who was signed in. */
  function leave(reason: LogoutReason): void {
    generation++
    if (underway) underway.login.abandon(Promise.reject(loggedOut()))
    underway = null
    if (!state.signedOut) deps.tell('logout', { reason }, reason)
  }

  async function logout({ everywhere, remote = true }: LogoutOptions): Promise<void> {
    let ended = token() || unrevoked
    const wasSignedOut = state.signedOut
    // Read before it is overwritten: the stored token must be revoked, too.
    const read = load(generation).catch(ignore)
    const saved = logoutBecause('signed_out')
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
    begin: () => ({ generation, user: user() }),
    obtain,
    ensure,
    ensureSessionKey,
    releaseSessionKey: keyHold.close,
    loginWith,
    accepted,
    refused,
    ask: check.ask,
    keyIsStale(by) {
      staleKeyOf = by
    },
    update,
    logout,
  }
}

/** The application defines what a user is; the users of our service have an `id`. */
function userIdOf(user: unknown): unknown {
  return (Object(user) as { id?: unknown }).id
}

/** What may be shown of a session: everything but the token. */
export function view<User>({ session, user, expiresAtMs }: ActiveSession<User>): Session<User> {
  return Object.assign({ expiresAtMs, user }, session)
}
