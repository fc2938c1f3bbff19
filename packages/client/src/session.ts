import { ignore, within } from './deadline.ts'
import { AuthError } from './errors.ts'
import type { Login } from './login.ts'
import type { Issued, Service } from './service.ts'
import type { ActiveSession, SessionStorage, SignOutReason, StoredState } from './storage.ts'

/** The one session on this device. */
export interface SessionKeeper<User> {
  /** The session by what is in memory, or null. */
  current(): ActiveSession<User> | null
  /** Grows with every sign-out: what began before one must not end after it. */
  generation(): number
  /** A usable session: the current one, or that of one login however many ask. Rejects when a logout came after `since`. */
  obtain(since: number): Promise<ActiveSession<User>>
  /** A new session, or that of the login under way. `force` also ends the signed-out state. */
  login(options?: LoginCall): Promise<ActiveSession<User>>
  /** Waits until the storage was read. */
  load(): Promise<void>
  /** The service accepted `token`: the session lives on from now. */
  accepted(token: string): void
  /** The service answered 401 to `token`. False when no login may follow. */
  invalidate(token: string, reason?: string): boolean
  /** Gives `token` up without a 401. */
  drop(token: string): void
  logout(): Promise<void>
  /** Whether the current session was read from storage, not made in this run of the app. */
  isRestored(): boolean
}

interface LoginCall {
  force?: boolean
  /** How long the caller is willing to wait, when longer than the login's own limit. */
  timeoutMs?: number
}

export interface SessionDeps<User> {
  storage: SessionStorage<User>
  login: Login<User>
  revoke: Service<User>['revoke']
  loginTimeoutMs: number
  now: () => number
  onLogin(active: ActiveSession<User>): void
  onLoginFail(error: AuthError): void
  onLogout(reason: SignOutReason): void
}

/** One login under way, for everybody who waits for it. */
interface Flight<User> {
  generation: number
  outcome: Promise<ActiveSession<User>>
  /** Settles, never rejects, when nothing of it is under way any more. */
  ended: Promise<void>
  /** Rejects `outcome` for those who wait; the flight itself still has to end. */
  cancel(error: AuthError): void
}

/** After a `session_revoked` with one of these only the user's own tap signs in again. */
const FINAL_REASONS: readonly unknown[] = ['signed_out_elsewhere', 'erased', 'admin']

/** How long a token that came because of a 401 and is refused itself starts no further login. */
const UNPROVEN_MS = 10_000

/** Share of the lifetime by which the expiry must have moved before it is written again. */
const WRITE_FRACTION = 1 / 10

