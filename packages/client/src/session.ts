import type { AuthEvents, Session } from './contract.ts'
import { after, ignore, type Underway, within } from './deadline.ts'
import { AuthError, loggedOut } from './errors.ts'
import { createLogin, type LoginDeps } from './login.ts'
import type { Issued, SignInRequest } from './service.ts'
import type { ActiveSession, SessionStorage, SignOutReason, StoredState } from './storage.ts'

/** The one session on this device. */
export interface SessionKeeper<User> {
  /** The usable session by what is in memory, or null. */
  current(): ActiveSession<User> | null
  /** Grows with every sign-out: what began before one must not go on after it. */
  generation(): number
  /** The usable session, or that of one login however many ask. Rejects when a sign-out came after `since`. */
  obtain(since: number): Promise<ActiveSession<User>>
  /** As `obtain`, but first asks WeChat about a session that was stored; `force` signs in anew, also when signed out. */
  ensure(force: boolean): Promise<ActiveSession<User>>
  /** A session whose session_key WeChat still knows, and knows until `releaseSessionKey`. */
  ensureSessionKey(): Promise<void>
  releaseSessionKey(): void
  /** The user signs in by other means than WeChat's. */
  loginWith(request: SignInRequest): Promise<ActiveSession<User>>
  /** The service accepted `token`: the session lives on from now. */
  accepted(token: string): void
  /** The service answered 401 to `token`. False when no replay may follow. */
  invalidate(token: string, reason?: SignOutReason): boolean
  /** What the service now says of `user`, if that is still who is signed in. */
  update(user: { id: unknown }): void
  logout(options: LogoutOptions): Promise<void>
}

export interface LogoutOptions {
  /** Ends all sessions of the user, on every device; rejects when the service cannot be told. Default false. */
  everywhere?: boolean
  /** Whether to tell the service. Default true. */
  remote?: boolean
}

export interface SessionDeps<User> extends LoginDeps<User> {
  storage: SessionStorage<User>
  /** Whether a stored session makes `ensure` ask WeChat about it, once. */
  checkSession: 'launch' | 'never'
  now: () => number
  /** Tells who listens, and `why` in a word to the log. */
  tell<Name extends keyof AuthEvents<User>>(name: Name, detail: AuthEvents<User>[Name], why: string): void
}

/** After a `session_revoked` with one of these only the user's own tap signs in again. */
const FINAL_REASONS: readonly unknown[] = ['signed_out_elsewhere', 'erased', 'admin']

/** How long after a 401 the next one starts no login, unless the service has accepted something in between. */
const DISTRUST_MS = 10_000

/** How long anybody waits for WeChat's word on its session_key. */
export const CHECK_TIMEOUT_MS = 2_000

/** How long a page may take from `ensureSessionKey` to `decrypt`: the user reads what WeChat asks in between. */
const HOLD_MS = 60_000

/** Share of the lifetime by which the expiry must have moved before it is written again. */
const WRITE_FRACTION = 1 / 10

