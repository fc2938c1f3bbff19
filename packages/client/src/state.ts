import { type ActiveSession, idOf, type SessionState, type SessionStorage } from './storage.ts'

/**
 * What this device knows of its user: in memory, in the storage, and what another copy of this package (an independent
 * subpackage has its own) has stored there.
 */
export interface DeviceState<User> {
  /** The state in memory. It is replaced as a whole, so that a change can be seen by comparing. */
  get(): SessionState<User>
  /** The token of the session in memory, usable or not. Null: nobody is signed in. */
  token(): string | null
  /** The user of that session. Null: nobody is signed in. */
  user(): User | null
  /** The token that was read when the storage was loaded. Null: not loaded yet, or there was none. */
  storedToken(): string | null
  /** Reads the storage, the first time it is called. Resolves with whether this was the first time. Never rejects. */
  load(): Promise<boolean>
  /** Changes the state in memory and in the storage. */
  change(next: SessionState<User>): Promise<unknown>
  /** Changes the state in memory only, for a login under way, which will store what comes of it. */
  adopt(next: SessionState<User>): void
  /** Writes the session again if its expiry has moved far enough. */
  saveExpiry(active: ActiveSession<User>): void
  /** Writes the session again, unless another copy of this package has signed in or out. */
  save(active: ActiveSession<User>): void
  /** Reads the storage again, and takes over what another copy of this package has stored. Never rejects. */
  look(): Promise<void>
  /** The same, but never shares a read that has begun before. */
  lookAnew(): Promise<void>
}

/** The expiry is written again when it has moved by this share of the lifetime. */
const WRITE_FRACTION = 1 / 10

/**
 * @param onNews is told what another copy of this package has stored; returns whether to take it over
 */
export function createDeviceState<User>(
  storage: SessionStorage<User>,
  onNews: (news: SessionState<User>) => boolean,
): DeviceState<User> {
  let state: SessionState<User> = {}
  /** The ids of all states that this copy of the package has had or read. */
  const known: Record<string, true> = { '': true }
  /** The first read of the storage. Null: nobody has asked for it yet. */
  let loading: Promise<void> | null = null
  /** A later read of the storage. Null: nobody is reading. */
  let looking: Promise<void> | null = null
  let storedToken: string | null = null
  /** The expiry as it stands in the storage; 0 for none. */
  let savedExpiresAtMs = 0

  function adopt(next: SessionState<User>): void {
    state = next
    known[idOf(next)] = true
    savedExpiresAtMs = next.active ? next.active.expiresAtMs : 0
  }

  function change(next: SessionState<User>): Promise<unknown> {
    adopt(next)
    return storage.write(next)
  }

  function token(): string | null {
    return state.active ? state.active.token : null
  }

  /** Reads the storage. `receive` gets what is there, and whether the state in memory is still that of before. */
  async function read(receive: (stored: SessionState<User>, isUnchanged: boolean) => void): Promise<void> {
    const before = state
    const stored = await storage.read()
    receive(stored, state === before)
  }

  function restore(stored: SessionState<User>, isUnchanged: boolean): void {
    // A logout may have run while the storage was read; it wins.
    if (isUnchanged) adopt(stored)
    // What was read before a logout must not come back, even if the logout could not be stored.
    known[idOf(stored)] = true
    if (stored.active) storedToken = stored.active.token
  }

  async function lookAnew(): Promise<void> {
    await read((stored, isUnchanged) => {
      // Whatever has changed the state since is newer than the storage.
      if (isUnchanged && !known[idOf(stored)] && onNews(stored)) adopt(stored)
    })
  }

  function look(): Promise<void> {
    if (!looking) {
      looking = lookAnew().then(() => {
        looking = null
      })
    }
    return looking
  }

  function save(active: ActiveSession<User>): void {
    savedExpiresAtMs = active.expiresAtMs
    void look().then(() => active.token === token() && change(state))
  }

  return {
    get: () => state,
    token,
    user: () => (state.active ? state.active.user : null),
    storedToken: () => storedToken,
    async load() {
      const isFirst = !loading
      if (!loading) loading = read(restore)
      await loading
      return isFirst
    },
    change,
    adopt,
    saveExpiry(active) {
      if (Math.abs(active.expiresAtMs - savedExpiresAtMs) >= active.expiresIn * 1000 * WRITE_FRACTION) save(active)
    },
    save,
    look,
    lookAnew,
  }
}
