import { hash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError } from '../api-error.ts'
import { badResponse, callWechat, timeout, toErrcodeError, WECHAT_DEADLINE_MS } from './api-call.ts'
import type { AppSecrets } from './app-secrets.ts'

/** WeChat has the next token ready this long before the end of the last one, and both are valid meanwhile. */
const RENEW_BEFORE_END_SECONDS = 300
/** Longer than a refresh may take, so that no two processes refresh at the same time. */
const LEASE_MS = WECHAT_DEADLINE_MS + 1_000
/** How often to look whether another process has the new token. */
const LOOK_AGAIN_MS = 100
/** WeChat forces 20 refreshes a day for one mini-program, for all who ask together: one in 72 minutes. */
const FORCED_REFRESH_PAUSE_MS = 75 * 60_000

/** An access_token as WeChat gave it. It opens every API of the mini-program: a secret like the appSecret. */
export interface AccessToken {
  value: string
  /** How long it may be used from now on. */
  ttlMs: number
}

/**
 * Where the access_tokens of the mini-programs are kept, for one process or for many. Processes must share them: WeChat
 * counts how often a token is asked for, and a forced refresh ends the token that the other processes have.
 *
 * @throws ApiError `store_unavailable` when it does not answer
 */
export interface AccessTokenStore {
  /** Null when there is none, or it has expired. */
  find(appid: string): Promise<AccessToken | null>
  save(appid: string, token: AccessToken): Promise<void>
  /** Takes the lease to refresh for so many milliseconds: only one caller gets it. */
  lease(appid: string, leaseId: string, leaseMs: number): Promise<boolean>
  release(appid: string, leaseId: string): Promise<void>
  /** The digest that `saveForced` was given last, while it is kept; null otherwise. */
  findForced(appid: string): Promise<string | null>
  /** Remembers for `keepMs` the access_token of the last forced refresh, by its digest: the one it replaces, then the one it brought. */
  saveForced(appid: string, digest: string, keepMs: number): Promise<void>
}

/** The access_tokens of our mini-programs. */
export interface AccessTokens {
  /**
   * The token for calls of WeChat's server APIs. One process refreshes it, the others wait for what it got.
   *
   * @param refused the token that WeChat has just refused, which is not handed out again
   * @throws ApiError `appid_unknown`, `wechat_*` or `store_unavailable`; `wechat_timeout` 5 s after this call at the latest
   */
  get(appid: string, refused?: string): Promise<AccessToken>
}

/** Who fetches access_tokens, from where, and where they are kept. */
export interface AccessTokensOptions {
  secrets: AppSecrets
  baseUrl: string
  store: AccessTokenStore
}