export function createSession<User>(deps: SessionDeps<User>): SessionKeeper<User> {
  const { storage, now } = deps
  let active: ActiveSession<User> | null = null
  let restored = false
  let signedOut: SignOutReason | null = null
  let generation = 0
  let flight: Flight<User> | null = null
  let loading: Promise<void> | null = null
  let orphan: string | null = null
  let savedExpiresAtMs = 0
  let refusedBefore = false
  let unproven: string | null = null

  /** Reads the storage once. */
  function load(): Promise<void> {
    if (!loading) loading = storage.read().then(restore)
    return loading
  }

  function restore(stored: StoredState<User> | null): void {
    // A logout was faster; it still has to revoke what it found stored.
    if (generation > 0) orphan = stored?.active ? stored.active.issued.token : null
    else if (stored?.active) {
      active = stored.active
      savedExpiresAtMs = active.expiresAtMs
      restored = true
    } else if (stored) signedOut = stored.signedOut
  }

  function current(): ActiveSession<User> | null {
    return active && now() < active.expiresAtMs ? active : null
  }

  async function obtain(since: number): Promise<ActiveSession<User>> {
    await load()
    if (since !== generation) throw loggedOut(signedOut)
    return current() || login()
  }

  async function login({ force = false, timeoutMs = 0 }: LoginCall = {}): Promise<ActiveSession<User>> {
    if (flight && flight.generation === generation) return flight.outcome
    if (signedOut && !force) throw loggedOut(signedOut)
    const refusal = deps.login.refusal(force)
    if (refusal) throw refusal
    flight = takeOff(Math.max(timeoutMs, deps.loginTimeoutMs))
    return flight.outcome
  }

  function takeOff(limitMs: number): Flight<User> {
    const overtaken = flight
    const startedAtMs = now()
    let cancel: (error: AuthError) => void = ignore
    const cancelled = new Promise<never>((_, reject) => {
      cancel = reject
    })
    const isCurrent = () => flight === mine && mine.generation === generation
    // Never negative or longer than at first, whatever happens to the phone's clock.
    const timeLeftMs = () => Math.max(1, Math.min(limitMs, startedAtMs + limitMs - now()))

    async function fly(): Promise<ActiveSession<User>> {
      // A login that a logout came into the middle of ends first, so that there is never a second one beside it.
      if (overtaken) await overtaken.ended
      const issued = await deps.login.run(isCurrent, timeLeftMs)
      if (!isCurrent()) {
        void deps.revoke(issued.token)
        throw loggedOut(signedOut)
      }
      return commit(issued)
    }

    const landed = within(limitMs, Promise.resolve().then(fly), () => {
      throw new AuthError('login_timeout', `login:fail no session within ${limitMs} ms`)
    }).then(
      (session) => {
        if (flight === mine) flight = null
        return session
      },
      (error) => {
        const counts = isCurrent()
        if (flight === mine) flight = null
        if (counts) {
          deps.login.failed(error)
          deps.onLoginFail(error)
        }
        throw error
      },
    )
    const mine: Flight<User> = {
      generation,
      outcome: Promise.race([landed, cancelled]),
      ended: landed.then(ignore, ignore),
      cancel,
    }
    mine.outcome.catch(ignore)
    return mine
  }

  function commit(issued: Issued<User>): ActiveSession<User> {
    active = { issued, expiresAtMs: 0, absoluteExpiresAtMs: now() + issued.absoluteExpiresIn * 1000 }
    restored = false
    signedOut = null
    if (refusedBefore) distrust(issued.token)
    refusedBefore = false
    savedExpiresAtMs = 0
    slide(active)
    deps.login.succeeded()
    deps.onLogin(active)
    return active
  }

  /** A service that refuses what it has just issued would otherwise be asked for ever. */
  function distrust(token: string): void {
    unproven = token
    setTimeout(() => {
      if (unproven === token) unproven = null
    }, UNPROVEN_MS)
  }

  function slide(session: ActiveSession<User>): void {
    const lifetimeMs = session.issued.expiresIn * 1000
    session.expiresAtMs = Math.min(now() + lifetimeMs, session.absoluteExpiresAtMs)
    if (Math.abs(session.expiresAtMs - savedExpiresAtMs) < lifetimeMs * WRITE_FRACTION) return
    savedExpiresAtMs = session.expiresAtMs
    void storage.write({ active: session })
  }

  function accepted(token: string): void {
    if (active?.issued.token !== token) return
    unproven = null
    slide(active)
  }

  function invalidate(token: string, reason?: string): boolean {
    if (active?.issued.token !== token) return true
    if (FINAL_REASONS.indexOf(reason) >= 0) {
      void signOut(reason as SignOutReason)
      return true
    }
    if (unproven === token) return false
    refusedBefore = true
    drop(token)
    return true
  }

  /** Forgets the session that holds `token`; a newer one is left alone. */
  function drop(token: string): void {
    if (active?.issued.token !== token) return
    active = null
    void storage.write(null)
  }

  function signOut(reason: SignOutReason): Promise<void> {
    generation++
    if (flight) flight.cancel(loggedOut(reason))
    const before = signedOut
    active = null
    signedOut = reason
    if (!before) deps.onLogout(reason)
    return storage.write({ signedOut: reason })
  }

  async function logout(): Promise<void> {
    const token = active?.issued.token
    const read = load()
    const saved = signOut('signed_out')
    await read
    const stale = token || orphan
    orphan = null
    await saved
    if (stale) await deps.revoke(stale)
  }

  return {
    current,
    generation: () => generation,
    obtain,
    login,
    load,
    accepted,
    invalidate,
    drop,
    logout,
    isRestored: () => restored,
  }
}

function loggedOut(reason: SignOutReason | null): AuthError {
  return new AuthError(
    'logged_out',
    `login:fail ${reason || 'signed_out'}; ensureLogin({ force: true }) signs in again`,
  )
}
