import type { RedisClient } from '../redis.ts'
import { guardStore } from '../store-failure.ts'
import type { AccessTokenStore } from './access-token.ts'

/** Hides what is stored; `createSessionKeyVault` makes one. */
export interface AccessTokenSeal {
  seal(text: string, owner: { appid: string; openid: string }): string
  /** @throws Error when it cannot be opened */
  open(sealed: string, owner: { appid: string; openid: string }): string
}

/** Options of {@link createRedisAccessTokenStore}. */
export interface RedisAccessTokenStoreOptions {
  redis: RedisClient
  /** An access_token opens every API of the mini-program: whoever reads Redis must not get it. */
  vault: AccessTokenSeal
  /** Default `weapp-auth:`. */
  keyPrefix?: string
}

const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`

/**
 * Access_tokens in Redis, sealed, for any number of processes: `<prefix>t:<appid>`, `<prefix>tl:<appid>` the lease,
 * and `<prefix>tf:<appid>` the digest of what the last forced refresh brought.
 */
export function createRedisAccessTokenStore(options: RedisAccessTokenStoreOptions): AccessTokenStore {
  const { redis, vault, keyPrefix = 'weapp-auth:' } = options
  const guarded = guardStore('the store of access_tokens (Redis)')
  // The vault seals for an owner. No user has an empty openid, so no session_key can be taken for an access_token.
  const owner = (appid: string) => ({ appid, openid: '' })
  const leaseKey = (appid: string) => `${keyPrefix}tl:${appid}`
  const forcedKey = (appid: string) => `${keyPrefix}tf:${appid}`

  return {
    find: guarded(async (appid) => {
      const key = `${keyPrefix}t:${appid}`
      const [sealed, ttlMs] = await Promise.all([redis.get(key), redis.pttl(key)])
      const value = sealed === null ? null : findOpened(sealed, appid)
      return value === null || ttlMs <= 0 ? null : { value, ttlMs }
    }),
    save: guarded(async (appid, { value, ttlMs }) => {
      await redis.set(`${keyPrefix}t:${appid}`, vault.seal(value, owner(appid)), 'PX', Math.ceil(ttlMs))
    }),
    lease: guarded(
      async (appid, leaseId, leaseMs) => (await redis.set(leaseKey(appid), leaseId, 'PX', leaseMs, 'NX')) === 'OK',
    ),
    release: guarded(async (appid, leaseId) => {
      await redis.eval(RELEASE, 1, leaseKey(appid), leaseId)
    }),
    findForced: guarded((appid) => redis.get(forcedKey(appid))),
    saveForced: guarded(async (appid, digest, keepMs) => {
      await redis.set(forcedKey(appid), digest, 'PX', keepMs)
    }),
  }

  /** An access_token that was sealed under a key that the ring lacks is fetched anew. */
  function findOpened(sealed: string, appid: string): string | null {
    try {
      return vault.open(sealed, owner(appid))
    } catch {
      return null
    }
  }
}