export function createSession<User>(deps: SessionDeps<User>): SessionKeeper<User> {
  const { wechat, service, storage, now } = deps
  const logins = createLogin(deps, land, fail)
  let active: ActiveSession<User> | null = null
  let signedOut: SignOutReason | null = null
  let generation = 0
  let flight: Underway<ActiveSession<User>> | null = null
  /** Whether the user asked for it. */
  let isTapped = false
  let loading: Promise<void> | undefined
  let checking: Promise<void> | undefined
  /** What was read from storage, not obtained in this run of the app. */
  let storedToken: string | null | undefined
  /** Of a sign-out everywhere that the service has not heard of. */
  let unrevoked: string | null
  let savedExpiresAtMs = 0
  // What ends these by itself after a while.
  let distrust: (() => void) | null = null
  let hold: (() => void) | null = null

  /** Reads the storage once. Rejects when a sign-out came after `since`. */
  async function load(since: number): Promise<void> {
    if (!loading) loading = storage.read().then(restore)
    await loading
    if (since !== generation) throw loggedOut()
  }

  function restore(stored: StoredState<User> | null): void {
    const { active: found = null, signedOut: reason = null } = stored || {}
    storedToken = found ? found.token : null
    // Only a logout can have been faster.
    if (generation) return
    active = found
    signedOut = reason
    savedExpiresAtMs = found ? found.expiresAtMs : 0
  }

  function token(): string | null {
    return active ? active.token : null
  }

  function isOwn(): boolean {
    return !!active && !!active.isOwn
  }

  /** The hint is not asked where the login that it causes would do harm. */
  function current(): ActiveSession<User> | null {
    return active && (active.isOwn || hold || now() < active.expiresAtMs) ? active : null
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

  /** A dead session_key costs one login. That it fails is no reason to give up a token the service may still accept. */
  async function check(alive: Promise<boolean>): Promise<void> {
    const renewed = alive
      .then<unknown>((isAlive) => isAlive || hold || token() !== storedToken || login(false))
      .then(ignore, (error) => {
        if (error.code !== 'login_rejected') return
        drop(storedToken)
        throw error
      })
    // It may be refused when nobody waits for it any more.
    renewed.catch(ignore)
    if (!(await within(CHECK_TIMEOUT_MS, alive, () => true))) await renewed
  }

  async function ensureSessionKey(): Promise<void> {
    const since = generation
    // From here on no login may begin in the background, or the key might be another one by the time it is needed.
    holdSessionKey()
    try {
      await load(since)
      if (flight) await flight.outcome
      await obtain(since)
      if (isOwn()) {
        throw new AuthError('invalid_argument', 'ensureSessionKey:fail the session was not made with wx.login')
      }
      const isAlive = await within(CHECK_TIMEOUT_MS, wechat.isSessionKeyAlive(), () => true)
      if (since !== generation) throw loggedOut()
      if (!isAlive) await login(true)
      holdSessionKey()
    } catch (error) {
      releaseSessionKey()
      throw error
    }
  }

  function holdSessionKey(): void {
    releaseSessionKey()
    hold = after(HOLD_MS, releaseSessionKey)
  }

  function releaseSessionKey(): void {
    if (hold) hold()
    hold = null
  }

  function login(force: boolean): Promise<ActiveSession<User>> {
    isTapped = force || (!!flight && isTapped)
    if (!flight) {
      if (signedOut && !force) throw loggedOut()
      flight = logins.withCode(token(), force)
    }
    return flight.outcome
  }

  async function loginWith(request: SignInRequest): Promise<ActiveSession<User>> {
    await load(generation)
    const before = flight
    isTapped = true
    flight = logins.withRequest(token(), request)
    const { outcome } = flight
    // The user's own act goes first; who waits for a session gets the one it brings, or else the one there is.
    if (before) before.giveUp(outcome.catch((error) => current() || Promise.reject(error)))
    return outcome
  }

  // The flight is over before anybody who waited for it goes on.
  function fail(error: AuthError): void {
    flight = null
    deps.tell('loginFail', error, error.errMsg)
  }

  function land(issued: Issued<User>, byUser: boolean): ActiveSession<User> {
    flight = null
    const absoluteExpiresAtMs = now() + issued.absoluteExpiresIn * 1000
    active = Object.assign({}, issued, { isOwn: byUser, expiresAtMs: 0, absoluteExpiresAtMs })
    signedOut = null
    unrevoked = null
    savedExpiresAtMs = 0
    slide(active)
    deps.tell('login', view(active), active.session.id)
    return active
  }

  function slide(session: ActiveSession<User>): void {
    const lifetimeMs = session.expiresIn * 1000
    session.expiresAtMs = Math.min(now() + lifetimeMs, session.absoluteExpiresAtMs)
    if (Math.abs(session.expiresAtMs - savedExpiresAtMs) >= lifetimeMs * WRITE_FRACTION) save(session)
  }

  function save(session: ActiveSession<User>): void {
    savedExpiresAtMs = session.expiresAtMs
    void storage.write({ active: session })
  }

  function accepted(by: string): void {
    if (!active || by !== token()) return
    trust()
    slide(active)
  }

  function invalidate(refused: string, reason?: SignOutReason): boolean {
    if (refused !== token()) return true
    if (isOwn() || FINAL_REASONS.indexOf(reason) >= 0) {
      // The user is signing in anew, and that is what counts.
      if (flight && isTapped) return false
      void signOut(reason || 'expired')
      return true
    }
    // A service that refuses what it has just issued would otherwise be asked for ever.
    if (distrust) return false
    distrust = after(DISTRUST_MS, trust)
    drop(refused)
    return true
  }

  function trust(): void {
    if (distrust) distrust()
    distrust = null
  }

  /** Forgets the session that holds `refused`; a newer one is left alone. */
  function drop(refused: string | null | undefined): void {
    if (refused !== token()) return
    active = null
    void storage.write(null)
  }

  function update(user: { id: unknown }): void {
    if (!active || Object(active.user).id !== user.id) return
    Object.assign(active.user as object, user)
    save(active)
  }

  function signOut(reason: SignOutReason): Promise<unknown> {
    generation++
    if (flight) flight.giveUp(Promise.reject(loggedOut()))
    flight = null
    if (!signedOut) deps.tell('logout', { reason }, reason)
    active = null
    signedOut = reason
    return storage.write({ signedOut: reason })
  }

  async function logout({ everywhere, remote = true }: LogoutOptions): Promise<void> {
    let ended: string | null | undefined = token() || unrevoked
    const wasSignedOut = signedOut
    // Read before it is written over: the stored token is to be revoked, too.
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
    releaseSessionKey,
    loginWith,
    accepted,
    invalidate,
    update,
    logout,
  }
}

/** What may be shown of it: everything but the token. */
export function view<User>({ session, user, expiresAtMs }: ActiveSession<User>): Session<User> {
  return Object.assign({ expiresAtMs, user }, session)
}
