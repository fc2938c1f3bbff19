import type { AuthEvents, KeyValueStorage } from './contract.ts'
import { call, createEvents, type Events } from './events.ts'
import { createSession, type SessionDeps, type SessionKeeper } from './session.ts'
import { createSessionStorage } from './storage.ts'

const STORAGE_FORMAT = 1

/** What instances of `createAuth` with the same storage, key and address share. */
export interface SharedSession<User> {
  session: SessionKeeper<User>
  events: Events<AuthEvents<User>>
}

/** What a new shared session is made from: the options of the first instance. */
export interface SharedSessionOptions<User> extends Omit<SessionDeps<User>, 'storage' | 'tell'> {
  storage: KeyValueStorage
  storageKey: string
  logger?: (message: string) => void
}

/** By storage object, then by key and address. */
const instances = new WeakMap<object, Record<string, SharedSession<unknown>>>()
/** Stands for the storage of the global `wx`. */
const GLOBAL_WX = {}

/**
 * Returns the shared session for this storage, key and address. The first call makes it.
 *
 * @param owner the storage, or the `wx` that it belongs to; undefined for the global `wx`
 */
export function joinSession<User>(owner: object | undefined, options: SharedSessionOptions<User>): SharedSession<User> {
  const byKey = instances.get(owner || GLOBAL_WX) || {}
  instances.set(owner || GLOBAL_WX, byKey)
  // The address belongs to it: the token of one service is not for another.
  const key = options.storageKey + options.baseUrl
  // What a user is, each instance says by its own type argument; nothing can check that two of them agree.
  const shared = (byKey[key] as SharedSession<User> | undefined) || shareSession(options)
  byKey[key] = shared as SharedSession<unknown>
  return shared
}

function shareSession<User>(options: SharedSessionOptions<User>): SharedSession<User> {
  const { wechat, baseUrl, appid, storage, storageKey, logger } = options
  // Two services in one app keep their sessions apart, also under the default key.
  const key = `${storageKey}:${baseUrl}`
  const events = createEvents<AuthEvents<User>>({ login: [], logout: [], loginFail: [] })

  /** Later, so that a handler may call this package again. */
  function tell<Name extends keyof AuthEvents<User>>(name: Name, detail: AuthEvents<User>[Name], why: string): void {
    setTimeout(() => {
      events.emit(name, detail)
      call(logger, `${name} ${why}`)
    }, 0)
  }

  /** What a stored session must name to be ours. */
  function scope(): string {
    return [STORAGE_FORMAT, baseUrl, appid(), wechat.account().envVersion].join(' ')
  }

  const session = createSession<User>(
    Object.assign({}, options, { tell, storage: createSessionStorage<User>(storage, key, scope) }),
  )
  return { session, events }
}
