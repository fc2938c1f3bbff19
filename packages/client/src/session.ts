import type { AuthEvents, LoginWithRequest, LogoutOptions, LogoutReason, Session } from './contract.ts'
import { createWindow, ignore, type Underway } from './deadline.ts'
import { AuthError, loggedOut } from './errors.ts'
import { createLogin, type LoginDeps, type PhoneProof } from './login.ts'
import type { Issued } from './service.ts'
import { createSessionCheck, type Verdict } from './session-check.ts'
import { createSessionKey, type SessionKey } from './session-key.ts'
import { createDeviceState } from './state.ts'
import type { ActiveSession, SessionState, SessionStorage } from './storage.ts'

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
   * @param phoneCode for a tap that proves the phone number: a login of its own, which waits for the one under way
   * @param isGivenUp whether the caller has stopped waiting: then no phone code is sent
   */
  ensure(force: boolean, phoneCode: string | undefined, isGivenUp: () => boolean): Promise<ActiveSession<User>>
  sessionKey: Pick<SessionKey, 'ensure' | 'release' | 'markStale'>
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
  /** Changes what is known of the user under whom `call` was sent, if that user is still signed in. */
  update(call: Beginning, change: (user: User) => object): void
  /** Says that the service has erased the user under whom `call` was sent: no login may follow without the user's tap. */
  erased(call: Beginning): Promise<void>
  /** Whether the user who was signed in is erased, and nobody has signed in since. */
  isErased(): boolean
  logout(options: LogoutOptions): Promise<void>
}

