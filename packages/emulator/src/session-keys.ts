import { createHmac, randomBytes } from 'node:crypto'
import type { Clock } from './clock.ts'
import { WechatError } from './wechat-error.ts'

/** How a caller of WeChat's APIs shows that it has a user's session key. */
export interface SessionKeyParams {
  access_token?: string | undefined
  openid?: string | undefined
  /** HMAC-SHA256 of the empty text under the session key, in hex. */
  signature?: string | undefined
  sig_method?: string | undefined
}

interface SessionKey {
  value: string
  issuedAtMs: number
  usedAtMs: number
}

export interface SessionKeysOptions {
  clock: Clock
  /** How long a key lives without use. */
  ttlMs: number
  /** A login within this time keeps the key. */
  refreshMs: number
}

/** The one valid session key of every openid. */
export function createSessionKeys({ clock, ttlMs, refreshMs }: SessionKeysOptions) {
  const keys = new Map<string, SessionKey>()

  function find(openid: string): SessionKey | null {
    const key = keys.get(openid)
    return key && clock.now() - key.usedAtMs < ttlMs ? key : null
  }

  function prove({ openid, signature, sig_method }: SessionKeyParams): { openid: string; key: SessionKey } {
    if (!openid) throw new WechatError(40003)
    if (sig_method !== 'hmac_sha256') throw new WechatError(87008)
    const key = find(openid)
    if (!key) throw new WechatError(87007)
    // WeChat does not say whether the HMAC's key is the base64 text or the bytes behind it: either will do here.
    const proofs = [key.value, Buffer.from(key.value, 'base64')].map((hmacKey) =>
      createHmac('sha256', hmacKey).update('').digest('hex'),
    )
    if (!signature || !proofs.includes(signature)) throw new WechatError(87009)
    return { openid, key }
  }

  return {
    isAlive: (openid: string): boolean => find(openid) !== null,

    /** The key, made anew when there is none or, at a login, when the last one is old enough. */
    use(openid: string, { rotate }: { rotate: boolean }): string {
      const nowMs = clock.now()
      const key = find(openid)
      if (key && !(rotate && nowMs - key.issuedAtMs >= refreshMs)) {
        key.usedAtMs = nowMs
        return key.value
      }
      const value = makeKey()
      keys.set(openid, { value, issuedAtMs: nowMs, usedAtMs: nowMs })
      return value
    },

    expire(openid: string): void {
      keys.delete(openid)
    },

    /** @throws WechatError 40003, 87007, 87008, 87009 */
    check: (params: SessionKeyParams): void => void prove(params),

    /** The new key ends when the old one would have. @throws WechatError as above */
    reset(params: SessionKeyParams): { openid: string; session_key: string } {
      const { openid, key } = prove(params)
      key.value = makeKey()
      return { openid, session_key: key.value }
    },
  }
}

function makeKey(): string {
  return randomBytes(16).toString('base64')
}
