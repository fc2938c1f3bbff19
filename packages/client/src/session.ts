import { ignore, within } from './deadline.ts'
import { type AuthError, loggedOut } from './errors.ts'
import type { Login } from './login.ts'
import type { Issued, Service } from './service.ts'
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
  /** The service accepted `token`: the session lives on from now. */
  accepted(token: string): void
  /** The service answered 401 to `token`. False when no login may follow. */
  invalidate(token: string, reason?: string): boolean
  logout(): Promise<void>
}

export interface SessionDeps<User> {
  storage: SessionStorage<User>
  login: Login<User>
  revoke: Service<User>['revoke']
  /** WeChat's word on its session_key, or null when it is not to be asked. */
  isSessionKeyAlive: (() => Promise<boolean>) | null
  now: () => number
  onLogin(active: ActiveSession<User>): void
  onLogout(reason: SignOutReason): void
}

/** One login under way, for everybody who waits for it. */
interface Flight<User> {
  generation: number
  outcome: Promise<ActiveSession<User>>
  /** Rejects `outcome` for those who wait, at once; the login itself still has to end. */
  cancel(error: AuthError): void
  /** Settles, never rejects, when nothing of it is under way any more. */
  ended: Promise<void>
}

/** After a `session_revoked` with one of these only the user's own tap signs in again. */
const FINAL_REASONS: readonly unknown[] = ['signed_out_elsewhere', 'erased', 'admin']

/** How long after a 401 the next one starts no login, unless the service has accepted something in between. */
const DISTRUST_MS = 10_000

/** How long `ensure` waits for WeChat's word on its session_key. */
const CHECK_TIMEOUT_MS = 2_000

/** Share of the lifetime by which the expiry must have moved before it is written again. */
const WRITE_FRACTION = 1 / 10

export function createSession<User>(deps: SessionDeps<User>): SessionKeeper<User> {
  const { storage, now } = deps
  let active: ActiveSession<User> | null = null
  let signedOut: SignOutReason | null = null
  let generation = 0
  let flight: Flight<User> | null = null
  let loading: Promise<void> | null = null
  let checking: Promise<void> | null = null
  /** The token that was read from storage, not obtained in this run of the app. */
  let storedToken: string | undefined
  let savedExpiresAtMs = 0
  let distrust: object | null = null

  /** Reads the storage once. */
  function load(): Promise<void> {
    if (!loading) loading = storage.read().then(restore)
    return loading
  }

  function restore(stored: StoredState<User> | null): void {
    if (!stored) return
    storedToken = stored.active?.issued.token
    // Only a logout can have been faster.
    if (generation) return
    active = stored.active || null
    signedOut = stored.signedOut || null
    savedExpiresAtMs = active ? active.expiresAtMs : 0
  }

  function holds(token: string | undefined): boolean {
    return active?.issued.token === token
  }

  function current(): ActiveSession<User> | null {
    return active && now() < active.expiresAtMs ? active : null
  }

  async function obtain(since: number): Promise<ActiveSession<User>> {
    await load()
    if (since !== generation) throw loggedOut()
    return current() || login(false)
  }

  async function ensure(force: boolean): Promise<ActiveSession<User>> {
    const since = generation
    await load()
    if (force && since === generation) return login(true)
    if (current() && holds(storedToken) && deps.isSessionKeyAlive) {
      if (!checking) checking = check(deps.isSessionKeyAlive())
      await checking
    }
    return obtain(since)
  }

  /** A dead session_key costs one login. That it fails is no reason to give up a token the service may still accept. */
  async function check(alive: Promise<boolean>): Promise<void> {
    const renewed = alive.then((isAlive) => {
      if (isAlive || !holds(storedToken)) return
      return login(false).then(ignore, (error) => {
        if (error.code !== 'login_rejected') return
        drop(storedToken)
        throw error
      })
    })
    // It may be refused when nobody waits for it any more.
    renewed.catch(ignore)
    if (!(await within(CHECK_TIMEOUT_MS, alive, () => true))) await renewed
  }

  async function login(force: boolean): Promise<ActiveSession<User>> {
    if (flight?.generation !== generation) {
      if (signedOut && !force) throw loggedOut()
      flight = takeOff(flight)
    }
    return flight.outcome
  }

  /** @param before the flight that a logout came into the middle of; it ends first, so that there are never two */
  function takeOff(before: Flight<User> | null): Flight<User> {
    let cancel: (error: AuthError) => void = ignore
    const cancelled = new Promise<never>((_, reject) => {
      cancel = reject
    })
    const isCurrent = (): boolean => flight === mine && mine.generation === generation
    const land = () => {
      if (flight === mine) flight = null
    }
    // One that was overtaken before it began would only ask WeChat for nothing, and keep the next one waiting.
    const landed = Promise.resolve(before?.ended).then(() => (isCurrent() ? deps.login(isCurrent, commit) : cancelled))
    // Attached first, so that nobody who waited for the outcome still finds the flight.
    const ended = landed.then(land, land)
    const mine: Flight<User> = { generation, outcome: Promise.race([landed, cancelled]), cancel, ended }
    return mine
  }

  function commit(issued: Issued<User>): ActiveSession<User> {
    active = { issued, expiresAtMs: 0, absoluteExpiresAtMs: now() + issued.absoluteExpiresIn * 1000 }
    signedOut = null
    savedExpiresAtMs = 0
    slide(active)
    deps.onLogin(active)
    return active
  }

  function slide(session: ActiveSession<User>): void {
    const lifetimeMs = session.issued.expiresIn * 1000
    session.expiresAtMs = Math.min(now() + lifetimeMs, session.absoluteExpiresAtMs)
    if (Math.abs(session.expiresAtMs - savedExpiresAtMs) < lifetimeMs * WRITE_FRACTION) return
    savedExpiresAtMs = session.expiresAtMs
    void storage.write({ active: session })
  }

  function accepted(token: string): void {
    if (!active || !holds(token)) return
    distrust = null
    slide(active)
  }

  function invalidate(token: string, reason?: string): boolean {
    if (!holds(token)) return true
    if (FINAL_REASONS.indexOf(reason) >= 0) {
      void signOut(reason as SignOutReason)
      return true
    }
    // A service that refuses what it has just issued would otherwise be asked for ever.
    if (distrust) return false
    const since = {}
    distrust = since
    setTimeout(() => {
      if (distrust === since) distrust = null
    }, DISTRUST_MS)
    drop(token)
    return true
  }

  /** Forgets the session that holds `token`; a newer one is left alone. */
  function drop(token: string | undefined): void {
    if (!holds(token)) return
    active = null
    void storage.write(null)
  }

  function signOut(reason: SignOutReason): Promise<unknown> {
    generation++
    if (flight) flight.cancel(loggedOut())
    if (!signedOut) deps.onLogout(reason)
    active = null
    signedOut = reason
    return storage.write({ signedOut: reason })
  }

  async function logout(): Promise<void> {
    let token = active?.issued.token
    const isFirst = !signedOut
    const read = load()
    const saved = signOut('signed_out')
    await read
    if (isFirst && !token) token = storedToken
    await saved
    if (token) await deps.revoke(token)
  }

  return { current, generation: () => generation, obtain, ensure, accepted, invalidate, logout }
}