/** A login under way. */
interface LoginUnderway<User> {
  login: Underway<ActiveSession<User>>
  /** Whether the user asked for it, so that it goes before what another copy of the package has stored. */
  isTapped: boolean
  /** Whether `loginWith` has taken its place. */
  isReplaced?: boolean
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

/** Keeps the session: gets it, renews it, and gives it up. */
export function createSession<User>(deps: SessionDeps<User>): SessionKeeper<User> {
  const { service, now } = deps
  const state = createDeviceState(deps.storage, takeOver)
  const { token } = state
  const logins = createLogin(deps, lookBeforeCommit, commit, fail)
  const check = createSessionCheck(service.askSession)
  const sessionKey = createSessionKey({
    isAlive: deps.wechat.isSessionKeyAlive,
    state,
    generation: () => generation,
    load,
    current,
    isOwn,
    underway: () => (underway ? underway.login.outcome : null),
    loginSilently,
  })
  /** Null: no login is under way. */
  let underway: LoginUnderway<User> | null = null
  let generation = 0
  /** Open after a 401 ended a session: a service that refuses what it has just issued would be asked for ever. */
  const distrust = createWindow(DISTRUST_MS)
  /** The token of a sign-out everywhere that the service has not heard of. Null: there is none. */
  let unrevoked: string | null = null

  /**
   * Reads the storage, the first time. Resolves with whether this call has read it. Rejects when a sign-out came after
   * `since`.
   */
  async function load(since: number): Promise<boolean> {
    const hasJustRead = await state.load()
    if (since !== generation) throw loggedOut()
    return hasJustRead
  }

  function isOwn(): boolean {
    const { active } = state.get()
    return !!active && !!active.isOwn
  }

  /**
   * Ignores the expiry of `loginWith` sessions, which cannot be renewed silently, and while the session_key is held,
   * because a login could replace it.
   */
  function current(): ActiveSession<User> | null {
    const { active } = state.get()
    return active && (active.isOwn || sessionKey.isHeld() || now() < active.expiresAtMs) ? active : null
  }

  async function obtain(call: Beginning): Promise<ActiveSession<User>> {
    const hasJustRead = await load(call.generation)
    const before = call.user || state.user()
    const active = current() || (await loginSilently(call.generation, hasJustRead))
    // What began as one user must not go on as another.
    if (before && userIdOf(before) !== userIdOf(active.user)) {
      throw new AuthError('unauthorized', 'request:fail the user has changed', { statusCode: 401 })
    }
    call.user = active.user
    return active
  }

  async function ensure(
    force: boolean,
    phoneCode: string | undefined,
    isGivenUp: () => boolean,
  ): Promise<ActiveSession<User>> {
    const since = generation
    const hasJustRead = await load(since)
    if (phoneCode) return loginWithPhone(since, phoneCode, isGivenUp)
    if (force) return joinLogin(true).login.outcome
    if (deps.checkSession === 'launch') await sessionKey.checkStored(since)
    if (since !== generation) throw loggedOut()
    return current() || loginSilently(since, hasJustRead)
  }

  /** Never joins a login under way, which proves no phone number, and never starts when nobody waits for it any more. */
  async function loginWithPhone(
    since: number,
    phoneCode: string,
    isGivenUp: () => boolean,
  ): Promise<ActiveSession<User>> {
    while (underway) {
      underway.isTapped = true
      await underway.login.outcome.catch(ignore)
    }
    if (since !== generation || isGivenUp()) throw loggedOut()
    const mine = joinLogin(true, true, { code: phoneCode, isGivenUp })
    const active = await mine.login.outcome
    // The session that has taken its place proves no phone number. All others who wait are content with it.
    if (mine.isReplaced) throw new AuthError('aborted', 'login:fail another login took the place of this one')
    return active
  }

  /**
   * Signs in without the user's tap, unless another copy of this package on the same storage has signed in or out.
   *
   * @param hasJustRead whether the storage need not be read again
   * @param skipsPause whether the login ignores the pause after a failed one
   */
  async function loginSilently(since: number, hasJustRead: boolean, skipsPause = false): Promise<ActiveSession<User>> {
    const before = token()
    if (!underway && !hasJustRead) await state.look()
    if (since !== generation) throw loggedOut()
    return (before !== token() && current()) || joinLogin(false, skipsPause).login.outcome
  }

  /**
   * Another copy of this package has signed in or out: so does this one, and a silent login under way is given up.
   *
   * @returns false when its news does not count here
   */
  function takeOver({ active, signedOut }: SessionState<User>): boolean {
    // The user is signing in here, and that is what counts.
    if (underway?.isTapped) return false
    if (signedOut) leave(signedOut)
    else if (active) {
      giveUpLogin(active)
      deps.tell('login', view(active), active.session.id)
    }
    // Its session has ended. A login under way stores what comes of it.
    else return !underway
    return true
  }

  /** Another copy of this package may have signed out while a silent login was under way: then nothing is committed. */
  async function lookBeforeCommit(): Promise<void> {
    if (!underway?.isTapped) await state.lookAnew()
  }

  /** The login under way. Without one it starts one. */
  function joinLogin(isTapped: boolean, skipsPause = isTapped, phone?: PhoneProof): LoginUnderway<User> {
    if (!underway) {
      if (!isTapped && !mayLoginSilently()) throw loggedOut()
      underway = { login: logins.withCode(token(), skipsPause, phone), isTapped }
    }
    if (isTapped) underway.isTapped = true
    return underway
  }

  /** Not after a sign-out; and with `autoLogin: false` only for a user who was signed in on this phone before. */
  function mayLoginSilently(): boolean {
    const { active, signedOut, isRenewable } = state.get()
    return !signedOut && (deps.autoLogin || !!active || !!isRenewable)
  }

  async function loginWith(request: LoginWithRequest): Promise<ActiveSession<User>> {
    await load(generation)
    const before = underway
    underway = { login: logins.withRequest(token(), request), isTapped: true }
    const { outcome } = underway.login
    // Callers that wait for the replaced login get the new session. If the new login fails, they keep the current session.
    if (before) {
      before.isReplaced = true
      before.login.abandon(outcome.catch((error) => current() || Promise.reject(error)))
    }
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
    void state.change({ active })
    deps.tell('login', view(active), active.session.id)
    return active
  }

  function expiryOf({ expiresIn, absoluteExpiresAtMs }: ActiveSession<User>): number {
    return Math.min(now() + expiresIn * 1000, absoluteExpiresAtMs)
  }

  function accepted(by: string): void {
    const { active } = state.get()
    if (!active || by !== active.token) return
    distrust.close()
    active.expiresAtMs = expiryOf(active)
    state.saveExpiry(active)
  }

  async function refused(by: string, response: unknown, address: string): Promise<boolean> {
    // Another request has been here before: the token is an old one.
    if (by !== token()) return true
    const verdict = check.read(response) || (await check.ask(by))
    if (verdict.says === 'lives') accepted(by)
    const hasEnded = verdict.says === 'ended' || (verdict.says === 'no route' && check.mayGuess(address))
    // Before anything is written to the storage: another copy of this package may have signed in or out.
    if (hasEnded) await state.look()
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
    if (underway) state.adopt(next)
    else void state.change(next)
    return true
  }

  function update(call: Beginning, change: (user: User) => object): void {
    const { active } = state.get()
    if (!active || !isSameUser(active.user, call.user)) return
    Object.assign(active.user as object, change(active.user))
    state.save(active)
  }

  async function erased(call: Beginning): Promise<void> {
    if (call.generation === generation && isSameUser(state.user() || call.user, call.user))
      await logoutBecause('erased')
  }

  function logoutBecause(reason: LogoutReason): Promise<unknown> {
    leave(reason)
    return state.change({ signedOut: reason, id: String(Math.random()) })
  }

  /** Ends what is under way for the user who was signed in. */
  function leave(reason: LogoutReason): void {
    generation++
    giveUpLogin(null)
    if (!state.get().signedOut) deps.tell('logout', { reason }, reason)
  }

  /** @param instead the session that callers get who wait for the login; null: they hear of the sign-out */
  function giveUpLogin(instead: ActiveSession<User> | null): void {
    if (underway) underway.login.abandon(instead || Promise.reject(loggedOut()))
    underway = null
  }

  async function logout({ everywhere, remote = true }: LogoutOptions): Promise<void> {
    let ended = token() || unrevoked
    const wasSignedOut = state.get().signedOut
    // Read before it is overwritten: the stored token must be revoked, too.
    const read = load(generation).catch(ignore)
    const saved = logoutBecause('signed_out')
    await read
    if (!ended && !wasSignedOut) ended = state.storedToken()
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
    begin: () => ({ generation, user: state.user() }),
    obtain,
    ensure,
    sessionKey,
    loginWith,
    accepted,
    refused,
    ask: check.ask,
    update,
    erased,
    isErased: () => state.get().signedOut === 'erased',
    logout,
  }
}

/** The application defines what a user is; the users of our service have an `id`. */
function userIdOf(user: unknown): unknown {
  return (Object(user) as { id?: unknown }).id
}

/** Without an `id`, only the user of the very same session is known to be the same. */
function isSameUser(one: unknown, other: unknown): boolean {
  return one === other || (userIdOf(one) !== undefined && userIdOf(one) === userIdOf(other))
}

/** What may be shown of a session: everything but the token. */
export function view<User>({ session, user, expiresAtMs }: ActiveSession<User>): Session<User> {
  return Object.assign({ expiresAtMs, user }, session)
}