/** @see https://developers.weixin.qq.com/miniprogram/dev/server/API/mp-access-token/api_getstableaccesstoken */
export function createAccessTokens({ secrets, baseUrl, store }: AccessTokensOptions): AccessTokens {
  const flights = new Map<string, Promise<AccessToken>>()

  return {
    async get(appid, refused) {
      const giveUpAtMs = performance.now() + WECHAT_DEADLINE_MS
      const known = await store.find(appid)
      if (known !== null && known.value !== refused) return known
      for (let flight = flights.get(appid); flight; flight = flights.get(appid)) {
        try {
          const token = await flight
          if (token.value !== refused) return token
        } catch (error) {
          // The request that this call shares began earlier, and its deadline is earlier too.
          if (!isTimeout(error) || performance.now() >= giveUpAtMs) throw error
        }
      }
      return fly(appid, refused)
    },
  }

  function fly(appid: string, refused: string | undefined): Promise<AccessToken> {
    const flight = refresh(appid, refused).finally(() => flights.delete(appid))
    flights.set(appid, flight)
    return flight
  }

  async function refresh(appid: string, refused: string | undefined): Promise<AccessToken> {
    const giveUpAtMs = performance.now() + WECHAT_DEADLINE_MS
    const leaseId = crypto.randomUUID()
    while (!(await store.lease(appid, leaseId, LEASE_MS))) {
      await sleep(LOOK_AGAIN_MS)
      const found = await store.find(appid)
      if (found !== null && found.value !== refused) return found
      if (performance.now() >= giveUpAtMs) throw timeout()
    }
    try {
      // Another process may have saved a token between the last look and the lease.
      const found = await store.find(appid)
      if (found !== null && found.value !== refused) return found
      const asked = await ask(appid, { isForced: false, giveUpAtMs })
      const token = asked.value === refused ? await force(appid, asked.value, giveUpAtMs) : asked
      await store.save(appid, token)
      return token
    } finally {
      // A lease that is not given back ends by itself.
      await store.release(appid, leaseId).catch(() => {})
    }
  }

  /**
   * For a token that WeChat hands out and refuses. It costs one of the twenty forced refreshes of a day, so it is not done
   * again for a token that came from a forced refresh itself, nor for one whose forced refresh failed: WeChat may have
   * counted it.
   */
  async function force(appid: string, refused: string, giveUpAtMs: number): Promise<AccessToken> {
    if ((await store.findForced(appid)) === digestOf(refused)) {
      const message =
        'WeChat refuses the access_token, and a forced refresh did not help; there is a pause before the next one'
      throw new ApiError('wechat_misconfigured', message)
    }
    // Saved before WeChat is asked, so that a refresh without an answer, or with an error, counts too.
    await store.saveForced(appid, digestOf(refused), FORCED_REFRESH_PAUSE_MS)
    const token = await ask(appid, { isForced: true, giveUpAtMs })
    await store.saveForced(appid, digestOf(token.value), FORCED_REFRESH_PAUSE_MS)
    return token
  }

  async function ask(appid: string, o: { isForced: boolean; giveUpAtMs: number }): Promise<AccessToken> {
    const answer = await secrets.use(appid, (secret) =>
      callWechat({
        baseUrl,
        path: 'cgi-bin/stable_token',
        body: { grant_type: 'client_credential', appid, secret, force_refresh: o.isForced },
        giveUpAtMs: o.giveUpAtMs,
      }),
    )
    if (answer.errcode !== 0) throw toErrcodeError(answer)
    return parseToken(answer.body)
  }
}

function parseToken({ access_token: value, expires_in: seconds }: Record<string, unknown>): AccessToken {
  if (typeof value !== 'string' || value === '') throw badResponse('success without an access_token')
  const hasEnd = typeof seconds === 'number' && seconds > 0 && seconds * 1000 <= Number.MAX_SAFE_INTEGER
  if (!hasEnd) throw badResponse('an access_token without an end')
  // Near its end a token may be given out with little time left: 345 seconds were seen.
  return {
    value,
    ttlMs: 1000 * Math.max(seconds - RENEW_BEFORE_END_SECONDS, Math.min(seconds / 2, RENEW_BEFORE_END_SECONDS)),
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'wechat_timeout'
}

/** The store of forced refreshes needs no secret. */
function digestOf(token: string): string {
  return hash('sha256', token, 'base64url')
}

/** Access_tokens of this process alone. */
export function createMemoryAccessTokenStore(now: () => number = Date.now): AccessTokenStore {
  const tokens = new Map<string, { value: string; expiresAtMs: number }>()
  const leases = new Map<string, { id: string; expiresAtMs: number }>()
  const forced = new Map<string, { digest: string; expiresAtMs: number }>()

  return {
    async find(appid) {
      const { value, expiresAtMs } = tokens.get(appid) ?? { value: '', expiresAtMs: 0 }
      const ttlMs = expiresAtMs - now()
      return ttlMs > 0 ? { value, ttlMs } : null
    },
    async save(appid, { value, ttlMs }) {
      tokens.set(appid, { value, expiresAtMs: now() + ttlMs })
    },
    async lease(appid, id, leaseMs) {
      const held = leases.get(appid)
      if (held && held.expiresAtMs > now()) return false
      leases.set(appid, { id, expiresAtMs: now() + leaseMs })
      return true
    },
    async release(appid, id) {
      if (leases.get(appid)?.id === id) leases.delete(appid)
    },
    async findForced(appid) {
      const last = forced.get(appid)
      return last && last.expiresAtMs > now() ? last.digest : null
    },
    async saveForced(appid, digest, keepMs) {
      forced.set(appid, { digest, expiresAtMs: now() + keepMs })
    },
  }
}
